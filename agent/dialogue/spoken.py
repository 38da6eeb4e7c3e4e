"""Reading plain text aloud: words stay, digits and symbols become words, punctuation becomes pauses."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from agent.dialogue import numerals_en, numerals_zh
from agent.dialogue.language import HAN, is_han
from agent.dialogue.markup import BLOCK, PAUSE
from agent.dialogue.numbers import after_quantity, begins_number, read_number
from agent.dialogue.scanner import Scanner, before
from agent.dialogue.units import UNITS
from agent.dialogue.words import SYMBOLS, read_word
from agent.dialogue.writer import Owed, SpeechWriter
from agent.protocol.messages import Language

_HAN_RUN: Final = re.compile(f"[{HAN}]+")
_OWED: Final = {
    " ": Owed.SPACE,
    '"': Owed.SPACE,
    "'": Owed.SPACE,
    "“": Owed.SPACE,
    "”": Owed.SPACE,
    PAUSE: Owed.COMMA,
    "(": Owed.COMMA,
    ")": Owed.COMMA,
    "（": Owed.COMMA,
    "）": Owed.COMMA,
    "→": Owed.COMMA,
    "⇒": Owed.COMMA,
    "•": Owed.COMMA,
    "|": Owed.COMMA,
    "\n": Owed.LINE,
    BLOCK: Owed.STOP,
}
_MARKS: Final = frozenset("!?,;:…。！？，；：、")
_SILENT_BETWEEN_HAN: Final = frozenset("·・《》〈〉「」『』“”")
_DASHES: Final = frozenset("-–—~")
_PER: Final = re.compile(rf"/(?:([A-Za-z]{{1,12}})(?![A-Za-z])|[{HAN}])")
_PER_BEGINNING: Final = re.compile(r"/[A-Za-z]{0,12}\Z")
_EXPONENT: Final = re.compile(r"\^(-?)([0-9]{1,4})")
_EXPONENT_BEGINNING: Final = re.compile(r"\^-?[0-9]{0,3}\Z")
_TO: Final[dict[Language, str]] = {"en": "to", "zh": "到"}


class SpokenScanner(Scanner):
    """Plain text in, as `MarkupScanner` writes it; what is to be said out."""

    def __init__(self, default: Language) -> None:
        super().__init__()
        self._default = default
        self._writer = SpeechWriter(default)

    def _reset(self) -> None:
        self._writer = SpeechWriter(self._default)

    def _step(self, text: str, at: int, final: bool) -> tuple[int, str] | None:
        writer, character = self._writer, text[at]
        han = _HAN_RUN.match(text, at)
        if han:
            return han.end(), writer.say_han(han.group())
        if character in _OWED and character != "(":
            writer.owe(_OWED[character])
            return at + 1, ""
        number = begins_number(text, at, final)
        if number is None:
            return None
        if number:
            return self._number(text, at, final)
        if character.isalpha():
            return self._word(text, at, final)
        if character in _MARKS:
            written = writer.mark(character)
            writer.owe(Owed.SPACE)
            return at + 1, written
        return self._sign(text, at, final)

    def _number(self, text: str, at: int, final: bool) -> tuple[int, str] | None:
        reading = read_number(text, at, final, self._writer.language)
        if reading is None:
            return None
        written = self._writer.say(reading.words, goes_on=False)
        self._writer.owe(Owed.SPACE)
        return reading.end, written

    def _word(self, text: str, at: int, final: bool) -> tuple[int, str] | None:
        settled = self._writer.settle(text[at])
        if settled:
            return at, settled
        word = read_word(text, at, final, self._writer.language)
        if word is None:
            return None
        written = self._writer.say_latin(word.words)
        self._writer.owe(word.owed)
        return word.end, written

    def _sign(self, text: str, at: int, final: bool) -> tuple[int, str] | None:
        """At a character that is neither letter, digit, blank nor certain punctuation: what it means depends on its neighbours."""
        writer, sign = self._writer, text[at]
        ahead, width = text[at + 1 : at + 3], 1
        if ahead in ("", " ", "=", "= ") and not final and (sign in _DASHES or sign in SYMBOLS or sign in "./#"):
            return None
        following, previous = ahead.lstrip(" ")[:1], before(text, at).rstrip(" ")[-1:]
        if sign == ".":
            return self._full_stop(text, at, ahead)
        if sign in _DASHES:
            return at + 1, self._dash(sign, before(text, at), ahead, after_quantity(text, at))
        if sign == "^":
            return self._exponent(text, at, final)
        if sign == "/":
            return self._slash(text, at, final)
        if sign == "(":
            writer.owe(Owed.SPACE if text[at - 1 : at].isascii() and text[at - 1 : at].isalnum() else Owed.COMMA)
            return at + 1, ""
        if sign in "<>=" and ahead[:1] == "=":
            sign, width, following = {"<": "≤", ">": "≥"}.get(sign, sign), 2, text[at + 2 : at + 4].lstrip(" ")[:1]
        if sign == "#":
            return at + 1, self._hash(previous, following)
        if unicodedata.category(sign).startswith("M"):
            return at + 1, writer.attach(sign)
        if sign in SYMBOLS and self._is_said(sign, previous, following):
            return at + width, self._between(SYMBOLS[sign][writer.language == "zh"])
        if sign not in _SILENT_BETWEEN_HAN:
            writer.owe(Owed.SPACE)
        return at + width, ""

    def _exponent(self, text: str, at: int, final: bool) -> tuple[int, str] | None:
        if not final and _EXPONENT_BEGINNING.match(text, at):
            return None
        exponent = _EXPONENT.match(text, at)
        if not exponent:
            self._writer.owe(Owed.SPACE)
            return at + 1, ""
        minus, number = bool(exponent.group(1)), exponent.group(2)
        if self._writer.language == "zh":
            words = {"2": "的平方", "3": "的立方"}.get("-" * minus + number) or f"的{'负' * minus}{numerals_zh.cardinal(number)}次方"
            return exponent.end(), self._writer.say(words)
        words = {"2": "squared", "3": "cubed"}.get(
            "-" * minus + number
        ) or f"to the power of {'minus ' * minus}{numerals_en.cardinal(number)}"
        return exponent.end(), self._between(words)

    def _slash(self, text: str, at: int, final: bool) -> tuple[int, str] | None:
        """100元/月 and $3/kg are rates; other words are only listed."""
        writer = self._writer
        if after_quantity(text, at):
            if not final and _PER_BEGINNING.match(text, at):
                return None
            rate = _PER.match(text, at)
            if rate and rate.group(1) in UNITS:
                per = UNITS[rate.group(1)]
                return rate.end(), self._between(f"每{per.chinese.format('')}" if writer.language == "zh" else f"per {per.one}")
            if rate:
                return at + 1, self._between("每" if is_han(text[at + 1]) else "per")
        writer.owe(Owed.COMMA if is_han(before(text, at, 1)) else Owed.SPACE)
        return at + 1, ""

    def _between(self, words: str) -> str:
        """Words for a sign, apart from what stands on both sides."""
        self._writer.owe(Owed.SPACE)
        written = self._writer.say(words)
        self._writer.owe(Owed.SPACE)
        return written

    def _full_stop(self, text: str, at: int, ahead: str) -> tuple[int, str]:
        is_ellipsis = ahead[:1] == "."
        written = self._writer.mark("…" if is_ellipsis else ".")
        self._writer.owe(Owed.SPACE)
        return at + 1 + is_ellipsis, written

    def _dash(self, sign: str, context: str, ahead: str, is_range: bool) -> str:
        """Between quantities a dash means "to", a tilde in front of one "about"; anywhere else they are pauses, or join a word."""
        writer = self._writer
        following = ahead.lstrip(" ")[:1]
        if following.isdigit() and is_range:
            return self._between(_TO[writer.language])
        if sign == "~" and following.isdigit():
            return self._between("about" if writer.language == "en" else "约")
        if sign == "–" and context[-1:].isalnum() and ahead[:1].isalnum():
            return self._between(_TO[writer.language])
        joins = sign == "-" and ahead[:1].isalnum() and context[-1:].strip() != "" and not is_han(ahead[:1])
        writer.owe(Owed.SPACE if joins else Owed.COMMA)
        return ""

    def _hash(self, previous: str, following: str) -> str:
        if following.isdigit() and self._writer.language == "en":
            return self._between("number")
        if previous in ("C", "F", "J"):
            return self._between("sharp")
        self._writer.owe(Owed.SPACE)
        return ""

    @staticmethod
    def _is_said(sign: str, previous: str, following: str) -> bool:
        if sign == "+" and (following == "+" or previous == "+"):
            return previous.isalpha() or previous == "+"
        if sign in "²³°%":
            return previous.isalnum()
        if sign in "&+=×÷<>":
            return (
                (previous.isalnum() or previous in ("%", ")", "²", "³", ".")) and (following.isalnum() or following in ("(", "-", "√"))
            ) or (sign in "<>" and following.isdigit())
        return following.isalnum()
