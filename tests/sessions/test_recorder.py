"""Recordings of a process: its thread, its journal, and what it tells when it cannot."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from agent.config import Journal as Settings
from agent.sessions.chronicle import Chronicler
from agent.sessions.folding import fold
from agent.sessions.journal import Journal
from agent.sessions.recorder import Recorder
from agent.sessions.recordings import Recordings
from agent.sessions.state import START, Skipped
from agent.sessions.store import events_of
from agent.sessions.stores import open_store, opener, recordings_of
from agent.sessions.tracks import FRAME, RIGHT
from infra.paths import ROOT
from tests.sessions.makers import NOW_MS, opening
from tests.sessions.sounds import click, clicks, hum, live, played
from tests.sessions.test_take import FullDisk

DAY_MS = 86_400_000


@pytest.fixture
def recordings(tmp_path: Path) -> Recordings:
    return Recordings(tmp_path / "recordings")


@pytest.fixture
async def recorder(recordings: Recordings) -> AsyncIterator[Recorder]:
    recorder = Recorder(recordings)
    recorder.start()
    yield recorder
    await recorder.aclose()


async def until(condition: Callable[[], object], seconds: float = 10) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - a thread does it
            await asyncio.sleep(0.01)


async def test_a_recording_is_whole_when_the_recorder_has_closed(recorder: Recorder, recordings: Recordings) -> None:
    takes = [recorder.open(f"s-{number}", lambda *about: None) for number in range(3)]
    for take in takes:
        for _ in live(take, 3, answer=click(2 * 48_000, 3 * 48_000)):
            pass
    await recorder.aclose()
    assert sorted(recordings.all()) == ["s-0", "s-1", "s-2"]
    for (file,) in recordings.all().values():
        sound = played(file)
        assert len(sound) >= 3 * 48_000 - FRAME
        assert abs(clicks(sound[:, RIGHT])[0] - 2 * 48_000) < 48


async def test_a_conversation_that_ends_leaves_the_others_alone(recorder: Recorder, recordings: Recordings) -> None:
    first, second = (recorder.open(session, lambda *about: None) for session in ("s-1", "s-2"))
    for take in (first, second):
        for _ in live(take, 2):
            pass
    first.close()
    await until(lambda: first.over)
    assert second.recorded
    assert len(played(recordings.of("s-1")[0])) >= 2 * 48_000 - FRAME


async def test_what_goes_wrong_is_told_until_a_recording_works_again(
    recordings: Recordings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    disks = [FullDisk]
    recorder = Recorder(recordings, lambda path: disks[0](path))
    recorder.start()
    take = recorder.open("s-1", lambda *about: None)
    assert recorder.problem is None
    for _ in live(take, 10, answer=hum(10, 48_000)):
        pass
    await until(lambda: recorder.problem)
    assert "No space left" in str(recorder.problem)
    assert not take.recorded
    again = recorder.open("s-1", lambda *about: None)
    for _ in live(again, 10, answer=hum(10, 48_000)):
        pass
    await until(lambda: again.over)
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == [
        "conversations are not recorded: [Errno 28] No space left on device; they go on without"
    ]
    disks[0] = type("Roomy", (FullDisk,), {"room": 10_000_000})
    well = recorder.open("s-1", lambda *about: None)
    for _ in live(well, 2):
        pass
    await until(lambda: recorder.problem is None)
    await recorder.aclose()


async def test_a_folder_that_cannot_be_made_is_a_problem_and_no_fault(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    recorder = Recorder(Recordings(tmp_path / "file" / "recordings"))
    recorder.start()
    take = recorder.open("s-1", lambda *about: None)
    for _ in live(take, 1):
        pass
    await until(lambda: recorder.problem)
    assert "Not a directory" in str(recorder.problem)
    await recorder.aclose()


async def test_the_journal_tells_which_file_begins_at_which_sample(settings: Settings) -> None:
    chronicler = Chronicler(settings.model_copy(update={"recording": True}))
    chronicler.start()
    chronicle = chronicler.open("s-1")
    chronicle.write("session", opening().d, t=0, gen=0)
    assert chronicle.sound.recorded
    assert chronicle.sound is chronicle.sound
    for _ in live(chronicle.sound, 2, t0=960_000):
        pass
    await until(lambda: recordings_of(settings).of("s-1"))
    (file,) = recordings_of(settings).of("s-1")
    await until(lambda: chronicle._seq == 2)
    chronicle.sound.close()
    await chronicler.aclose()
    assert chronicler.problems() == []
    store = open_store(settings)
    events = [event async for event in events_of(store, "s-1")]
    await store.aclose()
    assert [event.type for event in events] == ["session", "recording"]
    d = events[1].d
    assert (d["file"], d["t0"]) == (file.name, 960_000)
    assert f".{d['wall_ms']}." in file.name
    assert abs(d["wall_ms"] - time.time() * 1000) < 60_000
    assert fold(START, events).skipped == Skipped()


async def test_nothing_is_recorded_unless_it_was_asked_for(settings: Settings) -> None:
    chronicler = Chronicler(settings)
    chronicler.start()
    sound = chronicler.open("s-1").sound
    assert not sound.recorded
    sound.heard(bytes(640), 0)
    sound.played(0, None, 0)
    sound.cut()
    sound.close()
    await chronicler.aclose()
    assert not recordings_of(settings).folder.exists()


async def test_the_state_of_recordings_is_told_with_the_journals(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "recordings").touch()
    (tmp_path / "archive").mkdir()
    (tmp_path / "archive" / "recordings").touch()
    chronicler = Chronicler(settings.model_copy(update={"recording": True}))
    chronicler.start()
    sound = chronicler.open("s-1").sound
    for _ in live(sound, 1):
        pass
    await until(chronicler.problems)
    assert "conversations are not recorded" in chronicler.problems()[0]
    assert not sound.recorded
    await chronicler.aclose()


@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
async def test_recordings_whose_time_is_over_go_with_the_journal_even_when_none_are_made_any_more(settings: Settings) -> None:
    recordings = recordings_of(settings)
    old, new = recordings.create("s-old", NOW_MS - 31 * DAY_MS), recordings.create("s-new", NOW_MS - 31 * DAY_MS)
    os.utime(old, (time.time() - 31 * 86_400,) * 2)
    journal = Journal(opener(settings), retention_days=30, sweep_files=recordings.sweep)
    journal.start()
    await until(lambda: not old.exists())
    assert new.exists(), "it was written to lately"
    await journal.aclose()


WRITER = """
import asyncio, sys, time
from pathlib import Path
from agent.sessions.recorder import Recorder
from agent.sessions.recordings import Recordings
from tests.sessions.sounds import hum, live

async def main():
    recorder = Recorder(Recordings(Path(sys.argv[1])))
    recorder.start()
    begin = time.monotonic()
    for t in live(recorder.open("s-1", lambda *about: None), 60, answer=hum(60, 48_000), voice=hum(60, 16_000)):
        print(t, flush=True)
        await asyncio.sleep(max(0, begin + t / 48_000 - time.monotonic()))

asyncio.run(main())
"""


def test_a_process_that_is_killed_leaves_all_but_the_last_second(recordings: Recordings) -> None:
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(recordings.folder)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert writer.stdout is not None
    last = 0
    for line in writer.stdout:
        last = int(line)
        if last == 3 * 48_000:
            writer.send_signal(signal.SIGKILL)
    writer.wait()
    (file,) = recordings.of("s-1")
    assert last - len(played(file)) <= 48_000
