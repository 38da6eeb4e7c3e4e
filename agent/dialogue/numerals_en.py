"""English words for numbers. Numbers are strings of ASCII digits, as they were written; American usage, without "and"."""

from __future__ import annotations

from typing import Final

_UNITS: Final = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_TEENS: Final = ("ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen")
_ONES: Final = _UNITS + _TEENS
_TENS: Final = ("", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_SCALES: Final = ("", " thousand", " million", " billion", " trillion", " quadrillion")
_ORDINALS: Final = {
    "one": "first",
    "two": "second",
    "three": "third",
    "five": "fifth",
    "eight": "eighth",
    "nine": "ninth",
    "twelve": "twelfth",
}
LONGEST_CARDINAL: Final = 3 * len(_SCALES)
"""Digits of the largest number that has a name here; a longer one is read digit by digit."""


def digits(number: str) -> str:
    """007 → zero zero seven."""
    return " ".join(_ONES[int(digit)] for digit in number)


def cardinal(number: str) -> str:
    """1234 → one thousand two hundred thirty-four. Leading zeros do not count."""
    value = number.lstrip("0")
    if not value:
        return "zero"
    if len(value) > LONGEST_CARDINAL:
        return digits(number)
    groups = []
    for scale in range((len(value) - 1) // 3, -1, -1):
        end = len(value) - 3 * scale
        group = int(value[max(0, end - 3) : end])
        if group:
            groups.append(_below_thousand(group) + _SCALES[scale])
    return " ".join(groups)


def _below_thousand(value: int) -> str:
    hundreds, rest = divmod(value, 100)
    words = [f"{_ONES[hundreds]} hundred"] if hundreds else []
    if rest:
        words.append(_below_hundred(rest))
    return " ".join(words)


def _below_hundred(value: int) -> str:
    if value < 20:
        return _ONES[value]
    tens, ones = divmod(value, 10)
    return f"{_TENS[tens]}-{_ONES[ones]}" if ones else _TENS[tens]


def ordinal(number: str) -> str:
    """21 → twenty-first."""
    words = cardinal(number)
    head, separator, last = words.rpartition("-") if "-" in words.split(" ")[-1] else words.rpartition(" ")
    if last in _ORDINALS:
        return head + separator + _ORDINALS[last]
    return f"{head}{separator}{last[:-1]}ieth" if last.endswith("y") else f"{head}{separator}{last}th"


def year(number: str) -> str:
    """1905 → nineteen oh five, 1900 → nineteen hundred, 2024 → twenty twenty-four, 2007 → two thousand seven. Four digits."""
    century, rest = number[:2], number[2:]
    if number[1:3] == "00":
        return cardinal(number)
    if rest == "00":
        return f"{cardinal(century)} hundred"
    return f"{cardinal(century)} oh {cardinal(rest)}" if rest[0] == "0" else f"{cardinal(century)} {cardinal(rest)}"


def is_year(number: str) -> bool:
    """Whether four bare digits are read in pairs: 1100 to 1999 and 2000 to 2099. (A number of people in that range sounds right that way as well.)"""
    return len(number) == 4 and "1100" <= number <= "2099"


def decimal(number: str) -> str:
    """3.14 → three point one four, .5 → point five; commas between thousands are allowed."""
    whole, point, fraction = number.replace(",", "").partition(".")
    if not point:
        return cardinal(whole)
    return f"{cardinal(whole)} point {digits(fraction)}" if whole else f"point {digits(fraction)}"


def plural(word: str) -> str:
    """fifth → fifths, twenty → twenties."""
    return f"{word[:-1]}ies" if word.endswith("y") else f"{word}es" if word.endswith("x") else f"{word}s"
