"""Finishing a model's output: trimming, limiting, and phonemes that move along."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.providers.tts.speech import SAMPLE_RATE, Phone, finish, silence, spread

TONE = np.sin(np.arange(SAMPLE_RATE) * 0.1).astype(np.float32)


def _padded(lead: int, tail: int, gain: float = 0.5) -> np.ndarray:
    return np.concatenate([np.zeros(lead, np.float32), gain * TONE, np.zeros(tail, np.float32)])


@pytest.mark.parametrize(
    ("text", "pause"), [("Done.", 0.25), ("Well,", 0.12), ("好的，", 0.12), ("好。”", 0.25), ("word", 0.06), ("", 0.06)]
)
def test_silence_is_trimmed_and_the_pause_fits_the_punctuation(text: str, pause: float) -> None:
    for tail in (0, SAMPLE_RATE):
        speech = finish(_padded(12_000, tail), [], text)
        assert speech.seconds == pytest.approx(0.01 + 1 + pause, abs=0.002)
        assert np.abs(speech.pcm[: int(0.009 * SAMPLE_RATE)]).max() < 200
        assert not speech.pcm[-int((pause - 0.01) * SAMPLE_RATE) :].any()


def test_phonemes_move_with_the_samples() -> None:
    phones = [Phone(" ", 0, 12_000), Phone("a", 12_000, 24_000), Phone("b", 24_000, 36_000), Phone(" ", 36_000, 48_000)]
    speech = finish(_padded(12_000, 12_000), phones, "ab.")
    lead = 240
    assert [phone.symbol for phone in speech.phones] == [" ", "a", "b"]  # what comes after the sound is not part of it
    assert speech.phones[0] == Phone(" ", 0, speech.phones[1].start_sample)
    assert speech.phones[1].start_sample == pytest.approx(lead, abs=10)
    assert speech.phones[1].end_sample == speech.phones[2].start_sample == speech.phones[1].start_sample + 12_000
    assert speech.phones[2].end_sample == pytest.approx(lead + 24_000, abs=10)


@given(st.floats(0.01, 4), st.integers(0, 3_000), st.integers(0, 3_000))
def test_nothing_clips_and_quiet_speech_is_untouched(gain: float, lead: int, tail: int) -> None:
    speech = finish(_padded(lead, tail, gain), [], "x")
    peak = int(np.abs(speech.pcm.astype(np.int32)).max())
    assert peak <= 32767
    if gain <= 0.8:
        assert peak == pytest.approx(gain * 32767, rel=0.01)
    else:
        assert peak >= 0.8 * 32767 * 0.99


def test_silence_in_nothing_out() -> None:
    assert len(finish(np.zeros(1000, np.float32), [Phone("a", 0, 1000)], "…").pcm) <= 0.25 * SAMPLE_RATE
    assert finish(np.zeros(0, np.float32), [], "").phones == ()
    assert silence(0.05).seconds == pytest.approx(0.05)


@given(st.lists(st.integers(0, 30), min_size=1, max_size=40), st.integers(0, 100_000))
def test_durations_become_consecutive_samples(frames: list[int], samples: int) -> None:
    phones = spread(["x"] * len(frames), frames, samples)
    assert phones[0].start_sample == 0
    assert all(left.end_sample == right.start_sample for left, right in pairwise(phones))
    assert phones[-1].end_sample == (samples if sum(frames) else 0)
