"""The next chunk is as long as can be made while the last one is heard."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.dialogue.chunker import Chunker
from agent.dialogue.tempo import AMPLE_SECONDS, LONGEST_LEAD_SECONDS, Tempo, width

ENGLISH = "The museum opens at nine in the morning and closes at five in the afternoon, but on Mondays it stays closed. "
CHINESE = "博物馆每天早上九点开门，下午五点关门，不过星期一不开放，所以请你在其他日子来参观。"


def test_width_counts_a_chinese_character_for_three_letters() -> None:
    assert width("abc 中文") == 4 + 6


def test_a_slow_machine_gets_less_room_and_one_that_recovers_more() -> None:
    tempo = Tempo()
    before = tempo.room(1.0)
    for _ in range(5):
        tempo.made("x" * 10, 1.0, 0.5, 0.8)
    slow = tempo.room(1.0)
    for _ in range(5):
        tempo.made("x" * 10, 0.05, 0.5, 0.8)
    assert slow < before < tempo.room(1.0)


def test_a_chunk_that_waited_for_the_ear_tells_nothing() -> None:
    tempo = Tempo()
    before = tempo.room(1.0)
    tempo.made("x" * 10, 8.0, AMPLE_SECONDS + 1, 0.8)
    tempo.made("", 1.0, 0.0, 0.0)
    assert tempo.room(1.0) == before
    assert tempo.room(0.0) == tempo.room(-5.0) == 0


def test_a_machine_that_is_slower_than_speech_begins_later() -> None:
    tempo = Tempo()
    assert tempo.lead() == 0.0
    for _ in range(10):
        tempo.made("x" * 10, 1.0, 0.5, 0.98)
    assert tempo.lead() == 0.0, "what is missing falls between clauses"
    for _ in range(10):
        tempo.made("x" * 10, 1.0, 0.5, 0.8)
    some = tempo.lead()
    assert 0.5 < some < LONGEST_LEAD_SECONDS
    for _ in range(10):
        tempo.answered(20.0)
    assert tempo.lead() == LONGEST_LEAD_SECONDS
    for _ in range(10):
        tempo.answered(2.0)
    assert tempo.lead() < some, "short answers are all there soon"


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
