"""Speech to text with Whisper (base) on CTranslate2: Chinese, and telling Chinese from English.

Whisper was trained on windows of 30 s and is commonly fed that much, mostly silence; here the encoder sees the sound and two seconds more, which is
several times faster and enough for the decoder to find the end.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np

from agent.models.errors import ModelCorrupt, ModelMissing
from agent.models.resources import does_not_fit, out_of_memory
from agent.providers.asr.chinese import tidy
from agent.providers.asr.guards import is_silent, once, repeated
from agent.providers.asr.languages import Language
from agent.providers.asr.log_mel import HOP, log_mel
from agent.providers.asr.pieces import SAMPLE_RATE, Sound, pieces
from agent.providers.local import chinese_words

LONGEST: Final = 20 * SAMPLE_RATE
"""The encoder's time grows faster than the sound, and decoding cannot be broken off: shorter pieces cost less, and are given up sooner."""
_TAIL: Final = 2 * SAMPLE_RATE
"""Silence after the sound: with one second less the decoder goes round in circles."""
_SHORTEST_WINDOW: Final = 4 * SAMPLE_RATE
_DETECTED: Final = 8 * SAMPLE_RATE
"""The language shows in the first seconds."""
_TOKENS_PER_SECOND: Final = 8
_TOKENS_MORE: Final = 8
_NO_SPEECH: Final = 0.5
_DOUBTFUL: Final = -0.3
_NONSENSE: Final = -2.2
"""Mean log-probabilities of the tokens. Speech in another language than asked for also looks like no speech, but its words come with confidence."""
_CHOICES: Final = 3
"""Hypotheses that the decoder follows."""
_DICTIONARY: Final = 0.3
"""Of Chinese ones the likeliest is taken: the decoder's log-probability, and so much of what its words are worth without the sound. It hears 首都, the capital,
as 手都, hands all: one word against two."""
_BEFORE: Final[dict[Language, str]] = {"zh": "以下是普通话的句子。", "en": ""}
"""Text that is said to stand before; it asks for simplified characters and punctuation."""
_BRIEF: Final = 1.0
"""Seconds of sound, some silence included, in which hardly more than a word fits."""
_BEFORE_BRIEF: Final[dict[Language, str]] = {"zh": "嗯。对。哦。嗯。好。停。不对。等一下。嗯。", "en": ""}
"""So little sound says nothing without an idea of what it may be: 停 is written as nothing, and 不对 as 部队, troops."""
_STOP: Final = "停"
_SURE: Final = -0.25
"""Mean log-probability of that word alone: 嗯 is sometimes written so, less surely."""
_NOT_SAID: Final = ("普通话的句子", "字幕", "Amara.org", "明镜与点点")
"""Whisper learnt from subtitles, and hears their credits in noise, or what it was told to stand before."""
_SAID: Final = 0.2
"""With less chance of no speech than this, even those words were said."""


class Whisper:
    """Hears English and Chinese. Not thread-safe: use it in one lane.

    `folder` holds model.bin, config.json, tokenizer.json and vocabulary.txt of a CTranslate2 conversion. Raises `ModelMissing`, `ModelCorrupt`, `NotEnoughMemory`.
    """

    def __init__(self, folder: Path, *, threads: int = 1) -> None:
        import ctranslate2  # its import takes a while, so it waits until Chinese is wanted
        import tokenizers

        for name in ("model.bin", "tokenizer.json"):
            if not (folder / name).is_file():
                raise ModelMissing(f"whisper: there is no {name} in {folder}; `visavis models fetch` brings the models")
        try:
            self._network: Final = ctranslate2.models.Whisper(str(folder), device="cpu", compute_type="int8", intra_threads=threads)
            self._tokenizer: Final = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
        except Exception as error:  # of tokenizers there is no other base
            if out_of_memory(error):
                raise does_not_fit("whisper") from error
            raise ModelCorrupt(
                f"whisper in {folder} cannot be loaded ({error}); `visavis models verify` tells whether the files are intact"
            ) from error
        self._as_view: Final = ctranslate2.StorageView.from_array
        self._prompts: Final = {language: self._prompt(language, text) for language, text in _BEFORE.items()}
        self._brief_prompts: Final = {language: self._prompt(language, text) for language, text in _BEFORE_BRIEF.items()}
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

    def _prompt(self, language: Language, before: str) -> list[int]:
        """What the decoder is told to begin with."""
        marks = [f"<|{language}|>", "<|transcribe|>", "<|notimestamps|>"]
        text = [self._token("<|startofprev|>"), *self._tokenizer.encode(before, add_special_tokens=False).ids] if before else []
        return [*text, self._token("<|startoftranscript|>"), *(self._token(mark) for mark in marks)]

    def _token(self, mark: str) -> int:
        number = self._tokenizer.token_to_id(mark)
        if number is None:
            raise ModelCorrupt(f"whisper's tokenizer.json does not know {mark}; a multilingual model is expected")
        return int(number)

    def _encode(self, pcm: Sound) -> Any:
        window = max(_SHORTEST_WINDOW, len(pcm) + _TAIL)
        window -= window % (2 * HOP)  # the encoder halves the frame rate
        features = log_mel(np.pad(pcm, (0, window - len(pcm))))
        return self._network.encode(self._as_view(np.ascontiguousarray(features[None])))

    def _decode(self, encoded: Any, seconds: float, language: Language) -> str:
        """The words, or nothing. When the decoder stumbles over sound that is speech, it is asked once more without the text before."""
        prompts = self._brief_prompts if seconds <= _BRIEF else self._prompts
        text = self._attempt(encoded, seconds, language, prompts[language])
        if text is None and _BEFORE[language]:
            text = self._attempt(encoded, seconds, language, self._prompt(language, ""))
        return text or ""

    def _attempt(self, encoded: Any, seconds: float, language: Language, prompt: list[int]) -> str | None:
        """None: this is speech, and the words are nonsense."""
        limit = int(seconds * _TOKENS_PER_SECOND) + _TOKENS_MORE
        (result,) = self._network.generate(
            encoded,
            [prompt],
            beam_size=_CHOICES,
            num_hypotheses=_CHOICES,
            # CTranslate2 allows for new tokens what the prompt leaves of this, and at most half of it
            max_length=max(2 * limit, len(prompt) + limit),
            repetition_penalty=1.1,
            return_scores=True,
            return_no_speech_prob=True,
        )
        heard = [(self._text(list(tokens)), score, len(tokens)) for tokens, score in zip(result.sequences_ids, result.scores, strict=True)]
        text, score, _ = max(heard, key=lambda choice: _worth(*choice)) if language == "zh" else heard[0]
        if seconds <= _BRIEF and text.rstrip("。！") == _STOP and score < _SURE:
            return ""
        if not _believable(text, score, result.no_speech_prob):
            return "" if result.no_speech_prob >= _SAID else None
        return once(tidy(text)) if language == "zh" else text

    def _text(self, tokens: list[int]) -> str:
        return str(self._tokenizer.decode(tokens[: len(tokens) - repeated(tokens)])).strip("\ufffd ")


def _worth(text: str, score: float, tokens: int) -> float:
    """How likely a Chinese hypothesis is. `score`: mean log-probability of its tokens, the one that ends it included."""
    return score * (tokens + 1) + _DICTIONARY * chinese_words.likelihood(tidy(text))


def _believable(text: str, confidence: float, no_speech: float) -> bool:
    """Whether the decoder wrote down what it heard. `confidence`: mean log-probability; `no_speech`: probability."""
    if confidence < _NONSENSE or (no_speech > _NO_SPEECH and confidence < _DOUBTFUL) or not any(map(str.isalnum, text)):
        return False
    return no_speech < _SAID or not any(phrase in text for phrase in _NOT_SAID)


def _join_chinese(texts: list[str]) -> str:
    """A cut was made where it was quiet, so a comma is due if nothing stands there."""
    return "".join(text if text[-1] in "，。？！；：、" or index == len(texts) - 1 else text + "，" for index, text in enumerate(texts))
