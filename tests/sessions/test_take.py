"""A recording of a conversation: both sides at the right sample, whatever happens to the file."""

from __future__ import annotations

import errno
import logging
import random
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from agent.protocol.messages import RATE
from agent.sessions.ogg_opus import Disk
from agent.sessions.recordings import Recordings
from agent.sessions.take import ROOM, Take
from agent.sessions.tracks import FRAME, LEFT, RIGHT
from infra.paths import ROOT
from tests.sessions.sounds import click, clicks, hum, live, played

NEAR = RATE // 200
"""5 ms."""
Make = Callable[..., Take]
Told = tuple[str, int, int]


@pytest.fixture
def recordings(tmp_path: Path) -> Recordings:
    return Recordings(tmp_path / "recordings")


@pytest.fixture
def told() -> list[Told]:
    return []


@pytest.fixture
def make(recordings: Recordings, told: list[Told]) -> Make:
    return lambda session="s-1", open_disk=Disk: Take(session, recordings, lambda *about: told.append(about), open_disk)


def record(take: Take, seconds: float, t0: int = 0, **sound: np.ndarray) -> None:
    for t in live(take, seconds, t0, **sound):
        if t % (5 * FRAME) == 0:
            take.work()
    take.close()
    take.work()


def test_both_sides_lie_at_their_samples_after_ten_minutes(make: Make, recordings: Recordings, told: list[Told]) -> None:
    """The microphone's clock is 200 ppm fast and its packets are late by up to 40 ms."""
    take, chance, t0 = make(), random.Random(1), 7 * FRAME
    asked, answered = t0 + 599 * RATE, t0 + round(599.5 * RATE)
    arrived = 0
    for k in range(600 * 50):
        t = t0 + k * FRAME
        take.played(t, click(answered - t, FRAME) if abs(answered - t) < 2 * FRAME else None, t)
        spoken = t0 + round((k + 1) * FRAME * (1 - 200e-6))
        arrived = max(arrived, spoken + (chance.randrange(1_920) if chance.random() < 0.7 else 0))
        voice = click((asked - spoken + FRAME) // 3, FRAME // 3) if spoken - FRAME <= asked < spoken else np.zeros(FRAME // 3, np.int16)
        take.heard(voice.tobytes(), arrived)
        if k % 5 == 0:
            take.work()
    take.close()
    take.work()
    ((name, began, _),) = told
    assert began == t0
    sound = played(recordings.folder / name)
    assert len(sound) >= 600 * RATE - FRAME
    (left,), (right,) = clicks(sound[:, LEFT]), clicks(sound[:, RIGHT])
    assert abs(left + t0 - asked) < NEAR
    assert abs(right + t0 - answered) < 48


def test_a_session_that_goes_on_has_a_further_file_from_its_own_sample_on(make: Make, recordings: Recordings, told: list[Told]) -> None:
    record(make(), 1, answer=click(4_800, RATE))
    record(make(), 1, t0=960_000, answer=click(9_600, RATE))
    assert [t0 for _, t0, _ in told] == [0, 960_000]
    assert [file.name for file in recordings.of("s-1")] == [name for name, _, _ in told]
    assert [round(clicks(played(file)[:, RIGHT])[0] / 480) for file in recordings.of("s-1")] == [10, 20]


def test_one_side_is_not_heard_on_the_other(make: Make, recordings: Recordings) -> None:
    record(
        make(),
        4,
        answer=np.concatenate((hum(2, RATE, 300), np.zeros(2 * RATE, np.int16))),
        voice=np.concatenate((hum(0, 16_000), hum(0.01, 16_000, 0))),
    )
    sound = played(recordings.of("s-1")[0]).astype(float)
    assert sound[: 2 * RATE, RIGHT].std() > 1_000
    assert sound[:, LEFT].std() < sound[: 2 * RATE, RIGHT].std() / 100


def test_what_was_called_back_before_it_was_due_is_silent(make: Make, recordings: Recordings) -> None:
    """A door that takes sound 200 ms ahead."""
    take, voice = make(), np.full(FRAME, 8_000, np.int16)
    voice[::2] = -8_000
    for block in range(50):
        take.played(block * FRAME, voice, max(0, block - 10) * FRAME)
    take.cut()
    for block in range(50, 100):
        take.played(block * FRAME, None, block * FRAME)
    take.close()
    take.work()
    loud = np.flatnonzero(np.abs(played(recordings.of("s-1")[0])[:, RIGHT].astype(int)) > 1_000)
    assert abs(loud[-1] - 40 * FRAME) < FRAME


def test_a_door_that_plays_at_once_gets_nothing_back(make: Make, recordings: Recordings) -> None:
    take, voice = make(), np.full(FRAME, 8_000, np.int16)
    voice[::2] = -8_000
    for block in range(51):
        take.played(block * FRAME, voice if block < 50 else None, block * FRAME)
        if block == 49:
            take.cut()
    take.close()
    take.work()
    loud = np.flatnonzero(np.abs(played(recordings.of("s-1")[0])[:, RIGHT].astype(int)) > 1_000)
    assert abs(loud[-1] - 50 * FRAME) < 240


def test_a_file_that_is_cut_anywhere_plays_to_there(make: Make, recordings: Recordings, tmp_path: Path) -> None:
    record(make(), 10, answer=hum(10, RATE), voice=hum(10, 16_000, 300))
    (file,) = recordings.of("s-1")
    whole, content, chance = played(file), file.read_bytes(), random.Random(2)
    lengths = []
    for cut in sorted(chance.sample(range(2_000, len(content)), 40)):
        part = played(content[:cut])
        assert (part == whole[: len(part)]).all()
        lengths.append(len(part))
    assert lengths == sorted(lengths)
    assert lengths[0] < 2 * RATE < 9 * RATE < lengths[-1]


def test_what_is_a_second_old_is_in_the_file(make: Make, recordings: Recordings) -> None:
    """So much at most is lost with the process: nobody closes this file."""
    take = make()
    for t in live(take, 20, answer=hum(20, RATE), voice=hum(20, 16_000)):
        if t % (5 * FRAME) == 0:
            take.work()
            if t > RATE:
                held = recordings.of("s-1")[0].read_bytes()
                if t % (50 * FRAME) == 0:
                    assert t - len(played(held)) <= RATE
    assert take.recorded


def test_a_file_is_for_its_owner_alone_and_named_by_session_and_time(make: Make, recordings: Recordings, told: list[Told]) -> None:
    record(make(), 1)
    ((name, _, wall_ms),) = told
    file = recordings.folder / name
    assert name == f"s-1.{wall_ms}.ogg"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(recordings.folder.stat().st_mode) == 0o700


def test_a_conversation_without_sound_leaves_no_file(make: Make, recordings: Recordings, told: list[Told]) -> None:
    take = make()
    take.heard(bytes(640), 0)
    take.close()
    take.work()
    assert (take.over, told, recordings.all()) == (True, [], {})


def test_a_recording_that_is_removed_while_it_is_made_ends(make: Make, recordings: Recordings) -> None:
    take = make()
    for t in live(take, 5, answer=hum(5, RATE)):
        take.work()
        if t == 2 * RATE:
            assert recordings.remove("s-1") == 1
    assert take.over
    assert not take.recorded
    assert list(recordings.folder.iterdir()) == []


class FullDisk(Disk):
    """Has room for so many bytes."""

    room = 3_000

    def write(self, data: bytes) -> int:
        self.room -= len(data)
        if self.room < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        return super().write(data)


def test_a_full_disk_ends_the_recording_and_leaves_what_there_is(make: Make, recordings: Recordings) -> None:
    take = make(open_disk=FullDisk)
    with pytest.raises(OSError, match="No space left"):
        record(take, 10, answer=hum(10, RATE))
    assert take.over
    assert 0 < len(played(recordings.of("s-1")[0])) < 10 * RATE
    take.heard(bytes(640), 0)
    take.played(0, None, 0)
    take.work()


def test_a_disk_that_takes_nothing_leaves_no_empty_file(make: Make, recordings: Recordings, told: list[Told]) -> None:
    class NoRoom(FullDisk):
        room = 0

    with pytest.raises(OSError, match="No space left"):
        record(make(open_disk=NoRoom), 2)
    assert (recordings.all(), told) == ({}, [])


LIMITED = """
import resource, signal, sys
from pathlib import Path
from agent.sessions.recordings import Recordings
from agent.sessions.take import Take
from tests.sessions.sounds import hum, live
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
take = Take("s-1", Recordings(Path(sys.argv[1])), lambda *about: None)
try:
    for _ in live(take, 10, answer=hum(10, 48_000)):
        take.work()
except OSError as error:
    print("ended:", error.strerror, take.over)
"""


def test_a_real_limit_of_the_system_ends_the_recording(recordings: Recordings) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(recordings.folder)], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "ended: File too large True\n"
    assert done.stderr == ""
    (file,) = recordings.of("s-1")
    assert file.stat().st_size == 10_000
    assert len(played(file)) > RATE // 2


def test_a_thread_that_cannot_follow_costs_sound_and_no_memory_and_is_told_once(
    make: Make, recordings: Recordings, caplog: pytest.LogCaptureFixture
) -> None:
    take, seconds = make(), ROOM // 50 + 10
    with caplog.at_level(logging.WARNING):
        for _ in live(take, seconds, answer=hum(seconds, RATE)):
            pass
        assert take.dropped == seconds * 50 - ROOM
        for _ in range(3):
            take.work()
        for t in live(take, 2, t0=seconds * RATE, answer=click(RATE, 2 * RATE)):
            if t % (5 * FRAME) == 0:
                take.work()
        take.close()
        take.work()
    assert [record.getMessage() for record in caplog.records] == [
        "session s-1: the recording cannot follow, and has holes",
        "session s-1: 500 pieces of sound are missing in its recording",
    ]
    sound = played(recordings.of("s-1")[0])[:, RIGHT]
    assert abs(clicks(sound)[-1] - (seconds + 1) * RATE) < NEAR, "what comes after the hole lies at its sample"
    hole = sound[ROOM // 50 * RATE + 960 : seconds * RATE - 960]
    assert np.abs(hole.astype(int)).max() < 50
