"""From sounds to shapes of the mouth."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.media.visemes import CLOSURE_SECONDS, ID, LEAD, NAMES, Viseme, visemes
from agent.protocol.messages import RATE
from agent.providers.timing import Sound
from tests.media.test_timeline import LAW


def said(*sounds: tuple[str, float]) -> list[Viseme]:
    """Shapes for symbols, each with its seconds, after a tenth of a second."""
    at, out = 0.1, []
    for symbol, seconds in sounds:
        out.append(Sound(symbol, at, at + seconds))
        at += seconds
    return visemes(out)


def names(shapes: list[Viseme]) -> str:
    return " ".join(NAMES[shape.id] for shape in shapes)


@pytest.mark.parametrize(
    ("symbols", "expected"),
    [
        ("mˈɑm", "PP aa PP sil"),
        ("fˈIv", "FF aa I FF sil"),
        ("θˈɪŋk", "TH I kk sil"),
        ("hˈWs", "aa U SS sil"),
        ("bˈY", "PP O I sil"),
        ("ʃˈu", "CH U sil"),
        ("pʰau↓", "PP aa U sil"),
        ("ɕjɛ↘ɕjɛ", "CH I E CH I E sil"),
        ("ni↓xau↓", "nn I kk aa U sil"),
        ("ʈʂ", "DD CH sil"),
    ],
)
def test_words(symbols: str, expected: str) -> None:
    assert names(said(*((symbol, 0.1) for symbol in symbols))) == expected


def test_a_shape_comes_before_its_sound() -> None:
    (first, _) = said(("m", 0.2))
    assert first == Viseme(round(0.1 * RATE) - LEAD, ID["PP"], 100)


def test_a_short_pause_closes_no_mouth_and_a_long_one_does() -> None:
    assert names(said(("a", 0.1), (" ", 0.04), ("i", 0.1))) == "aa I sil"
    assert names(said(("a", 0.1), (",", 0.2), ("i", 0.1))) == "aa sil I sil"


def test_lips_that_close_for_a_moment_are_seen_to_close() -> None:
    before, closed, after, _ = said(("a", 0.1), ("b", 0.02), ("i", 0.1))
    assert (before.id, closed.id, after.id) == (ID["aa"], ID["PP"], ID["I"])
    assert after.at - closed.at == pytest.approx(CLOSURE_SECONDS * RATE, abs=2)


def test_other_consonants_of_a_moment_are_passed_over() -> None:
    assert names(said(("a", 0.1), ("n", 0.02), ("i", 0.1))) == "aa I sil"


def test_a_stress_mark_belongs_to_the_vowel_behind_it_and_a_tone_to_the_one_before() -> None:
    vowel = said(("ˈ", 0.05), ("ɑ", 0.1), ("t", 0.1))[0]
    assert vowel.at == round(0.1 * RATE) - LEAD
    *_, end = said(("a", 0.1), ("↗", 0.05))
    assert end.at == round(0.25 * RATE) - LEAD


def test_unstressed_short_vowels_are_formed_less() -> None:
    assert said(("ə", 0.05))[0].weight < said(("ə", 0.12))[0].weight < said(("ɑ", 0.12))[0].weight


def test_nothing_to_say_is_nothing_to_show() -> None:
    assert visemes([]) == []
    assert visemes([Sound("Ж", 0, 1)]) == []


@settings(max_examples=LAW, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from([*"pbmfvθtkʃsnlɹaeiouəAIWYOˈˌːʰ↗ ,.?hx🙂"]), st.floats(-1, 20), st.floats(-1, 20)),
        max_size=30,
    )
)
def test_whatever_the_times_are_shapes_are_in_order_and_the_mouth_closes(times: list[tuple[str, float, float]]) -> None:
    shapes = visemes([Sound(*time) for time in times])
    assert all(before.at < after.at for before, after in pairwise(shapes))
    assert all(shape.at >= 0 and 0 <= shape.id < 15 and 0 <= shape.weight <= 100 for shape in shapes)
    assert not shapes or shapes[-1].id == 0
