"""The pronouncing dictionary in pocketsphinx's package, looked up where it lies: nothing is loaded."""

from __future__ import annotations

import mmap
import re
from functools import lru_cache
from pathlib import Path
from typing import Final

from agent.providers.align.arpabet import spelled
from agent.providers.tts.speech import Reading

_WORD: Final = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_REMEMBERED: Final = 5_000


class Dictionary:
    """English text to phonemes in the voices' alphabet, word by word. Raises `ImportError` without the package."""

    def __init__(self) -> None:
        from pocketsphinx import get_model_path

        with Path(get_model_path("en-us/cmudict-en-us.dict")).open("rb") as file:
            self._lines = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self._spelled = lru_cache(_REMEMBERED)(self._look_up)

    def __call__(self, text: str) -> list[Reading]:
        """The words of `text`; one that is not known has no phonemes."""
        return [Reading(word, self._spelled(word.lower().replace("’", "'"))) for word in _WORD.findall(text)]

    def _look_up(self, word: str) -> str:
        head = f"\n{word} ".encode()
        at = self._lines.find(head)
        if at < 0:
            return ""
        end = self._lines.find(b"\n", at + 1)
        return spelled(self._lines[at + len(head) : end].decode().split())
