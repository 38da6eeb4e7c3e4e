"""Pieces to be said, each with the stretch of the answer that it says."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.dialogue.pieces import Piece, SpeechPieces
from agent.dialogue.speakable import speakable
from agent.protocol.messages import Language
from tests.dialogue.fragments import cut, spoken_texts, wild_texts


def pieces_of(deltas: list[str], language: Language = "en") -> list[Piece]:
    stream = SpeechPieces(language)
    return [piece for delta in deltas for piece in stream.feed(delta)] + stream.flush()


@settings(max_examples=400, deadline=None)
@given(cut(st.one_of(wild_texts, spoken_texts)), st.sampled_from(["en", "zh"]))
def test_both_sides_are_complete(text_and_deltas: tuple[str, list[str]], language: Language) -> None:
    text, deltas = text_and_deltas
    pieces = pieces_of(deltas, language)
    assert "".join(piece.written for piece in pieces) == text
    assert "".join(piece.spoken for piece in pieces).rstrip() == speakable(text, language)
    assert [piece.spoken for piece in pieces if piece.spoken] == [piece.spoken for piece in pieces_of([text], language) if piece.spoken]


@pytest.mark.parametrize("size", [1, 3, 1_000])
@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        (
            "**Sure!** The sky is *blue*. It costs $5.50 at 3:30 p.m., see [this](https://x.com/a).\n\n- apples 😀",
            [
                ("**Sure!", "Sure!"),
                ("** The sky is *blue*.", " The sky is blue."),
                (" It costs $5.50 at 3:30 p.m.,", " It costs five dollars and fifty cents at three thirty PM,"),
                (" see [this](https://x.com/a).\n\n- apples 😀", " see this. apples"),
            ],
        ),
        (
            "好的！**2024年**3月5日下午3:30，气温-5℃。（微笑）再见～",
            [
                ("好的！", "好的！"),
                ("**2024年**3月5日下午3:30，", "二零二四年三月五日下午三点半，"),
                ("气温-5℃。", "气温零下五摄氏度。"),
                ("（微笑）再见～", "再见"),
            ],
        ),
        ("```python\nx = 1\n```", [("```python\nx = 1\n```", "")]),
        ("", []),
    ],
)
def test_what_is_said_for_what_was_written(text: str, pieces: list[tuple[str, str]], size: int) -> None:
    found = pieces_of([text[start : start + size] for start in range(0, len(text), size)])
    assert [piece.spoken.rstrip() for piece in found] == [spoken.rstrip() for _, spoken in pieces]
    assert [piece.written for piece in found] == [written for written, _ in pieces]


@settings(max_examples=400, deadline=None)
@given(cut(st.one_of(wild_texts, spoken_texts)))
def test_looking_ahead_changes_nothing(text_and_deltas: tuple[str, list[str]]) -> None:
    _, deltas = text_and_deltas
    stream, found = SpeechPieces(), list[Piece]()
    for delta in deltas:
        found += stream.feed(delta)
        stream.foreseen()
    assert found + stream.flush() == pieces_of(deltas)


@pytest.mark.parametrize(
    ("written", "foreseen"),
    [
        ("The capital of France", "The capital of France"),
        ("It takes about 5", "It takes about five"),
        ("**Spiders** have eight", "Spiders have eight"),
        ("The capital of", None),  # nobody pauses there
        ("The capital", None),
        ("Sure", None),
        ("中国的首都", None),
        ("", None),
    ],
)
def test_the_first_piece_is_foreseen_a_word_early(written: str, foreseen: str | None) -> None:
    stream = SpeechPieces()
    assert stream.feed(written) == []
    assert stream.foreseen() == foreseen
    if foreseen is not None:
        assert stream.feed(" is well known")[0].spoken == foreseen
        assert stream.foreseen() is None, "only the first"


def test_a_flush_begins_anew() -> None:
    stream = SpeechPieces()
    first = stream.feed("**Hello there") + stream.flush()
    assert stream.feed("**Hello there") + stream.flush() == first


def test_a_long_delta_takes_time_in_proportion() -> None:
    def seconds(size: int) -> float:
        start = time.process_time()
        pieces_of(["Hello **there**, it is 25°C. "[:29] * (size // 29)])
        return time.process_time() - start

    assert seconds(40_000) < 30 * seconds(4_000) + 0.5
