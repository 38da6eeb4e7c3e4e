"""Chinese words for numbers, by cn2an where it says them as people do. Numbers are strings of ASCII digits, as they were written."""

from __future__ import annotations

import re
from typing import Final

import cn2an

_DIGITS: Final = str.maketrans("0123456789", "零一二三四五六七八九")
_SPELT_DIGITS: Final = str.maketrans("0123456789", "零幺二三四五六七八九")
LONGEST_CARDINAL: Final = 16
"""Digits of the largest number that has a name; a longer one is read digit by digit."""

_LEADING_TWO: Final = re.compile("^二(?=[百千万亿])")


def digits(number: str) -> str:
    """2024 → 二零二四: years, decimals."""
    return number.translate(_DIGITS)


def spelt(number: str) -> str:
    """110 → 幺幺零: telephone, room and flight numbers, where 一 could be misheard as 七."""
    return number.translate(_SPELT_DIGITS)


def cardinal(number: str) -> str:
    """2010 → 两千零一十. Leading zeros do not count."""
    value = number.lstrip("0") or "0"
    if len(value) > LONGEST_CARDINAL:
        return digits(number)
    words: str = cn2an.an2cn(value, "low")
    return _LEADING_TWO.sub("两", words)


def decimal(number: str) -> str:
    """3.14 → 三点一四, .5 → 零点五; commas between thousands are allowed."""
    whole, point, fraction = number.replace(",", "").partition(".")
    return f"{cardinal(whole)}点{digits(fraction)}" if point else cardinal(whole)


def counted(number: str) -> str:
    """In front of a measure word: a bare 2 is 两."""
    return "两" if number.replace(",", "") == "2" else decimal(number)
