"""The English voice: Hibari, a small vocoder model whose files come with its package.

Its graph predicts, for each frame of 300 samples, the parameters of a harmonic-plus-noise synthesiser; the phoneme durations inside the graph are
made an output here, because the package does not give them out.
"""

from __future__ import annotations

import json
import threading
from importlib.resources import files
from typing import Any, Final

import numpy as np

from agent.models.errors import ModelMissing
from agent.providers.local.lane import Cancel
from agent.providers.local.onnx import open_session
from agent.providers.tts.speech import LATE, Reading, Speech, earlier, finish, joined, silence, spread, tidy

_DURATIONS: Final = "/Clip_output_0"
VOICE: Final = "heart"
"""The one voice inside the package; others would be downloaded."""
MAX_CHARACTERS: Final = 280


class EnglishPhonemes:
    """English text to phonemes, in the alphabet that Hibari and Kokoro share. Loaded when first used; any thread may use it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._g2p: Any = None

    def __call__(self, text: str) -> str:
        return joined(self.read(text)).strip()

    def read(self, text: str) -> list[Reading]:
        """The words of `text`, each with its phonemes."""
        with self._lock:
            if self._g2p is None:
                from hibari.g2p import G2P

                self._g2p = G2P()
            from hibari.g2p import normalize

            tokens = self._g2p.phonemize_tokens(self._g2p.tokenize(normalize(text)))
        return [Reading(token.text, (token.phonemes or "") + (" " if token.whitespace else "")) for token in tokens]


def phoneme_ids() -> dict[str, int]:
    """The alphabet: the number of each symbol. Kokoro's own numbering."""
    ids: dict[str, int] = json.loads((files("hibari") / "assets" / "vocab.json").read_text("utf-8"))
    return ids


class HibariVoice:
    """Says English. Not thread-safe: use it in one lane. `english` may be shared with the Chinese voice. Raises `ModelMissing`, `ModelCorrupt`."""

    name = "hibari"
    max_characters = MAX_CHARACTERS

    def __init__(self, english: EnglishPhonemes | None = None, *, threads: int = 1) -> None:
        from hibari import dsp  # the import takes a quarter of a second, so it waits until the voice is wanted

        model = files("hibari") / "assets" / "hibari.onnx"
        if not model.is_file():
            raise ModelMissing("the English voice's package has no model; install hibari-tts again")
        self._synthesise: Final = dsp.synth
        self._english: Final = english or EnglishPhonemes()
        self._ids: Final = phoneme_ids()
        self._session: Final = open_session(add_output(model.read_bytes(), _DURATIONS), threads=threads, name="hibari.onnx")

    def phonemes(self, text: str) -> str:
        """Phonemes in the model's alphabet; empty when there is nothing to say."""
        return joined(tidy(self._english.read(text), self._ids))

    def speak(self, text: str, cancel: Cancel | None = None, *, voice: str | None = None) -> Speech:
        """Say one sentence of at most `MAX_CHARACTERS`. There is one voice only, so `voice` is not looked at."""
        readings = tidy(self._english.read(text), self._ids)
        phonemes = joined(readings)
        if not phonemes.strip(' .,;:!?—…"“”()'):
            return silence(0.05)
        if cancel is not None:
            cancel.check()
        ids = [0, *(self._ids[symbol] for symbol in phonemes), 0]
        outputs = self._session.run(None, {"ids": np.asarray([ids], np.int64), "speed": np.ones(1, np.float32)})
        if cancel is not None:
            cancel.check()
        noise = np.random.default_rng(0)
        audio = self._synthesise(*(output[0] for output in outputs[:6]), noise)
        phones = spread([" ", *phonemes, " "], outputs[6].ravel(), len(audio))
        return finish(audio, earlier(phones, LATE), text, readings)

    def warm(self) -> None:
        """Say something short and something long, so that the first real sentence does not pay for first use."""
        self.speak("Hello.")
        self.speak("This is how a sentence of the usual length sounds, isn't it?")


def add_output(model: bytes, name: str) -> bytes:
    """The serialised ONNX `model` with the inner value `name` as one more output.

    Nothing has to be parsed: concatenated protobuf messages merge, and repeated fields are appended (protobuf encoding, "Last One Wins").
    So this adds ModelProto{graph (7): GraphProto{output (12): ValueInfoProto{name (1)}}}.
    """
    return model + _field(7, _field(12, _field(1, name.encode())))


def _field(number: int, payload: bytes) -> bytes:
    """A length-delimited protobuf field; `number` < 16 and a payload shorter than 128 bytes take one byte each."""
    assert number < 16
    assert len(payload) < 128
    return bytes([number << 3 | 2, len(payload)]) + payload
