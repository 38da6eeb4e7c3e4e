import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.transports.rate import Decimator
from tests.transports.echo import tone


def level_db(pcm: np.ndarray) -> float:
    return float(20 * np.log10(np.sqrt(np.mean(pcm.astype(float) ** 2)) / (16_000 / np.sqrt(2)) + 1e-9))


@pytest.mark.parametrize("factor", [2, 3])
def test_what_fits_the_new_rate_passes_and_what_does_not_leaves_no_alias(factor: int) -> None:
    rate = 48_000 // factor
    for share, low, high in ((0.05, -0.1, 0.1), (0.3, -0.1, 0.1), (0.42, -1, 0.1), (0.55, -120, -55), (0.8, -120, -55), (0.95, -120, -55)):
        out = Decimator(factor)(tone(0.5, 48_000, share * rate))
        assert low <= level_db(out[200:]) <= high, share


@given(st.lists(st.integers(0, 8), min_size=1, max_size=12), st.sampled_from([2, 3]))
def test_the_lengths_of_the_blocks_do_not_matter(lengths: list[int], factor: int) -> None:
    signal = np.random.default_rng(1).integers(-30_000, 30_000, 120 * sum(lengths)).astype(np.int16)
    whole = Decimator(factor)(signal)
    decimator, at, pieces = Decimator(factor), 0, []
    for length in lengths:
        pieces.append(decimator(signal[at : at + 120 * length]))
        at += 120 * length
    pieced = np.concatenate(pieces)
    assert len(pieced) == len(signal) // factor
    assert np.abs(pieced.astype(int) - whole).max(initial=0) <= 1


def test_the_delay_is_what_it_says() -> None:
    decimator = Decimator(3)
    click = np.zeros(960, np.int16)
    click[300] = 20_000
    assert int(np.argmax(decimator(click))) == (300 + decimator.delay) // 3


def test_loud_sound_is_clipped_and_does_not_wrap() -> None:
    square = np.where(np.arange(4_800) // 60 % 2, 32_767, -32_768).astype(np.int16)
    loud, half = Decimator(2)(square), Decimator(2)(square // 2)
    clear = np.abs(half) > 1_000
    assert (loud.max(), loud.min()) == (32_767, -32_768)
    assert np.array_equal(np.sign(loud[clear]), np.sign(half[clear]))


def test_reset_forgets() -> None:
    decimator = Decimator(2)
    decimator(tone(0.02, 48_000))
    decimator.reset()
    assert not decimator(np.zeros(960, np.int16)).any()


@pytest.mark.parametrize("factor", [0, 1, 7])
def test_impossible_factors_are_refused(factor: int) -> None:
    with pytest.raises(ValueError, match="divides 48000"):
        Decimator(factor)


def test_odd_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="multiple of 3"):
        Decimator(3)(np.zeros(961, np.int16))
