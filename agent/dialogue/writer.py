"""Writing down what will be said, with single pauses."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from agent.dialogue.language import is_han
from agent.protocol.messages import Language


class Owed(IntEnum):
    """What is to be written before the next word; the stronger swallows the weaker, and nothing is written if no word follows."""

    NOTHING = 0
    SPACE = 1
    COMMA = 2
    LINE = 3
    """The end of a line: of a sentence too, unless the next line goes on in a small letter."""
    STOP = 4


_HARD: Final = frozenset(".!?…。！？")
_WIDE: Final = {",": "，", ".": "。", "!": "！", "?": "？", ";": "；", ":": "："}
_NEEDS_NO_SPACE: Final = frozenset(" 。！？，；：、")


class SpeechWriter:
    """Puts words and pauses one after the other, and knows the language of the sentence it is in.

    Each method returns what is to be appended. A pause is written once, however often it is asked for, and not before the first word.
    """

    def __init__(self, default: Language) -> None:
        self._last = ""
        self._paused = True
        self._owed = Owed.NOTHING
        self._characters = 0
        self._words = 0
        self._previous: Language = default

    @property
    def language(self) -> Language:
        """Of the sentence so far: a Chinese character weighs as much as a Latin word. At its beginning, that of the sentence before."""
        if self._characters or self._words:
            return "zh" if self._characters >= self._words else "en"
        return self._previous

    def owe(self, owed: Owed) -> None:
        """Two line ends, with nothing said between them, end a paragraph."""
        self._owed = Owed.STOP if owed is self._owed is Owed.LINE else max(self._owed, owed)

    def settle(self, first: str, goes_on: bool | None = None) -> str:
        """What is owed, now that a word follows that begins with `first`; `goes_on`: it may continue the line before, as a small letter does."""
        owed, self._owed = self._owed, Owed.NOTHING
        if not self._last or owed is Owed.NOTHING:
            return ""
        if owed is Owed.LINE and (first.islower() if goes_on is None else goes_on):
            owed = Owed.SPACE
        if owed is Owed.SPACE or self._paused:
            return self._space(first)
        written = self.mark("," if owed is Owed.COMMA else ".")
        return written + self._space(first)

    def _space(self, first: str) -> str:
        if self._last in _NEEDS_NO_SPACE or (is_han(first) and (is_han(self._last) or self._last == "…")):
            return ""
        self._last = " "
        return " "

    def say(self, words: str, goes_on: bool | None = None) -> str:
        """Words that do not count in the choice of the language."""
        if not words:
            return ""
        settled = self.settle(words[0], goes_on)
        self._last, self._paused = words[-1], False
        return settled + words

    def say_han(self, words: str) -> str:
        written = self.say(words)
        self._characters += len(words)
        return written

    def say_latin(self, words: str) -> str:
        """A single letter is at home in both languages and does not count."""
        written = self.say(words)
        self._words += len(words) > 1
        return written

    def mark(self, mark: str) -> str:
        """A pause, in the width of the script it follows."""
        if self._paused:
            return ""
        if is_han(self._last):
            mark = _WIDE.get(mark, mark)
        self._paused, self._owed, self._last = True, Owed.NOTHING, mark
        if mark in _HARD:
            self._previous = self.language
            self._characters = self._words = 0
        return mark

    def attach(self, sign: str) -> str:
        """A combining sign, if there is something to combine with."""
        if not self._last or self._paused or self._owed:
            return ""
        self._last = sign
        return sign
