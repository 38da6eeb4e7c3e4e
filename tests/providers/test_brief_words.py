"""A single word of Chinese, which lasts a fifth of a second, is understood."""

from __future__ import annotations

import numpy as np
import pytest
import soxr

from agent.media.block import Pcm
from agent.models.errors import ModelError
from agent.models.store import ModelStore
from agent.providers.asr.whisper import Whisper
from tests.fixtures.speech import SAMPLE_RATE, Speaker


@pytest.fixture(scope="module")
def whisper() -> Whisper:
    try:
        return Whisper(ModelStore().path("whisper-base"), threads=2)
    except ModelError as error:
        pytest.skip(f"the recogniser is not installed: {error}")


@pytest.mark.models
@pytest.mark.parametrize("word", ["停", "不对", "等一下"])
def test_a_command_is_understood(whisper: Whisper, speaker: Speaker, word: str) -> None:
    sound: Pcm = np.asarray(soxr.resample(speaker.say(f"{word}。"), SAMPLE_RATE, 16_000), np.int16)
    loud = np.flatnonzero(np.abs(sound.astype(int)) > 460)
    said = sound[max(0, loud[0] - 4_800) : loud[-1] + 1_600].astype(np.float32) / 32_768
    assert len(said) <= 16_000
    assert word in whisper.transcribe(said, "zh")
