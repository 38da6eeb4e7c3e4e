"""Small models can fall into a loop, and would say the same clause for ever. No I/O.

A penalty on repeated tokens, which prevents loops, too, made a 1.5B model's answers twice as long: full stops are repeated tokens as well.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Final

from agent.dialogue.tempo import width

TIMES: Final = 3
SHORTEST: Final = 12
"""Letters of a clause that is looked at (a Chinese character counts for three): short ones may well be repeated."""
_CLAUSE: Final = re.compile(r"[^,;.!?，；。！？\n]*[,;.!?，；。！？\n]")


class Repetition:
    """One an answer."""

    def __init__(self) -> None:
        self._open = ""
        self._said: Counter[str] = Counter()

    def feed(self, text: str) -> bool:
        """The next piece of an answer. Returns whether a clause has now been said for the third time."""
        self._open += text
        looping = False
        while match := _CLAUSE.match(self._open):
            self._open = self._open[match.end() :]
            clause = re.sub(r"\W+", " ", match[0]).strip().lower()
            if width(clause) >= SHORTEST:
                self._said[clause] += 1
                looping |= self._said[clause] >= TIMES
        return looping
