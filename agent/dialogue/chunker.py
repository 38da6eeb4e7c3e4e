"""Cutting a stream of speakable text into pieces for synthesis: a short first one, so that the voice starts early, then clauses, then sentences.

A piece leaves the moment its end is certain. No cut is made inside a word, a number, an abbreviation or a pair of brackets, unless nothing else is left.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from itertools import pairwise
from typing import Final, NamedTuple

from agent.dialogue.language import is_han
from agent.providers.local import chinese_words

MAX_LATIN: Final = 120
MAX_HAN: Final = 40
"""The longest piece, in Latin or in Chinese characters; a mixture is measured in proportion, and the mark that ends it comes on top."""
SMALLEST_HAN: Final = 5
"""Chinese characters in a piece after the first where there is hardly any time, about: words and clauses are kept whole."""


class Pace(NamedTuple):
    """How long a piece may be (in Latin or in Chinese characters), and must be to end with a sentence or a clause (a Chinese character counts for three)."""

    latin: int
    han: int
    sentence: int
    clause: int


_FIRST: Final = Pace(40, 5, 2, 4)
_PACES: Final = (
    Pace(24, SMALLEST_HAN, 6, 9),
    Pace(24, 8, 6, 9),
    Pace(48, 16, 12, 15),
    Pace(84, 28, 16, 27),
    Pace(MAX_LATIN, MAX_HAN, 20, 60),
)
"""Of the pieces after the first, from the smallest to the largest: speech is made faster than it is heard, so later pieces have time to be whole
sentences. The smallest is for where there is hardly any time."""

_FIRST_WORDS_MIN: Final = 3
_FIRST_WORDS_MAX: Final = 5
_FIRST_WIDTH: Final = 12

_SENTENCE_MARKS: Final = frozenset("!?…。！？\n")
_CLAUSE_MARKS: Final = frozenset(",;，；：")
_ENUMERATION_MARKS: Final = frozenset("、—")
_OPENING: Final = frozenset("([{（【“「『《〈")
_CLOSING: Final = frozenset(")]}）】”」』》〉")
_QUOTES: Final = _CLOSING | frozenset("\"'’")
_WORD: Final = re.compile(r"[^\W\d_](?:[\w'’.-]{0,30}\w)?\Z")
_ABBREVIATIONS: Final = frozenset((
    "mr", "mrs", "ms", "dr", "prof", "st", "jr", "sr", "vs", "fig", "vol", "approx", "e.g", "i.e", "cf", "inc", "ltd", "pp",
))  # fmt: skip
_WEAK: Final = frozenset((
    "a", "an", "the", "of", "to", "in", "on", "at", "for", "with", "by", "from", "into", "about", "as", "than", "and", "or", "but", "if",
    "so", "not", "no", "is", "are", "was", "were", "be", "has", "have", "had", "do", "can", "will", "would", "could", "i", "you", "it",
    "we", "they", "he", "she", "that", "this", "my", "your", "its", "their", "our", "his", "her", "i'm", "it's", "you're", "very", "too",
    "more", "most", "some", "any", "just", "really",
))  # fmt: skip
"""After these a speaker does not pause."""

_PAUSE_AFTER_HAN: Final = re.compile(
    "(?<!目)的(?![确地士话])|了(?![解不])|[着吗呢](?!急)|是(?![非否])|在(?![于线乎场])|和(?![平谐解气睦])|也(?!许)|就(?!业)|都(?!市)"
)
_NO_PAUSE_BEFORE: Final = frozenset("的了吗呢吧啊呀着过们地得之等 ,.!?;:，。！？；：、…—)）”」』》")
_NO_PAUSE_AFTER: Final = _OPENING | frozenset("零一二三四五六七八九十百千万亿两几点第每个")
_WEAK_HAN_BEFORE: Final = frozenset("上里中下内外间前后时")
_WEAK_HAN_AFTER: Final = frozenset((
    "在", "把", "被", "从", "对", "向", "给", "跟", "和", "与", "或", "很", "最", "更", "太", "不", "没", "非常", "所以", "因为", "但", "而", "这", "那",
))  # fmt: skip


class Chunker:
    """`feed` text and take the pieces that are complete; `flush` at the end of the text. The pieces joined are the text, character for character.

    `room` tells how many letters (a Chinese character counts for three) the next piece may have, so that it is ready in time; without it pieces grow.
    """

    def __init__(self, room: Callable[[], int] | None = None) -> None:
        self._room = room
        self._held = ""
        self._count = 0

    def feed(self, text: str) -> list[str]:
        return self._run(text, final=False)

    def flush(self, text: str = "") -> list[str]:
        """The rest, `text` last; a short one is said at a stretch. The next text begins with a short piece again. A rest of punctuation alone is a piece of its
        own."""
        pieces = self._run(text, final=True)
        self._count = 0
        return pieces

    def _run(self, more: str, *, final: bool) -> list[str]:
        text, start = self._held + more, 0
        pieces: list[str] = []
        while start < len(text):
            end = _Piece(text, start, self._pace(), is_first=self._count == 0).end(final)
            if end is None:
                break
            pieces.append(text[start:end])
            self._count += 1
            start = end
        self._held = text[start:]
        return pieces

    def _pace(self) -> Pace:
        if self._count == 0:
            return _FIRST
        if self._room is None:
            return _PACES[min(self._count + 1, len(_PACES) - 1)]
        room = self._room()
        return next((pace for pace in reversed(_PACES) if pace.latin <= room), _PACES[0])


class _Piece:
    """One piece as it is read, character by character: what it holds so far, and where it might end."""

    def __init__(self, text: str, start: int, pace: Pace, *, is_first: bool) -> None:
        self._text = text
        self._start = start
        self._is_first = is_first
        self._pace = pace
        self._latin = 0
        self._han = 0
        self._words = 0
        self._depth = 0
        self._speaks = False
        self._mark_end = 0
        self._good_end = 0
        self._any_end = 0

    def end(self, final: bool) -> int | None:
        """Where the piece ends; None if more text is needed to tell."""
        for at in range(self._start, len(self._text)):
            character, ahead = self._text[at], self._text[at + 1 : at + 2]
            if not ahead and not final and self._depends_on_next(at):
                return None
            if self._ends_word(at) and self._is_enough_to_begin(at) and not (final and self._rest_is_short()):
                return at
            if character in _OPENING:
                self._depth += 1
            elif character in _CLOSING or character == "\n":
                self._depth = max(0, self._depth - 1) if character != "\n" else 0
            self._speaks = self._speaks or character.isalnum()
            if self._ends_at_mark(at, ahead):
                return at + 1
            self._han += is_han(character)
            self._latin += not is_han(character)
            cut = self._cut_when_full(at)
            if cut:
                return cut
        return len(self._text) if final else None

    def _depends_on_next(self, at: int) -> bool:
        character, previous = self._text[at], self._text[at - 1 : at] if at > self._start else ""
        return (
            character in ".:—"
            or (character in ",; " and previous.isdigit())
            or (character in _QUOTES and previous in _SENTENCE_MARKS | {"."})
        )

    def _ends_word(self, at: int) -> bool:
        """Whether a blank at `at` ends a word after which the piece could end."""
        text = self._text
        if text[at] not in " \n" or at == self._start or text[at - 1] in " \n":
            return False
        self._any_end = at
        between_digits = text[at - 1].isdigit() and text[at + 1 : at + 2].isdigit()
        if self._depth or between_digits or not self._speaks:
            return False
        self._words += 1
        word = self._last_word(at - (text[at - 1] == "."))
        if word in _ABBREVIATIONS or (word in _WEAK and self._words < _FIRST_WORDS_MAX):
            return False
        self._good_end = at
        return True

    def _last_word(self, at: int) -> str:
        word = _WORD.search(self._text, max(self._start, at - 32), at)
        return word.group().lower() if word else ""

    def _is_enough_to_begin(self, at: int) -> bool:
        return self._is_first and self._words >= _FIRST_WORDS_MIN and self._width() >= _FIRST_WIDTH

    def _rest_is_short(self) -> bool:
        return len(self._text) - self._start <= self._pace.latin

    def _width(self) -> int:
        return self._latin + 3 * self._han

    def _ends_at_mark(self, at: int, ahead: str) -> bool:
        """Whether the piece ends with the punctuation mark at `at`, if there is one."""
        kind = self._mark(at, ahead)
        if not kind or not self._speaks or self._depth:
            return False
        if kind != "enumeration" and self._width() + 1 >= (self._pace.sentence if kind == "sentence" else self._pace.clause):
            return True
        self._mark_end = at + 1
        return False

    def _mark(self, at: int, ahead: str) -> str:
        character, previous = self._text[at], self._text[at - 1 : at] if at > self._start else ""
        apart = not ahead or ahead.isspace()
        if character == ".":
            word = self._last_word(at)
            return "sentence" if apart and word not in _ABBREVIATIONS and (len(word) != 1 or not word.isascii()) else ""
        if character in _SENTENCE_MARKS or (character in _QUOTES and previous in _SENTENCE_MARKS | {"."} and apart):
            return "sentence"
        if character == ":":
            return "clause" if apart else ""
        if character in ",;" and previous.isdigit():
            return "clause" if apart else ""
        if character in _CLAUSE_MARKS:
            return "clause"
        return "enumeration" if character in _ENUMERATION_MARKS and ahead != character else ""

    def _cut_when_full(self, at: int) -> int:
        """Where to cut, now that the character at `at` is one too many; 0 while there is room, or while a word may still end within the limit."""
        if not self._over(self._pace.latin, self._pace.han):
            return 0
        end = self._mark_end or max(self._good_end, self._han_word_end(at)) or self._any_end
        if end or not self._over(MAX_LATIN, MAX_HAN):
            return end
        end = at
        while end > self._start + 1 and unicodedata.category(self._text[end]).startswith("M"):
            end -= 1
        return max(end, self._start + 1)

    def _over(self, latin: int, han: int) -> bool:
        return self._latin * han + self._han * latin > latin * han

    def _han_word_end(self, at: int) -> int:
        """The last place between Chinese words in front of `at`, or 0."""
        if not self._han or self._depth:
            return 0
        window = self._text[self._start : at + 1]
        ends = [
            end for end in _word_ends(window) if end >= 2 and window[end] not in _NO_PAUSE_BEFORE and window[end - 1] not in _NO_PAUSE_AFTER
        ]
        return self._start + ends[-1] if ends else 0


def _word_ends(window: str) -> list[int]:
    """Places inside `window` where a Chinese word ends."""
    words = chinese_words.words(window)
    if words is None:  # they are guessed from particles
        return [match.end() for match in _PAUSE_AFTER_HAN.finditer(window) if match.end() < len(window)]
    ends, end = [], 0
    for word, following in pairwise(words):
        end += len(word)
        if (is_han(word[-1]) or is_han(following)) and following not in _WEAK_HAN_BEFORE and word not in _WEAK_HAN_AFTER:
            ends.append(end)
    return ends
