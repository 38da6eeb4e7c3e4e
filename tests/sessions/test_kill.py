"""`kill -9` of a process that writes, at random points: nothing that was acknowledged is lost, and what there is can be read."""

import random
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from agent.config import Journal as Settings
from agent.sessions.store import events_of, state_of
from agent.sessions.stores import open_store
from infra.paths import ROOT


def killed(settings: Settings, session: str, seconds: float) -> int:
    """Let a writer write, kill it so many seconds after its first acknowledgement, and return the last number that it was sure of."""
    command = [sys.executable, "-m", "tests.sessions.writer", settings.url, str(settings.archive), session]
    writer = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE)
    assert writer.stdout is not None
    first = writer.stdout.readline()
    assert first, "the writer has begun"
    threading.Timer(seconds, writer.kill).start()
    acknowledged = [int(line) for line in [first, *writer.stdout] if line.endswith(b"\n")]
    assert writer.wait() == -9
    return acknowledged[-1]


async def kill_and_look(settings: Settings, times: int) -> None:
    for number in range(times):
        session = f"s-{number}"
        last = killed(settings, session, random.expovariate(1 / 0.15))
        store = open_store(settings)
        events = [event async for event in events_of(store, session)]
        assert len(events) >= last
        assert [event.seq for event in events] == list(range(1, len(events) + 1)), "no hole, and none twice"
        assert {event.type for event in events} == {"session", "asr_final"}
        state = await state_of(store, session)
        assert (state.seq, state.skipped.missing) == (len(events), 0)
        await store.aclose()


async def test_a_writer_that_is_killed_loses_nothing_that_was_acknowledged(settings: Settings) -> None:
    await kill_and_look(settings, 3)


@pytest.mark.soak
@pytest.mark.timeout(3_600)
async def test_a_writer_that_is_killed_two_hundred_times(settings: Settings) -> None:
    await kill_and_look(settings, 200)


async def test_two_processes_write_to_one_store(settings: Settings, tmp_path: Path) -> None:
    """A gateway and a worker of one machine share the file; several machines share Redis."""
    lasts: dict[str, int] = {}
    threads = [
        threading.Thread(target=lambda session=session: lasts.update({session: killed(settings, session, 1.0)}))
        for session in ("s-a", "s-b")
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    store = open_store(settings)
    began = time.monotonic()
    for session, last in lasts.items():
        assert (await state_of(store, session)).seq >= last
    assert len(await store.sessions()) == 2
    assert time.monotonic() - began < 5
    await store.aclose()
