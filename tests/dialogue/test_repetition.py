"""Loops of small models are noticed; ordinary answers are left alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.dialogue.repetition import Repetition


def looped(text: str, step: int = 2) -> int | None:
    """How much of `text` was written when a loop was noticed."""
    repetition = Repetition()
    for start in range(0, len(text), step):
        if repetition.feed(text[start : start + step]):
            return start + step
    return None


def test_a_loop_ends() -> None:
    text = "因为天空是空气中的水蒸气，" + 40 * "水在空气中冷却后变成水，"
    assert looped(text) is not None
    assert looped(text) < 60  # type: ignore[operator]
    assert looped("It is blue. " + 30 * "The light is scattered by the air, ") is not None


@pytest.mark.parametrize(
    "text",
    [
        "One, two, three, one, two, three, one, two, three.",
        "大象很大，老鼠很小，猫也很小，狗也很小，鸟也很小。",
        "Row, row, row your boat, gently down the stream. Merrily, merrily, merrily, merrily, life is but a dream.",
    ],
)
def test_ordinary_repetition_is_left_alone(text: str) -> None:
    assert looped(text) is None


@given(st.lists(st.text(alphabet="abc，. 好", max_size=30), max_size=20))
def test_it_does_not_matter_how_the_text_is_cut(pieces: list[str]) -> None:
    whole, parts = Repetition(), Repetition()
    assert whole.feed("".join(pieces)) == (sum(parts.feed(piece) for piece in pieces) > 0)
