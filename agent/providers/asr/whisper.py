"""Speech to text with Whisper (base) on CTranslate2: Chinese, and telling Chinese from English.

Whisper was trained on windows of 30 s and is commonly fed that much, mostly silence; here the encoder sees the sound and two seconds more, which is
several times faster and enough for the decoder to find the end.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np

from agent.models.errors import ModelCorrupt, ModelMissing
from agent.providers.asr.chinese import tidy
from agent.providers.asr.guards import is_silent, repeated
from agent.providers.asr.pieces import SAMPLE_RATE, Sound, pieces

Language = Literal["en", "zh"]

LONGEST: Final = 28 * SAMPLE_RATE
_TAIL: Final = 2 * SAMPLE_RATE
"""Silence after the sound: with one second less the decoder goes round in circles."""
_WINDOW: Final = (4 * SAMPLE_RATE, 30 * SAMPLE_RATE)
_DETECTED: Final = 8 * SAMPLE_RATE
"""The language shows in the first seconds."""
_TOKENS_PER_SECOND: Final = 8.0
_TOKENS_MORE: Final = 8
_MIN_CONFIDENCE: Final = -1.2
"""Mean log-probability of the tokens."""
_MAX_NO_SPEECH: Final = 0.6
_PROMPTS: Final[dict[Language, str]] = {"zh": "以下是普通话的句子。", "en": ""}
"""Text that is said to stand before; it asks for simplified characters and punctuation."""
_CREDITS: Final = ("字幕", "Amara", "明镜与点点", "以下是普通话的句子", "by索兰娅")
"""Whisper learnt from subtitles, and what stands at their ends is what it hears in noise."""


class Whisper:
    """Hears English and Chinese. Not thread-safe: use it in one lane.

    `folder` holds model.bin, config.json, tokenizer.json and vocabulary.txt of a CTranslate2 conversion. Raises `ModelMissing`, `ModelCorrupt`.
    """

    def __init__(self, folder: Path, *, threads: int = 1) -> None:
        import ctranslate2  # these imports take most of a second, so they wait until Chinese is wanted
        from faster_whisper import WhisperModel
        from faster_whisper.tokenizer import Tokenizer

        if not (folder / "model.bin").is_file():
            raise ModelMissing(f"whisper: there is no model.bin in {folder}; `visavis models fetch` brings the models")
        try:
            model = WhisperModel(str(folder), device="cpu", compute_type="int8", cpu_threads=threads, local_files_only=True)
        except (RuntimeError, ValueError) as error:
            raise ModelCorrupt(
                f"whisper in {folder} cannot be loaded ({error}); `visavis models verify` tells whether the files are intact"
            ) from error
        self._network: Final = model.model
        self._features: Final = model.feature_extractor
        self._tokenizers: Final = {language: Tokenizer(model.hf_tokenizer, True, "transcribe", language) for language in _PROMPTS}
        self._as_view: Final = ctranslate2.StorageView.from_array
        self._kept: tuple[Sound, Any] | None = None

    def detect(self, pcm: Sound) -> Language:
        """Which of the two languages it is. What was computed is used again when the same array is transcribed next."""
        self._kept = None
        start = pcm[:_DETECTED] if len(pcm) > _DETECTED + _TAIL else pcm
        encoded = self._encode(start)
        if start is pcm:
            self._kept = (pcm, encoded)
        chances = dict(self._network.detect_language(encoded)[0])
        return "zh" if chances["<|zh|>"] > chances["<|en|>"] else "en"

    def transcribe(self, pcm: Sound, language: Language, cancelled: Callable[[], bool] = lambda: False) -> str:
        """What was said; empty for silence and noise. Looks at `cancelled` before each step; a step takes at most as long as the decoding of one piece."""
        kept, self._kept = self._kept, None
        texts = []
        for piece in pieces(pcm, LONGEST):
            if cancelled():
                break
            if is_silent(piece):
                continue
            encoded = kept[1] if kept is not None and kept[0] is piece else self._encode(piece)
            if cancelled():
                break
            texts.append(self._decode(encoded, len(piece) / SAMPLE_RATE, language))
        said = [text for text in texts if text]
        return _join_chinese(said) if language == "zh" else " ".join(said)

    def warm(self) -> None:
        """Run once, so that the first utterance does not pay for first use."""
        self._decode(self._encode(np.zeros(SAMPLE_RATE, np.float32)), 0.0, "zh")

    def _encode(self, pcm: Sound) -> Any:
        window = min(max(_WINDOW[0], len(pcm) + _TAIL), _WINDOW[1])
        features = self._features(np.pad(pcm, (0, window - len(pcm))), padding=0)
        even = features[:, : features.shape[1] // 2 * 2]  # the encoder halves the rate
        return self._network.encode(self._as_view(np.ascontiguousarray(even[None], np.float32)))

    def _decode(self, encoded: Any, seconds: float, language: Language) -> str:
        tokenizer = self._tokenizers[language]
        before = tokenizer.encode(_PROMPTS[language])
        prompt = [*([tokenizer.sot_prev, *before] if before else []), *tokenizer.sot_sequence, tokenizer.no_timestamps]
        (result,) = self._network.generate(
            encoded,
            [prompt],
            beam_size=1,
            max_length=len(prompt) + int(seconds * _TOKENS_PER_SECOND) + _TOKENS_MORE,
            repetition_penalty=1.1,
            return_scores=True,
            return_no_speech_prob=True,
        )
        tokens = list(result.sequences_ids[0])
        tokens = tokens[: len(tokens) - repeated(tokens)]
        if result.scores[0] < _MIN_CONFIDENCE or result.no_speech_prob > _MAX_NO_SPEECH:
            return ""
        text: str = tokenizer.decode(tokens).strip()
        if language == "zh":
            text = tidy(text)
        return "" if any(credit in text for credit in _CREDITS) else text


def _join_chinese(texts: list[str]) -> str:
    """A cut was made where it was quiet, so a comma is due if nothing stands there."""
    return "".join(text if text[-1] in "，。？！；：、" or index == len(texts) - 1 else text + "，" for index, text in enumerate(texts))
