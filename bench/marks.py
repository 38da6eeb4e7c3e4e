"""Words that say where they belong: question, place in the answer, and the call of the language model that they come from. Written as letters, told as tones
(`bench.mark_tones`), so that whoever records what is heard can tell an answer that goes on from one that was given anew.
"""

from __future__ import annotations

import re
import zlib
from typing import Final, NamedTuple

CONSONANTS: Final = "bdfghjklmnprstvz"
VOWELS: Final = "aeio"
SYLLABLES: Final = 6
"""Each of 6 bits."""
LOOPS: Final = 64
WORDS: Final = 64
CALLS: Final = 1 << 10
_CHECKS: Final = 1 << 14
_WORD: Final = re.compile(f"(?:[{CONSONANTS}][{VOWELS}]){{{SYLLABLES}}}")


class Mark(NamedTuple):
    """`loop`: the question's number, below 64. `word`: its place in the answer, below 64. `call`: a number that the model's call drew by lot, below 1,024."""

    loop: int
    word: int
    call: int

    @property
    def symbols(self) -> tuple[int, ...]:
        """Six numbers below 64, the check included."""
        content = (self.loop * WORDS + self.word) * CALLS + self.call
        bits = content * _CHECKS + _check(content)
        return tuple(bits >> 6 * place & 63 for place in reversed(range(SYLLABLES)))

    @property
    def text(self) -> str:
        """The word as it is written: syllables, and nothing that is read in another way than it is spelt."""
        return "".join(CONSONANTS[symbol >> 2] + VOWELS[symbol & 3] for symbol in self.symbols)


def of_symbols(symbols: tuple[int, ...]) -> Mark | None:
    """The mark of six numbers; None when the check tells that they are none."""
    bits = 0
    for symbol in symbols:
        bits = bits << 6 | symbol
    content, check = divmod(bits, _CHECKS)
    if check != _check(content):
        return None
    rest, call = divmod(content, CALLS)
    return Mark(*divmod(rest, WORDS), call)


def marks_in(text: str) -> list[Mark]:
    """Those that a text holds, in order; other words are passed over."""
    found = []
    for word in re.findall(r"[a-z]+", text.lower()):
        if _WORD.fullmatch(word):
            pairs = zip(word[::2], word[1::2], strict=True)
            mark = of_symbols(tuple(CONSONANTS.index(consonant) * 4 + VOWELS.index(vowel) for consonant, vowel in pairs))
            if mark is not None:
                found.append(mark)
    return found


def _check(content: int) -> int:
    return zlib.crc32(content.to_bytes(4, "big")) % _CHECKS
