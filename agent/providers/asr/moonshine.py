"""English speech to text: Moonshine tiny on onnxruntime.

The encoder takes samples, the decoder writes one token at a time with a key-value cache (Jeffries et al., "Moonshine: Speech Recognition for Live
Transcription and Voice Commands", 2024). Time grows with the length of the sound.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnxruntime as ort

from agent.models.errors import ModelCorrupt, ModelMissing
from agent.providers.asr.guards import is_silent, repeated
from agent.providers.asr.pieces import SAMPLE_RATE, Sound, pieces
from agent.providers.local.onnx import open_session

LONGEST: Final = 9 * SAMPLE_RATE
"""The published graph fails beyond 9.3 s."""
SHORTEST: Final = SAMPLE_RATE // 2
"""Less is padded with silence."""
_TOKENS_PER_SECOND: Final = 8.0
_TOKENS_MORE: Final = 6
_START: Final = 1
_END: Final = 2
_VOCABULARY: Final = 32_768
_HEADS: Final = (1, 8, 0, 36)
"""The shape of an empty cache: batch, heads, tokens, size of a head."""
_MIN_CONFIDENCE: Final = -1.3
"""Mean log-probability of the tokens; speech that a person would understand has more."""
_NOT_SAID: Final = frozenset({"You", "Thank you for watching!"})
"""What the model writes for noise. (Where somebody says “you” and no more, it writes a mark after it.)"""


class Moonshine:
    """Hears English. Not thread-safe: use it in one lane.

    `folder` holds encoder_model.ort, decoder_model_merged.ort and tokenizer.bin. Raises `ModelMissing`, `ModelCorrupt`.
    """

    def __init__(self, folder: Path, *, threads: int = 1) -> None:
        self._words: Final = read_vocabulary(folder / "tokenizer.bin")
        self._encoder: Final = open_session(folder / "encoder_model.ort", threads=threads)
        self._decoder: Final = open_session(folder / "decoder_model_merged.ort", threads=threads)
        caches = [item.name for item in self._decoder.get_inputs() if item.name.startswith("past_key_values.")]
        if not caches or len(self._words) != _VOCABULARY:
            raise ModelCorrupt(f"{folder} does not hold the Moonshine model that is expected; `visavis models verify` tells more")
        self._presents: Final = {name.replace("past_key_values", "present"): name for name in caches}
        self._own_presents: Final = [name for name in self._presents if ".decoder." in name]

    def transcribe(self, pcm: Sound, cancelled: Callable[[], bool] = lambda: False) -> str:
        """What was said; empty for silence and noise. Ends within one decoding step (a few milliseconds) once `cancelled`; what it returns then is cut short."""
        texts = []
        for piece in pieces(pcm, LONGEST):
            if cancelled():
                break
            if not is_silent(piece):
                texts.append(self._piece(piece, cancelled))
        return " ".join(text for text in texts if text)

    def warm(self) -> None:
        """Run once, so that the first utterance does not pay for first use."""
        self._decode(np.zeros(SAMPLE_RATE, np.float32), 3, lambda: False)

    def _piece(self, pcm: Sound, cancelled: Callable[[], bool]) -> str:
        limit = int(len(pcm) / SAMPLE_RATE * _TOKENS_PER_SECOND) + _TOKENS_MORE
        padded = np.pad(pcm, (0, max(0, SHORTEST - len(pcm))))
        tokens, confidence = self._decode(padded, limit, cancelled)
        text = text_of(tokens, self._words)
        said = confidence >= _MIN_CONFIDENCE and text not in _NOT_SAID and any(map(str.isalnum, text))
        return text if said else ""

    def _decode(self, pcm: Sound, limit: int, cancelled: Callable[[], bool]) -> tuple[list[int], float]:
        """At most `limit` tokens, the likeliest each time, and their mean log-probability."""
        mask = np.ones((1, len(pcm)), np.int64)
        (hidden,) = self._encoder.run_with_ort_values(
            ["last_hidden_state"], {"input_values": _value(pcm[None]), "attention_mask": _value(mask)}
        )
        feed: dict[str, Any] = dict.fromkeys(self._presents.values(), _value(np.zeros(_HEADS, np.float32)))
        feed["encoder_hidden_states"] = hidden
        feed["encoder_attention_mask"] = _value(np.ones((1, hidden.shape()[1]), np.int64))
        feed["use_cache_branch"] = _value(np.zeros(1, np.bool_))
        wanted = list(self._presents)  # the sound's own keys and values come out of the first step only
        tokens: list[int] = []
        total = 0.0
        last = _START
        while not cancelled():
            feed["input_ids"] = _value(np.array([[last]], np.int64))
            logits, *presents = self._decoder.run_with_ort_values(["logits", *wanted], feed)
            last, log_probability = _likeliest(logits.numpy()[0, -1])
            total += log_probability
            if last == _END:
                break
            tokens.append(last)
            if (extra := repeated(tokens)) > 0:
                del tokens[-extra:]
                break
            if len(tokens) >= limit:
                break
            feed.update((self._presents[name], value) for name, value in zip(wanted, presents, strict=True))
            feed["use_cache_branch"] = _value(np.ones(1, np.bool_))
            wanted = self._own_presents
        return tokens, total / max(1, len(tokens))


def _value(array: Any) -> ort.OrtValue:
    return ort.OrtValue.ortvalue_from_numpy(np.ascontiguousarray(array))


def _likeliest(logits: Sound) -> tuple[int, float]:
    token = int(logits.argmax())
    return token, -float(np.log(np.exp(logits - logits[token]).sum()))


def read_vocabulary(file: Path) -> list[bytes]:
    """The tokens by number. In the file each is its length, then its bytes (UTF-8, with ▁ for a space, or `<0xNN>` for a single byte).

    A length of 128 or more takes two bytes: the first less 128, and the second times 128. Raises `ModelMissing`, `ModelCorrupt`.
    """
    try:
        data = file.read_bytes()
    except FileNotFoundError:
        raise ModelMissing(f"{file} is not there; `visavis models fetch` brings the models") from None
    words: list[bytes] = []
    at = 0
    while at < len(data):
        length = data[at]
        at += 1
        if length >= 128:
            if at == len(data):
                raise ModelCorrupt(f"{file} ends in the middle of a token's length")
            length += (data[at] - 1) * 128
            at += 1
        if at + length > len(data):
            raise ModelCorrupt(f"{file} ends in the middle of token {len(words)}")
        words.append(data[at : at + length])
        at += length
    return words


def text_of(tokens: Sequence[int], words: Sequence[bytes]) -> str:
    """The text that tokens stand for, without the marks of start and end."""
    return b"".join(_bytes_of(words[token]) for token in tokens if token > _END).decode("utf-8", "ignore").replace("\u2581", " ").strip()


def _bytes_of(word: bytes) -> bytes:
    if len(word) == 6 and word.startswith(b"<0x") and word.endswith(b">"):
        return bytes([int(word[3:5], 16)])
    return word
