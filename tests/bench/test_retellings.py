"""The judge of what was heard again: what is right passes, and each fault that is planted is found."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from agent.sessions.events import Event
from bench.mark_tones import WORD_SECONDS
from bench.marks import Mark
from bench.retellings import Told, faults, tellings, written


def words(loop: int, first: int, end: int, call: int) -> list[Mark]:
    return [Mark(loop, word, call) for word in range(first, end)]


def delta(seq: int, at: float, answer: int, marks: Sequence[Mark]) -> Event:
    text = "".join(f"{mark.text} " for mark in marks)
    return Event("s", seq, round(at * 1000), 0, 0, 0, "llm_delta", {"answer": answer, "text": text, "whole": False})


def came(seq: int, at: float) -> Event:
    return Event("s", seq, round(at * 1000), 0, 0, 0, "round_came", {"keeps_page": False})


def heard(marks: Sequence[Mark], at: float, stream: int) -> list[Told]:
    times = [at + place * WORD_SECONDS for place in range(len(marks))]
    return [Told(mark, time, stream, time) for mark, time in zip(marks, times, strict=True)]


# Loop 1 is heard whole; loop 2 is broken off after four of its eight words, of which six were written down, and goes on with another call of the model.
JOURNAL = [
    came(1, 0.0),
    delta(2, 1.0, 1, words(1, 0, 8, 11)),
    delta(3, 5.0, 2, words(2, 0, 3, 22)),
    delta(4, 5.5, 2, words(2, 3, 6, 22)),
    came(5, 8.0),
    delta(6, 8.5, 3, words(2, 6, 8, 33)),
]
FIRST = heard(words(1, 0, 8, 11), 1.2, 1)
BROKEN = heard(words(2, 0, 4, 22), 5.2, 1)
AGAIN = heard([*words(2, 0, 6, 22), *words(2, 6, 8, 33)], 8.3, 2)
ASKED = {1: 8, 2: 8}
HEARD = {1: 4.5}


def test_what_is_right_has_no_fault() -> None:
    assert faults([*FIRST, *BROKEN, *AGAIN], JOURNAL, ASKED, HEARD) == []
    assert [(t.loop, len(t.words)) for t in tellings([*FIRST, *BROKEN, *AGAIN])] == [(1, 8), (2, 4), (2, 8)]
    assert written(JOURNAL)[2] == [mark for mark, *_ in AGAIN]


def test_a_word_that_was_spoilt_on_its_way_is_not_missing() -> None:
    """Its time has passed."""
    assert faults([*FIRST, *BROKEN, *AGAIN[:3], *AGAIN[4:]], JOURNAL, ASKED, HEARD) == []


def test_sound_that_was_taken_late_leaves_no_gap() -> None:
    """The client was busy when the third word came; the fourth was spoilt, and the fifth was taken in time."""
    late = AGAIN[2]._replace(at=AGAIN[2].at + 0.3)
    assert faults([*FIRST, *BROKEN, *AGAIN[:2], late, *AGAIN[4:]], JOURNAL, ASKED, HEARD) == []


def test_the_first_and_the_last_word_may_be_spoilt_where_there_was_sound() -> None:
    told = [*FIRST, *BROKEN, *AGAIN[1:-1]]
    at = [AGAIN[0].at + place * 0.02 for place in range(round(len(AGAIN) * WORD_SECONDS / 0.02))]
    assert faults(told, JOURNAL, ASKED, HEARD, [(time, 2) for time in at]) == []
    assert len(faults(told, JOURNAL, ASKED, HEARD, [(time, 1) for time in at])) == 2
    assert len(faults(told, JOURNAL, ASKED, HEARD, [(time, 2) for time in at[17:-17]])) == 2


def test_words_that_came_before_the_ear_was_open_are_not_missing() -> None:
    told = [*FIRST, *BROKEN, *AGAIN[2:]]
    second = AGAIN[1].at
    sound = [(second + place * 0.02, 2) for place in range(round(WORD_SECONDS / 0.02))]
    assert faults(told, JOURNAL, ASKED, HEARD, opened={2: second + 0.1}) == []
    assert faults(told, JOURNAL, ASKED, HEARD, sound, {2: second - 0.1}) == []
    assert faults(told, JOURNAL, ASKED, HEARD, (), {2: second - 0.1}) == ["loop 2 begins at word 2"]
    assert faults(told, JOURNAL, ASKED, HEARD, sound, {2: second - WORD_SECONDS - 0.1}) == ["loop 2 begins at word 2"]
    assert faults(told, JOURNAL, ASKED, HEARD, opened={1: second + 0.1}) == ["loop 2 begins at word 2"]


@pytest.mark.parametrize(
    ("plant", "words_of_it"),
    [
        (lambda: [*FIRST, *BROKEN, *heard(words(1, 0, 8, 11), 8.3, 2), *AGAIN], "heard again after it was heard"),
        (lambda: [*FIRST, *BROKEN, *AGAIN[2:]], "begins at word 2"),
        (lambda: [*FIRST, *BROKEN, *AGAIN[:3], *heard([mark for mark, *_ in AGAIN[4:]], AGAIN[3].at, 2)], "has gaps"),
        (lambda: [*FIRST, *BROKEN, *AGAIN[:-1]], "not heard to its end"),
        (lambda: [*FIRST, *BROKEN], "not heard to its end"),
        (lambda: [*FIRST, *BROKEN, *heard(words(2, 0, 8, 44), 8.3, 2)], "other words than the 6"),
        (lambda: [*FIRST, *BROKEN, *heard([*words(2, 0, 6, 22), *words(2, 6, 8, 44)], 8.3, 2)], "not what the journal holds"),
        (lambda: [*FIRST, *BROKEN, *AGAIN, *heard(words(3, 0, 2, 5), 12.0, 2)], "was not asked for"),
    ],
)
def test_each_fault_is_found(plant: Callable[[], list[Told]], words_of_it: str) -> None:
    assert any(words_of_it in fault for fault in faults(plant(), JOURNAL, ASKED, HEARD))


def test_numbers_that_are_missing_from_the_journal_are_found() -> None:
    told = [*FIRST, *BROKEN, *AGAIN]
    assert faults(told, [*JOURNAL[:3], *JOURNAL[4:]], ASKED, HEARD)[0] == "the journal's numbers have gaps"
