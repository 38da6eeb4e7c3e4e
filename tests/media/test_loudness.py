"""A mouth that knows nothing but loudness."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.media.loudness import LoudnessShapes
from agent.media.visemes import ID

RATE = 24_000


def tone(seconds: float, level: float) -> np.ndarray:
    return (level * 32_767 * np.sin(np.arange(round(seconds * RATE)) * 0.1)).astype(np.int16)


def test_it_opens_with_the_voice_and_closes_in_the_pause() -> None:
    shapes = LoudnessShapes().push(np.concatenate([tone(0.2, 0), tone(0.4, 0.3), tone(0.2, 0)]), RATE)
    assert [(shape.id, shape.weight) for shape in shapes] == [(ID["aa"], 100), (0, 0)]
    assert [shape.at / 48_000 for shape in shapes] == pytest.approx([0.2, 0.6], abs=0.04)


def test_it_is_less_open_where_the_voice_is_softer() -> None:
    shapes = LoudnessShapes().push(np.concatenate([tone(0.4, 0.5), tone(0.4, 0.12)]), RATE)
    assert 0 < shapes[1].weight < shapes[0].weight


def test_it_closes_when_the_sound_ends() -> None:
    loudness = LoudnessShapes()
    loudness.push(tone(0.4, 0.3), RATE)
    (closed,) = loudness.end()
    assert closed.id == 0
    assert closed.at == loudness.known - 1
    assert loudness.end() == []


@given(st.lists(st.integers(1, 3_000), min_size=1, max_size=20), st.sampled_from([8_000, 24_000, 48_000]))
def test_how_the_sound_is_cut_makes_no_difference(sizes: list[int], rate: int) -> None:
    pcm = np.random.default_rng(0).normal(0, 3_000, sum(sizes)).astype(np.int16)
    whole, cut = LoudnessShapes(), LoudnessShapes()
    expected = whole.push(pcm, rate)
    parts = np.split(pcm, np.cumsum(sizes)[:-1])
    shapes = [shape for part in parts for shape in cut.push(part, rate)]
    assert shapes == expected
    assert cut.known == whole.known
    assert all(before.at < after.at for before, after in pairwise(shapes))


def test_a_voice_that_changes_its_rate_goes_on() -> None:
    loudness = LoudnessShapes()
    loudness.push(tone(0.4, 0.3), RATE)
    shapes = loudness.push(np.zeros(19_200, np.int16), 48_000)
    assert [shape.id for shape in shapes] == [0]
    assert shapes[0].at == pytest.approx(0.4 * 48_000, abs=0.04 * 48_000)
