"""Finding expressions in digits in a stream of text, and choosing the language in which they are read."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from agent.dialogue import reading_en, reading_zh
from agent.dialogue.language import HAN, is_han
from agent.dialogue.scanner import before
from agent.dialogue.units import CURRENCY_PATTERN, UNIT_PATTERN
from agent.protocol.messages import Language

_LONGEST: Final = 64
"""Characters of the longest expression; what is longer is read in parts."""

_START: Final = re.compile(r"[+-]?(?:[$€£¥₹₩][+-]?)?\.?[0-9]|\([0-9]{3}\) ?[0-9]{3}[ -]|\(0[0-9]{2,3}\) ?[0-9]{7}")
_START_BEGINNING: Final = re.compile(r"(?:[+-]?(?:[$€£¥₹₩][+-]?)?\.?|\([0-9]{0,4}\)? ?[0-9]{0,6})\Z")
_CODED: Final = re.compile(r"(?:(?:US|HK|NT|A|C)\$|(?:JP|CN)¥|(?:USD|EUR|GBP|CNY|RMB|JPY|HKD) ?)[0-9]")
_CODED_BEGINNING: Final = re.compile(
    r"(?:U(?:S(?:\$|D ?)?)?|HK?(?:\$|D ?)?|NT?\$?|A\$?|C(?:N(?:¥|Y ?)?|\$)?|JP?(?:¥|Y ?)?|E(?:U(?:R ?)?)?|G(?:B(?:P ?)?)?|R(?:M(?:B ?)?)?)\Z"
)
_RUN: Final = re.compile(
    r"(?:[A-Z]{1,3} ?)?(?:[0-9.,:：/%‰°$€£¥₹₩+–—~×^²³'′\"″-]|x(?= ?[0-9])| (?=[0-9]|[–—~×x-] ?[0-9]|\([0-9]{3,4}\))|\((?=[0-9]{3,4}\)[ -]?[0-9])|\)(?=[ -]?[0-9]))"
    rf"{{1,{_LONGEST}}}"
)
_RUN_GOES_ON: Final = re.compile(r"(?:[ x×–—~-]{0,3}| ?\([0-9]{0,4}\)?[ -]?|\)[ -]?|[ \x1f]{0,2})\Z")
_COUNTS: Final = frozenset("0123456789°%‰+$€£¥₹₩²³")
_UNIT_WORD: Final = re.compile(r" ?[€£₹₩](?! ?[0-9])| ?[ap]\.m\.(?= ?[a-z0-9,;])| ?[A-Za-zμµΩ°](?:[A-Za-z0-9μµΩ²³/^]|\.(?=[A-Za-z])){0,15}")
_UNIT: Final = re.compile(rf"{UNIT_PATTERN}|{CURRENCY_PATTERN}|[ap]\.?m|[kKMB]n?", re.IGNORECASE)
_HAN_SUFFIX: Final = re.compile(rf" ?[{HAN}]{{1,{reading_zh.LONGEST_SUFFIX}}}")
_BEHIND_DIGITS: Final = re.compile(r"[0-9] ?([^0-9]+)\Z")
_AFTER_QUANTITY: Final = re.compile(rf"[0-9] ?(?:[A-Za-z%‰°²³/]{{1,6}}|[{HAN}]{{1,2}})? ?\Z")
_NEXT: Final = re.compile("[ \x1f]{0,2}")


class Reading(NamedTuple):
    """How a piece of text is said: up to which place, in which words, and whether anything keeps it apart from what follows."""

    end: int
    words: str


def begins_number(text: str, at: int, final: bool) -> bool | None:
    """Whether an expression in digits begins at `at`; None: more text is needed."""
    character, previous = text[at], before(text, at, 1)
    if character in "0123456789":
        return True
    if character in "+-." and (after_quantity(text, at) if is_han(previous) else previous.isalnum() or (previous and previous in ")]%°+")):
        return False
    if character in "ACEGHJNRU":
        if previous.isalnum() and previous.isascii():
            return False
        return None if not final and _CODED_BEGINNING.match(text, at) else _CODED.match(text, at) is not None
    if character not in "+-.($€£¥₹₩":
        return False
    return None if not final and _START_BEGINNING.match(text, at) else _START.match(text, at) is not None


def after_quantity(text: str, at: int) -> bool:
    """Whether a number, perhaps with its unit, stands in front of `at`."""
    return _AFTER_QUANTITY.search(before(text, at)) is not None


def read_number(text: str, at: int, final: bool, language: Language) -> Reading | None:
    """Read the expression in digits at `at`; None: more text is needed. `language` is that of the sentence."""
    run = _RUN.match(text, at)
    assert run is not None
    end = run.end()
    if end - at < _LONGEST:
        if not final and _RUN_GOES_ON.match(text, end):
            return None
        if text[end - 1] in _COUNTS:
            suffix = _suffix_end(text, end, final)
            if suffix is None:
                return None
            language = _language(text, at, end, suffix, before(text, at), language)
            end = suffix
    reading = reading_zh if language == "zh" else reading_en
    used, words = reading.read(text[at : end + 1], before(text, at))
    return Reading(at + min(used, end - at), words)


def _suffix_end(text: str, end: int, final: bool) -> int | None:
    """Behind the unit or the Chinese characters that follow the digits."""
    word = _UNIT_WORD.match(text, end)
    if word:
        behind = text[word.end() : word.end() + 3]
        unfinished = word.end() - end < 17 and (behind in ("", ".") or (behind == ". " and word.group().endswith(".m")))
        return None if unfinished and not final else word.end()
    han = _HAN_SUFFIX.match(text, end)
    if han:
        unfinished = han.end() == len(text) and reading_zh.is_undecided(han.group().strip())
        return None if unfinished and not final else han.end()
    return end


def _language(text: str, at: int, end: int, suffix: int, context: str, sentence: Language) -> Language:
    """Chinese behind the digits decides; so does an English ending or a separate word that is no unit, unless Chinese stands in front."""
    ahead = _NEXT.match(text, end)
    assert ahead is not None
    following = text[ahead.end() : ahead.end() + 1]
    if is_han(following) or (following and following in "，。、！？；："):
        return "zh"
    word = _BEHIND_DIGITS.search(text, at, suffix)
    apart = text[end : end + 1] == " " or text[end:suffix] in ("st", "nd", "rd", "th")
    if apart and word and word.end() > end and not _UNIT.fullmatch(word.group(1)) and not is_han(context.rstrip(" ")[-1:]):
        return "en"
    return sentence
