"""The next chunk is as long as can be made while the last one is heard."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.dialogue.chunker import Chunker
from agent.dialogue.tempo import AMPLE_SECONDS, LETTER_SECONDS, LONGEST_WAIT_SECONDS, MARGIN_SECONDS, REMEMBERED, SHORT_CHUNK, Tempo, width

ENGLISH = "The museum opens at nine in the morning and closes at five in the afternoon, but on Mondays it stays closed. "
CHINESE = "博物馆每天早上九点开门，下午五点关门，不过星期一不开放，所以请你在其他日子来参观。"


def test_width_counts_a_chinese_character_for_three_letters() -> None:
    assert width("abc 中文") == 4 + 6


def _made(tempo: Tempo, chunks: int, seconds: float) -> None:
    for _ in range(chunks):
        tempo.made("x" * 10, seconds, 0.5)


def test_a_slow_machine_gets_less_room_and_one_that_recovers_more() -> None:
    tempo = Tempo()
    before = tempo.room(1.0)
    _made(tempo, 5, 1.0)
    slow = tempo.room(1.0)
    _made(tempo, 20, 0.05)
    assert slow < before < tempo.room(1.0)


def test_where_chunks_differ_the_next_one_is_shorter() -> None:
    steady, uneven = Tempo(), Tempo()
    _made(steady, 40, 0.5)
    for _ in range(20):
        _made(uneven, 1, 0.3)
        _made(uneven, 1, 0.6)
    assert uneven.room(1.0) < 0.8 * steady.room(1.0)


def test_a_chunk_that_waited_for_the_ear_tells_nothing() -> None:
    tempo = Tempo()
    before = tempo.room(1.0)
    tempo.made("x" * 10, 8.0, AMPLE_SECONDS + 1)
    tempo.made("", 1.0, 0.0)
    assert tempo.room(1.0) == before
    assert tempo.room(0.0) == tempo.room(-5.0) == 0


def _answer(tempo: Tempo, *chunks: tuple[float, float]) -> float:
    """The wait of the answer after one with these chunks, each made in so many seconds while the ear had so much to hear, had nobody waited."""
    tempo.begin()
    for seconds, ahead in chunks:
        tempo.made("x" * 10, seconds, tempo.wait + ahead)
    tempo.answered()
    return tempo.wait


def test_an_answer_that_broke_off_lets_the_next_ones_begin_later() -> None:
    tempo = Tempo()
    assert tempo.wait == 0.0
    assert _answer(tempo, (0.9, 0.5), (0.1, 0.5)) == pytest.approx(0.4 + MARGIN_SECONDS), "the worst chunk counts"
    assert _answer(tempo, (0.7, 0.5)) == pytest.approx(0.4 + MARGIN_SECONDS), "the worst answer counts"
    assert _answer(tempo) == pytest.approx(0.4 + MARGIN_SECONDS), "of a single chunk there is nothing to learn"
    assert _answer(tempo, (1.1, 0.5)) == pytest.approx(0.6 + MARGIN_SECONDS)
    tempo.made("x" * 10, 5.0, 0.0)
    assert _answer(tempo) == pytest.approx(0.6 + MARGIN_SECONDS), "an answer that was cut tells nothing"
    for _ in range(REMEMBERED):
        _answer(tempo, (0.1, 0.5))
    assert tempo.wait == 0.0


def test_what_a_short_opening_lacked_a_longer_one_lacks_less() -> None:
    tempo = Tempo()
    tempo.began("你好，", 0.2)
    tempo.made("x" * 20, 0.9, tempo.wait + 7 * LETTER_SECONDS)
    tempo.answered()
    lacked = 0.9 - 7 * LETTER_SECONDS
    tempo.begin()
    tempo.began("你好，", 0.2)
    assert tempo.wait == pytest.approx(lacked + MARGIN_SECONDS)
    tempo.began("中国的首", 0.2)
    assert tempo.wait == pytest.approx(lacked - 5 * LETTER_SECONDS + MARGIN_SECONDS)
    tempo.began("中国的首都在", 0.2)
    assert tempo.wait == 0.0
    tempo.began("你们", 0.2)
    assert tempo.wait == pytest.approx(lacked + MARGIN_SECONDS), "a shorter one is made up for by a shorter second chunk"


def test_a_shorter_opening_than_any_before_leaves_time_for_the_shortest_second_chunk() -> None:
    tempo = Tempo()
    cost = 0.03
    for _ in range(REMEMBERED):  # all have time to spare
        tempo.begin()
        tempo.began("中国的首都", 0.4)
        tempo.made("x" * SHORT_CHUNK, cost * SHORT_CHUNK, tempo.wait + 15 * LETTER_SECONDS)
        tempo.answered()
    assert tempo.wait == 0.0
    tempo.begin()
    tempo.began("适合", 0.3)
    assert tempo.wait == pytest.approx(cost * SHORT_CHUNK - 6 * LETTER_SECONDS + MARGIN_SECONDS, abs=0.01)
    tempo.began("中国的首都", 0.4)
    assert tempo.wait == 0.0


def test_what_a_chunk_costs_was_measured_when_a_shorter_opening_waits_for_it() -> None:
    tempo = Tempo()
    tempo.began("中国的首都", 0.2)
    tempo.made("是北京。", 0.2, 1.05)
    tempo.answered()
    tempo.began("你们可", 0.2)
    assert tempo.wait < 0.01, "a voice that was fast at once is not taken for a slow one"


def test_what_was_ready_by_little_was_ready_by_luck() -> None:
    assert _answer(Tempo(), (0.9, 1.0)) == pytest.approx(MARGIN_SECONDS - 0.1)
    assert _answer(Tempo(), (0.5, 0.5 + MARGIN_SECONDS)) == 0.0


def test_a_slow_first_chunk_lets_a_first_answer_begin_later() -> None:
    tempo = Tempo()
    tempo.began("中国的首都", 0.75)
    assert tempo.wait == MARGIN_SECONDS
    tempo.began("中国的首都", 0.4)
    assert tempo.wait == 0.0, "that was quick"
    tempo.began("好的，", 0.27)
    assert tempo.wait == 0.0, "a short chunk takes longer than its share"
    _answer(tempo, (0.1, 0.5))
    tempo.began("中国的首都", 0.75)
    assert tempo.wait == 0.0, "a whole answer tells more than a chunk"


@given(st.lists(st.tuples(st.floats(0, 10), st.floats(-3, 5)), max_size=30))
def test_the_wait_is_bounded_and_enough_for_every_answer_like_those_before(answers: list[tuple[float, float]]) -> None:
    tempo = Tempo()
    for seconds, ahead in answers:
        wait = _answer(tempo, (seconds, ahead))
        assert 0.0 <= wait <= LONGEST_WAIT_SECONDS
        assert wait >= min(seconds - ahead + MARGIN_SECONDS, LONGEST_WAIT_SECONDS) - 1e-9
        assert tempo.room(1.0) >= 0


@pytest.mark.parametrize("text", [ENGLISH, CHINESE])
def test_with_no_time_left_chunks_are_short_and_with_plenty_they_are_sentences(text: str) -> None:
    def longest(room: int) -> int:
        chunker = Chunker(lambda: room)
        return max(map(len, [*chunker.feed(text * 3), *chunker.flush()][1:]))

    assert longest(0) <= 24 < longest(10_000)
    assert longest(0) < longest(50) < longest(10_000)


@given(st.text(alphabet="ab 中文，。,.!\n", max_size=200), st.lists(st.integers(0, 200), min_size=1, max_size=50), st.integers(1, 20))
def test_nothing_is_lost_however_the_room_changes(text: str, rooms: list[int], step: int) -> None:
    at = 0

    def room() -> int:
        nonlocal at
        at += 1
        return rooms[at % len(rooms)]

    chunker = Chunker(room)
    pieces = [piece for start in range(0, len(text), step) for piece in chunker.feed(text[start : start + step])]
    assert "".join([*pieces, *chunker.flush()]) == text
