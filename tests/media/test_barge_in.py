"""Two stages: silence at the first sign of a voice, then one verdict."""

from __future__ import annotations

from typing import Literal, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.media.barge_in import BargeIn, BargeInSettings, GoOn, Hold, Meaning, TakeTurn, Verdict
from agent.protocol.messages import InterruptMode

WINDOW = 512
SECOND = 16_000
LAW = 2_000


def voice(machine: BargeIn, start: int, seconds: float) -> list[Verdict]:
    found: list[Verdict] = []
    for voiced in range(WINDOW, int(seconds * SECOND), WINDOW):
        found += machine.voice(start + voiced, voiced)
    return found


def test_a_nod_holds_and_the_voice_goes_on() -> None:
    machine = BargeIn()
    assert voice(machine, 0, 0.3) == [Hold()]
    assert machine.said(Meaning.NOD) == [GoOn()]


def test_words_interrupt() -> None:
    machine = BargeIn()
    assert voice(machine, 0, 0.3) == [Hold()]
    assert machine.said(Meaning.WORDS) == [TakeTurn()]


def test_words_of_an_unfinished_utterance_count_once_there_is_enough_of_it() -> None:
    machine = BargeIn()
    voice(machine, 0, 0.3)
    assert machine.words(Meaning.WORDS, SECOND // 2) == []
    assert machine.words(Meaning.WORDS, SECOND * 3 // 4) == [TakeTurn()]


def test_a_voice_that_insists_interrupts_and_a_long_nod_gets_more_time() -> None:
    machine = BargeIn()
    assert voice(machine, 0, 0.94) == [Hold(), TakeTurn()]
    voice(machine, SECOND, 0.5)
    machine.words(Meaning.NOD, SECOND // 2)
    assert voice(machine, SECOND, 1.5) == []
    assert machine.said(Meaning.NOD) == [GoOn()]


def test_a_click_is_over_at_once() -> None:
    machine = BargeIn()
    assert machine.voice(WINDOW, WINDOW) == [Hold()]
    assert machine.silence(SECOND) == [GoOn()]


def test_in_a_noisy_room_only_words_interrupt() -> None:
    machine = BargeIn()
    for i in range(BargeInSettings().attempts):
        assert machine.voice(i * SECOND, WINDOW) == [Hold()]
        assert machine.silence(i * SECOND + WINDOW) == [GoOn()]
    assert voice(machine, 10 * SECOND, 3.0) == []
    assert machine.said(Meaning.WORDS) == [TakeTurn()]
    assert machine.voice(20 * SECOND, WINDOW) == [Hold()], "a new answer, a new chance"


def test_a_glimpse_of_a_voice_holds_and_is_doubted_for_a_moment() -> None:
    machine, doubt = BargeIn(), BargeInSettings().doubt
    assert machine.glimpse(SECOND) == [Hold()]
    assert machine.silence(SECOND + doubt - 1) == []
    assert machine.silence(SECOND + doubt) == [GoOn()]
    assert machine.glimpse(2 * SECOND) == [Hold()]
    assert machine.glimpse(2 * SECOND + 160) == []
    assert voice(machine, 2 * SECOND, 1.0)[0] == TakeTurn(), "it was one"
    assert BargeIn("strict").glimpse(0) == BargeIn("off").glimpse(0) == []


def test_strict_needs_words_and_off_needs_a_button() -> None:
    strict, off = BargeIn("strict"), BargeIn("off")
    assert voice(strict, 0, 3.0) == voice(off, 0, 3.0) == []
    assert strict.said(Meaning.NOD) == off.said(Meaning.WORDS) == []
    assert strict.said(Meaning.WORDS) == [TakeTurn()]


@pytest.mark.parametrize("mode", ["strict", "off"])
def test_switching_ends_a_hold(mode: Literal["strict", "off"]) -> None:
    machine = BargeIn()
    voice(machine, 0, 0.3)
    assert machine.switch(mode) == [GoOn()]


ACTIONS = st.one_of(
    st.tuples(st.just("voice"), st.integers(1, 40)),
    st.tuples(st.just("passed"), st.integers(1, 80)),
    st.tuples(st.sampled_from(["silence", "glimpse"]), st.just(0)),
    st.tuples(st.sampled_from(["words", "said"]), st.integers(0, len(Meaning) - 1)),
    st.tuples(st.just("switch"), st.integers(0, 2)),
    st.tuples(st.sampled_from(["ended", "settled"]), st.just(0)),
)


@settings(max_examples=LAW, deadline=None)
@given(st.sampled_from(get_args(InterruptMode)), st.lists(ACTIONS, max_size=60))
def test_each_hold_has_one_verdict_and_in_time(mode: InterruptMode, actions: list[tuple[str, int]]) -> None:
    machine, now, voiced = BargeIn(mode), 0, 0
    held_since: int | None = None
    holding = False
    for action, n in actions:
        before = machine.mode
        if action in ("voice", "passed"):
            verdicts = []
            for _ in range(n):
                now += WINDOW
                voiced = voiced + WINDOW if action == "voice" else voiced
                verdicts += machine.voice(now, voiced) if action == "voice" else machine.passed(now)
                held_since = now if Hold() in verdicts and held_since is None else held_since
                if held_since is not None and machine.held:
                    assert now - held_since < machine.settings.longest + WINDOW
                elif not machine.held:
                    held_since = None
        elif action == "silence":
            verdicts, voiced = machine.silence(now), 0
        elif action == "glimpse":
            now += WINDOW
            verdicts = machine.glimpse(now)
            held_since = now if Hold() in verdicts else held_since
        elif action in ("words", "said"):
            meaning = list(Meaning)[n]
            verdicts = machine.words(meaning, voiced) if action == "words" else machine.said(meaning)
            assert (TakeTurn() in verdicts) <= (meaning is Meaning.WORDS and machine.mode != "off")
        elif action == "switch":
            verdicts = machine.switch(get_args(InterruptMode)[n])
        else:
            verdicts = []
            machine.ended() if action == "ended" else machine.settled()
        if before != "auto":
            assert Hold() not in verdicts
        if before == "off":
            assert TakeTurn() not in verdicts
        for verdict in verdicts:
            assert not (holding and isinstance(verdict, Hold)), "a hold in a hold"
            assert holding or not isinstance(verdict, GoOn), "two ends of a hold"
            holding = isinstance(verdict, Hold)
        holding = machine.held if action in ("ended", "settled") else holding
        assert holding == machine.held
        assert machine.held <= (machine.mode == "auto")
        held_since = held_since if machine.held else None
