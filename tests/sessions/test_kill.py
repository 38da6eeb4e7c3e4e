"""`kill -9` of a process that writes, at random points: nothing that was acknowledged is lost, and another goes on. One that is only stopped writes nothing more."""

import asyncio
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from agent.config import Journal as Settings
from agent.sessions.chronicle import Chronicler, Returned
from agent.sessions.events import Event
from agent.sessions.store import events_of, state_of
from agent.sessions.stores import open_store
from agent.sessions.tenure import Terms
from infra.paths import ROOT
from tests.sessions.test_journal import kept
from tests.sessions.writer import REPLACED


def started(settings: Settings, session: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tests.sessions.writer", settings.url, str(settings.archive), session]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE)


def killed(settings: Settings, session: str, seconds: float) -> int:
    """Let a writer write, kill it so many seconds after its first acknowledgement, and return the last number that it was sure of."""
    writer = started(settings, session)
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
        await goes_on(settings, session, events)


async def goes_on(settings: Settings, session: str, events: list[Event]) -> None:
    """Another process takes the session as soon as the lease of the dead one has run out, and its first event is the next."""
    chronicler = Chronicler(settings, terms=Terms())
    chronicler.start()
    returned = await chronicler.reopen(session, adoptable=True)
    assert returned.state.seq == len(events)
    await says(returned, "still here")
    await returned.chronicle.release(over=False)
    await chronicler.aclose()
    assert [(event.seq, event.d["text"]) for event in (await kept(settings, session))[len(events) :]] == [(len(events) + 1, "still here")]


async def says(returned: Returned, text: str) -> None:
    future = returned.chronicle.commit("asr_final", {"id": "u1", "text": text}, t=0, gen=0)
    assert future is not None
    assert await asyncio.wait_for(future, 20)


async def test_a_writer_that_is_killed_loses_nothing_that_was_acknowledged(settings: Settings) -> None:
    await kill_and_look(settings, 3)


async def test_a_writer_that_is_stopped_and_replaced_writes_nothing_more(settings: Settings) -> None:
    writer = started(settings, "s-1")
    assert writer.stdout is not None
    assert writer.stdout.readline()
    writer.send_signal(signal.SIGSTOP)
    chronicler = Chronicler(settings, terms=Terms())
    chronicler.start()
    returned = await chronicler.reopen("s-1", adoptable=True)
    await says(returned, "the newer one's")
    writer.send_signal(signal.SIGCONT)
    assert await asyncio.to_thread(writer.wait, 20) == REPLACED
    await says(returned, "its second")
    assert returned.chronicle.may_act()
    events = await kept(settings, "s-1")
    assert [event.seq for event in events] == list(range(1, returned.state.seq + 3))
    assert [event.d["text"] for event in events[-2:]] == ["the newer one's", "its second"]
    await chronicler.aclose()


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
