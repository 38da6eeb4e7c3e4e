"""Real models for the tests that are marked `models`, and speech to try them on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soxr

from agent.models.errors import ModelError
from agent.models.store import ModelStore
from agent.providers.local.kokoro_model import PREPARED
from agent.providers.tts.hibari import EnglishPhonemes, HibariVoice
from agent.providers.tts.kokoro import KokoroVoice
from agent.providers.tts.speech import SAMPLE_RATE, Speech


@pytest.fixture(scope="session")
def model_path() -> Callable[[str], Path]:
    """The path of an installed model; the test is skipped when it is not installed."""
    store = ModelStore()

    def find(name: str) -> Path:
        try:
            return store.path(name)
        except ModelError as error:
            pytest.skip(f"needs a local model: {error}")

    return find


@pytest.fixture(scope="session")
def english_phonemes() -> EnglishPhonemes:
    return EnglishPhonemes()


@pytest.fixture(scope="session")
def hibari(english_phonemes: EnglishPhonemes) -> HibariVoice:
    return HibariVoice(english_phonemes)


@pytest.fixture(scope="session")
def kokoro(model_path: Callable[[str], Path], english_phonemes: EnglishPhonemes, tmp_path_factory: pytest.TempPathFactory) -> KokoroVoice:
    voices = model_path("kokoro-voices-zh")
    model_path("kokoro-82m")
    graph = ModelStore().derive(PREPARED)
    return KokoroVoice(graph, voices, english=english_phonemes, cache=tmp_path_factory.mktemp("segmenter"), threads=1)


def at_16_khz(speech: Speech) -> npt.NDArray[np.float32]:
    """What a recogniser takes: float32, −1 … 1."""
    return soxr.resample(speech.pcm.astype(np.float32) / 32768, SAMPLE_RATE, 16_000)


@pytest.fixture(scope="session")
def english(hibari: HibariVoice) -> Callable[[str], npt.NDArray[np.int16]]:
    """English speech at 16 kHz, int16."""
    return lambda text: (at_16_khz(hibari.speak(text)) * 32767).astype(np.int16)
