"""The two languages that are understood here, and remembering which one an utterance is in."""

from __future__ import annotations

from typing import Final, Literal

import numpy as np

from agent.providers.asr.pieces import SAMPLE_RATE, Sound

Language = Literal["en", "zh"]
LanguageChoice = Literal["auto", "en", "zh"]

_ENOUGH: Final = 2 * SAMPLE_RATE
_FINGERPRINT: Final = SAMPLE_RATE


class LanguageMemory:
    """One a session. An utterance is transcribed again and again while it grows; its language need not be detected each time.

    It is believed while the sound is at most twice as long as when it was detected (somebody may go on in the other language), and only if
    there was enough to tell.
    """

    def __init__(self) -> None:
        self.language: Language = "en"
        """What was spoken last."""
        self._beginning: Sound | None = None
        self._samples = 0

    def learn(self, pcm: Sound, language: Language) -> None:
        """`pcm`, the utterance so far, is in `language`."""
        self.language = language
        self._beginning = pcm[:_FINGERPRINT].copy() if len(pcm) >= _ENOUGH else None
        self._samples = len(pcm)

    def recall(self, pcm: Sound) -> Language | None:
        """The language of `pcm`, if it is the same utterance gone on; else None."""
        if self._beginning is None or not self._samples <= len(pcm) <= 2 * self._samples:
            return None
        return self.language if np.array_equal(pcm[:_FINGERPRINT], self._beginning) else None


def choice_of(code: str) -> LanguageChoice:
    """The choice that a language code such as `en-US`, `zh-CN` or `cmn` stands for. Raises `ValueError`."""
    match code.lower().replace("_", "-").split("-")[0]:
        case "en" | "eng":
            return "en"
        case "zh" | "zho" | "chi" | "cmn":
            return "zh"
        case "auto" | "multi" | "":
            return "auto"
        case _:
            raise ValueError(f"the local recognisers know English (en), Chinese (zh) and auto, not {code!r}")
