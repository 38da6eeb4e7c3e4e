"""Each table's rows, from made-up measurements and from none."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import AsyncMock

import numpy as np
import pytest

from agent.protocol.frames import Frame, Kind, decode_frame
from agent.protocol.messages import RATE, Language
from bench import door, latency, pauses, rooms, sessions, start
from bench.caller import Caller, Exchange, audible
from bench.echo import said_back
from bench.instant import InstantTTS, tone
from bench.options import Options, Unmeasured
from bench.processes import REST_LOOKS, Cost, Program, at_rest
from bench.questions import QUESTIONS, recorded
from bench.report import Row


def value(rows: list[Row], name: str) -> float | None:
    """The value of the one row whose name begins so."""
    found = [row for row in rows if row.name.startswith(name)]
    assert len(found) == 1, [row.name for row in rows]
    return found[0].value


def test_the_doors_share_is_what_neither_wire_nor_silence_nor_engine_explain() -> None:
    found = {
        "local": [440.0, 450.0, 460.0],
        "ws": [560.0, 580.0, 570.0],
        "ws loopback": [80.0],
        "livekit loopback": [150.0],
        "stock": [700.0],
    }
    table = door.rows(found, 400)
    assert value(table, "the engine") == 50
    assert value(table, "WebSocket: less loopback and silence") == 90
    assert value(table, "WebSocket: the door") == 40
    assert value(table, "stock livekit-agents: less") == 150
    assert value(table, "LiveKit room: the door") is None


def test_doors_without_results_are_dashes() -> None:
    assert all(row.value is None for row in door.rows({}, 400))


def test_questions_without_an_answer_are_told() -> None:
    assert door.unanswered({"ws": [1.0, 2.0], "peer": [1.0] * 3}, 3) == ["ws: 1 of 3 questions got no sound"]


def test_who_leaves_most_questions_unanswered_is_not_compared() -> None:
    assert door.trusted({"ws": [1.0, 2.0], "stock": [1.0]}, 4) == {"ws": [1.0, 2.0]}


def test_rooms_are_compared_with_bare_ones() -> None:
    loads = {"worker": rooms.Load(0.30, 100, 135), "publish": rooms.Load(0.25, 80, 94), "stock": rooms.Load(0.75, 100, 170)}
    table = rooms.rows(loads)
    assert value(table, "our worker / bare (connected") == pytest.approx(1.2)
    assert value(table, "stock livekit-agents / bare") == pytest.approx(3.0)
    assert value(table, "our worker / bare that takes") is None
    assert value(table, "our worker, instant engines: memory") == 5.0
    assert all(row.value is None for row in rooms.rows({}))


def test_sessions_are_compared_late_with_early() -> None:
    assert value(sessions.rows([100.0] * 10 + [104.0] * 40), "ratio") == pytest.approx(1.04)
    assert all(row.value is None for row in sessions.rows([]))


def test_starts_are_medians() -> None:
    runs = [start.Start(1.0, 9.0, Cost(5, 10**9)), start.Start(2.0, 16.0, Cost(6, 2 * 10**9)), start.Start(1.5, 10.0, Cost(7, 10**9))]
    table = start.rows(runs)
    assert value(table, "until the page") == 1.5
    assert [row.met for row in table if row.goal is not None] == [True]
    assert all(row.value is None for row in start.rows([]))
    idle = [start.Start(1.0, ready, Cost(5, 10**9), share) for ready, share in [(4.0, 0.03), (6.0, 0.01), (4.5, 0.02)]]
    of_one = start.rows_of_one_language("en", idle)
    assert (value(of_one, "English only: until"), value(of_one, "English only: processor")) == (4.5, 2.0)
    assert all(row.value is None for row in start.rows_of_one_language("zh", []))


def test_latency_counts_what_was_answered_and_tells_what_was_not() -> None:
    exchanges = [Exchange(10.0, 11.0, 10.5), Exchange(20.0, 21.4, 20.7), Exchange(30.0)]
    table = latency.rows("en", exchanges)
    assert value(table, "English: end of speech") == pytest.approx(1.2)
    assert value(table, "English: p90") == pytest.approx(1.4)
    assert value(table, "English: of which") == pytest.approx(0.6)
    assert value(table, "English: questions without") == 1
    assert value(latency.rows("zh", []), "Chinese: end of speech") is None


def test_there_are_twenty_different_questions_in_each_language() -> None:
    assert {len(set(texts)) for texts in QUESTIONS.values()} == {20}


def test_audible_is_told_to_the_sample() -> None:
    pcm = np.zeros(1_000, np.int16)
    assert audible(pcm) is None
    pcm[100:200] = 1_000
    assert audible(pcm) == (100, 200)


def test_the_bare_websocket_says_back_the_same_sound_at_the_same_time() -> None:
    frame = decode_frame(said_back(Frame(Kind.MICROPHONE, tone(500, 0.02, 16_000).tobytes(), 0, 3, 320).to_bytes()))
    assert (frame.kind, frame.t, len(frame.payload)) == (Kind.ANSWER, 960, 480 * 2)


class FakeDoor:
    """Answers 0.1 s after the end of what it hears, or says it back at once."""

    def __init__(self, caller: Caller, *, echo: bool) -> None:
        self._caller = caller
        self._echo = echo
        self._heard = False

    async def connect(self, hello: object) -> None:
        pass

    async def speak(self, pcm: bytes) -> None:
        loud = any(pcm)
        answers = loud if self._echo else self._heard and not loud
        self._heard = loud
        if answers:
            self._caller.sound(tone(500, 0.02, RATE), asyncio.get_running_loop().time() + 0.1)

    async def send(self, message: object) -> None:
        pass

    async def aclose(self) -> None:
        pass


@pytest.mark.parametrize("echo", [False, True])
async def test_a_caller_measures_from_the_end_of_speech_or_from_its_begin(echo: bool) -> None:
    caller = Caller()
    await caller.call(FakeDoor(caller, echo=echo))
    try:
        exchange = await caller.ask(tone(500, 0.2, 16_000), echo=echo, limit_seconds=5, settle_seconds=0.05)
    finally:
        await caller.aclose()
    assert exchange.problem == ""
    assert exchange.latency_ms is not None
    # the frame that was waited for is 20 ms long; a busy machine may be later, never earlier
    assert 100 < exchange.latency_ms < 5_000


async def test_a_caller_tells_when_nothing_comes_back() -> None:
    caller = Caller()
    door = FakeDoor(caller, echo=True)
    door.speak = lambda pcm: asyncio.sleep(0)  # type: ignore[method-assign]
    await caller.call(door)
    try:
        exchange = await caller.ask(tone(500, 0.1, 16_000), limit_seconds=0.2)
    finally:
        await caller.aclose()
    assert exchange.latency_ms is None
    assert "no sound" in exchange.problem


def test_a_turn_that_is_taken_before_its_end_is_a_cut_in() -> None:
    assert pauses.cut_in(Exchange(since=10.0, finals=[9.5, 10.6]))
    assert not pauses.cut_in(Exchange(since=10.0, finals=[10.6]))
    assert not pauses.cut_in(Exchange(since=10.0))


async def test_nobody_is_asked_while_something_computes() -> None:
    spent = iter([0.0, 1.0, 2.0, 2.0, 3.0])
    await at_rest(lambda: next(spent), 1e-3)
    assert next(spent) == 3.0
    endless = iter(range(REST_LOOKS + 1))
    with pytest.raises(Unmeasured, match="still computes"):
        await at_rest(lambda: float(next(endless)), 1e-3)


async def test_the_questions_are_recorded_before_the_plain_chain_asks_with_them(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """On a machine where nothing was measured yet."""
    monkeypatch.setenv("VISAVIS_CACHE", str(tmp_path))

    @contextlib.asynccontextmanager
    async def engines() -> AsyncIterator[Any]:
        yield SimpleNamespace(build=lambda persona: SimpleNamespace(tts=InstantTTS()), aclose=AsyncMock())

    async def chosen() -> None:
        pass

    @contextlib.asynccontextmanager
    async def plain(language: Language) -> AsyncIterator[Program]:
        assert all(len(recorded(text)) for text in QUESTIONS[language])
        raise Unmeasured("as far as this test goes")
        yield

    monkeypatch.setattr(latency, "local_engines", engines)
    monkeypatch.setattr(latency, "_choose_model", chosen)
    monkeypatch.setattr(latency, "plain", plain)
    with pytest.raises(Unmeasured, match="as far as"):
        await latency.measure(Options())
