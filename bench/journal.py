"""What writing the journal costs the event loop, how long those wait who wait for it, and how soon an hour's journal is a state again. Both stores. And what recording the sound costs.

Fifty sessions, each with its lease, write fifty events a second each; three of a hundred are waited for. Beside it, the lateness of a 20 ms timer on the same event loop, with and without.
"""

from __future__ import annotations

import asyncio
import itertools
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from agent.config import Journal as Settings
from agent.protocol.messages import RATE
from agent.sessions.chronicle import Chronicle, Chronicler
from agent.sessions.events import Event
from agent.sessions.recorder import TICK_SECONDS as RECORDER_TICK
from agent.sessions.recordings import Recordings
from agent.sessions.snapshots import EVERY
from agent.sessions.standing import START, fold
from agent.sessions.store import standing_of
from agent.sessions.stores import open_store
from agent.sessions.take import Take
from agent.sessions.tracks import FRAME
from bench.options import Options
from bench.report import Result, Row
from infra import redis_server

TITLE: Final = "The journal"
SESSIONS: Final = 50
TICK_SECONDS: Final = 0.02
"""In which each session writes one event: 50 a second."""
AWAITED: Final = 33
"""Every so manieth event is waited for."""
APPEND_GOAL_US: Final = 200.0
SNAPSHOT_GOAL_MS: Final = 100.0
FOLD_GOAL_MS: Final = 1_000.0
TURN_SECONDS: Final = 12
RECORDED_SECONDS: Final = 60
HAND_OVER_GOAL_US: Final = 10.0
RECORDING_GOAL_MS: Final = 20.0
REPEATS: Final = 5


@dataclass
class Load:
    """Microseconds of each call; milliseconds of each wait for a commit, and how late the timer was."""

    writes: list[float] = field(default_factory=list)
    commits: list[float] = field(default_factory=list)
    late: list[float] = field(default_factory=list)
    lost: int = 0


async def measure(options: Options) -> Result:
    """Raises nothing: without a redis-server its rows are empty, and say why."""
    rows: list[Row] = []
    bare = await _load(None, options.seconds)
    rows.append(Row("a 20 ms timer on the event loop, nothing written: late by, p99", _p(bare.late, 99), "ms"))
    for name in ("SQLite", "Redis"):
        with _store(name) as settings:
            if settings is None:
                rows.append(Row(f"{name}: append", None, "µs", APPEND_GOAL_US, str(redis_server.lacking())))
                continue
            load = await _load(settings, options.seconds)
            rows += [
                Row(f"{name}: append on the event loop, p99", _p(load.writes, 99), "µs", APPEND_GOAL_US, f"{len(load.writes)} events"),
                Row(f"{name}: append, longest", max(load.writes), "µs"),
                Row(f"{name}: the timer late by, p99", _p(load.late, 99), "ms", None, f"{max(load.late):.0f} ms at most"),
                Row(f"{name}: until an event that is waited for is committed, median", _p(load.commits, 50), "ms"),
                Row(f"{name}: the same, p99", _p(load.commits, 99), "ms", None, f"{load.lost} events lost"),
            ]
            rows += await _folding(name, settings)
    rows += _recording()
    notes = [
        f"{SESSIONS} sessions × {round(1 / TICK_SECONDS)} events/s for {options.seconds} s; one of {AWAITED} is waited for",
        f"an hour: a turn every {TURN_SECONDS} s, {len(_turn(1))} events each; the snapshot is as old as one can be ({EVERY} events)",
        f"recorded: {RECORDED_SECONDS} s in which user and answer take turns, as fast as it goes; the thread's work every {round(RECORDER_TICK * 1000)} ms of it",
    ]
    return Result("journal", TITLE, rows, notes)


@contextmanager
def _store(name: str) -> Iterator[Settings | None]:
    """Where to write; None where it cannot be had."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        if name == "SQLite":
            yield Settings(url=f"sqlite:///{folder / 'journal.sqlite3'}")
        elif redis_server.lacking():
            yield None
        else:
            server = stack.enter_context(redis_server.running(folder))
            yield Settings(url=server.url, archive=folder / "archive")


async def _load(settings: Settings | None, seconds: float) -> Load:
    """Write as fifty conversations would, through what they write through; their leases are kept meanwhile."""
    found = Load()
    chronicler = None if settings is None else Chronicler(settings)
    chronicles: list[Chronicle] = []
    if chronicler is not None:
        chronicler.start()
        chronicles = [await chronicler.begin(f"s-{n}", adoptable=True) for n in range(SESSIONS)]
    waits: set[asyncio.Task[None]] = set()
    count = itertools.count()
    began = due = time.perf_counter()
    while due - began < seconds:
        due += TICK_SECONDS
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        found.late.append((time.perf_counter() - due) * 1000)
        for chronicle in chronicles:
            awaited = next(count) % AWAITED == 0
            start = time.perf_counter()
            if awaited:
                kept = chronicle.commit("asr_final", {"id": "u1", "text": "What is the tallest mountain?", "via": "voice"}, t=0, gen=0)
            else:
                kept = None
                chronicle.write("llm_delta", {"answer": 1, "text": "almost nine kilometres high, ", "whole": False}, t=0, gen=0)
            found.writes.append((time.perf_counter() - start) * 1_000_000)
            if kept is not None:
                waits.add(asyncio.create_task(_wait(kept, start, found.commits)))
    if waits:
        await asyncio.wait(waits)
    if chronicler is not None:
        await chronicler.aclose()
        assert chronicler.journal is not None
        found.lost = chronicler.journal.backlog.lost
    return found


async def _wait(kept: asyncio.Future[bool], start: float, commits: list[float]) -> None:
    await kept
    commits.append((time.perf_counter() - start) * 1000)


def _turn(number: int) -> list[tuple[str, dict[str, Any]]]:
    """What one turn of a lively conversation writes down."""
    said: list[tuple[str, dict[str, Any]]] = [("user_speech_start", {"sample": number}), ("user_speech_end", {"sample": number})]
    said += [("asr_partial", {"id": f"u{number}", "text": "What is the tallest mountain"})] * 4
    said += [("asr_final", {"id": f"u{number}", "text": "What is the tallest mountain of the world?", "via": "voice"})]
    said += [("llm_first_token", {"answer": number}), ("tts_first_audio", {"answer": number})]
    said += [("llm_delta", {"answer": number, "text": "Mount Everest, almost nine kilometres high, ", "whole": n == 7}) for n in range(8)]
    said += [("generation_start", {"t0": number, "answer": number}), ("audio_out", {"t0": number, "t1": number + 1})]
    said += [("command", {"id": f"c{number}", "name": "show", "args": {"value": "everest"}, "dur": 0})]
    said += [("playout", {"gen": number, "t_heard": number})] * 14
    said += [("heard", {"text": "Mount Everest, almost nine kilometres high. " * 4, "cut": False}), ("generation_end", {"t_end": number})]
    return [*said, *[("state", {"state": state}) for state in ("listening", "thinking", "speaking", "listening")]]


def _hour(session: str) -> list[Event]:
    now = time.time_ns() // 1_000_000
    about = {name: name for name in ("org", "user", "persona", "version", "language")}
    kinds = [("session", about), *itertools.chain.from_iterable(_turn(n) for n in range(3600 // TURN_SECONDS))]
    return [Event(session, seq, now, seq * 960, seq // 40, 0, kind, d) for seq, (kind, d) in enumerate(kinds, 1)]


async def _folding(name: str, settings: Settings) -> list[Row]:
    store = open_store(settings)
    events = _hour("s-hour")
    for start in range(0, len(events), 1_000):
        await store.append(events[start : start + 1_000])
    without = [await _timed(store) for _ in range(REPEATS)]
    await store.put_snapshot("s-hour", fold(START, events[:-EVERY]))
    with_one = [await _timed(store) for _ in range(REPEATS)]
    await store.aclose()
    size = f"{len(events)} events, {sum(len(event.line()) for event in events) / 1e6:.1f} MB"
    return [
        Row(f"{name}: an hour's journal folded, longest of {REPEATS}", max(without), "ms", FOLD_GOAL_MS, size),
        Row(f"{name}: the same from a snapshot, longest of {REPEATS}", max(with_one), "ms", SNAPSHOT_GOAL_MS),
    ]


async def _timed(store: Any) -> float:
    start = time.perf_counter()
    await standing_of(store, "s-hour")
    return (time.perf_counter() - start) * 1000


def _recording() -> list[Row]:
    """Both sides of one conversation, handed over and written, and how long each took."""
    handed: list[float] = []
    written = 0.0
    voice = np.random.default_rng(0).normal(0, 3_000, FRAME).astype(np.int16)
    microphone, silence = voice[::3].tobytes(), bytes(2 * FRAME // 3)
    tick = round(RECORDER_TICK * RATE)
    with tempfile.TemporaryDirectory() as folder:
        recordings = Recordings(Path(folder))
        take = Take("s-recorded", recordings, lambda *about: None)
        for t in range(0, RECORDED_SECONDS * RATE, FRAME):
            answering = t // RATE % 6 >= 3
            start = time.perf_counter()
            take.played(t, voice if answering else None, t)
            take.heard(silence if answering else microphone, t + FRAME)
            handed.append((time.perf_counter() - start) * 1_000_000)
            if t % tick == 0:
                written += _processor(take.work)
        take.close()
        written += _processor(take.work)
        size = sum(file.stat().st_size for file in recordings.of("s-recorded"))
    share = written / RECORDED_SECONDS
    return [
        Row("recording: handing over 20 ms of both sides, on the event loop, p99", _p(handed, 99), "µs", HAND_OVER_GOAL_US),
        Row("recording: processor time of its thread a second of a conversation", share * 1000, "ms", RECORDING_GOAL_MS),
        Row("recording: size of an hour", size / RECORDED_SECONDS * 3600 / 1e6, "MB"),
    ]


def _processor(work: Callable[[], None]) -> float:
    """Seconds of processor time."""
    start = time.thread_time()
    work()
    return time.thread_time() - start


def _p(values: list[float], percent: int) -> float:
    """The nearest rank."""
    return sorted(values)[-(-len(values) * percent // 100) - 1]
