"""Numbers as words, against an independent way back."""

from __future__ import annotations

import cn2an
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.dialogue import numerals_en, numerals_zh

SMALL = (
    """zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen"""
)
TENS = {"twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80, "ninety": 90}
EN = {word: value for value, word in enumerate(SMALL.split())} | TENS
SCALES = {"thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12, "quadrillion": 10**15}
ZH = {character: value for value, character in enumerate("零一二三四五六七八九")} | {"两": 2}


def english_value(words: str) -> int:
    total = group = 0
    for word in words.replace("-", " ").split():
        if word in SCALES:
            total, group = total + group * SCALES[word], 0
        else:
            group = group * 100 if word == "hundred" else group + EN[word]
    return total + group


def chinese_value(words: str) -> int:
    """The value of a number in characters, by the grammar of 十百千 within 万 and 亿."""
    for scale, weight in (("亿", 10**8), ("万", 10**4)):
        head, found, tail = words.rpartition(scale)
        if found:
            return chinese_value(head) * weight + (chinese_value(tail) if tail else 0)
    total = digit = 0
    for character in words:
        if character in ZH:
            digit = ZH[character]
        else:
            total, digit = total + (digit or 1) * {"十": 10, "百": 100, "千": 1000}[character], 0
    return total + digit


@given(st.integers(0, 10**18 - 1))
def test_an_english_cardinal_means_its_number(number: int) -> None:
    assert english_value(numerals_en.cardinal(str(number))) == number


@given(st.one_of(st.integers(0, 10**16 - 1), st.integers(0, 200_000)))
def test_a_chinese_cardinal_means_its_number(number: int) -> None:
    assert chinese_value(numerals_zh.cardinal(str(number))) == number


@given(st.integers(0, 10**7))
def test_the_library_reads_its_own_numbers_back(number: int) -> None:
    assert cn2an.cn2an(numerals_zh.cardinal(str(number)).replace("两", "二"), "normal") == number


@pytest.mark.parametrize(
    ("number", "words"),
    [
        ("0", "零"), ("10", "十"), ("11", "十一"), ("20", "二十"), ("100", "一百"), ("101", "一百零一"), ("110", "一百一十"), ("200", "两百"), ("1001", "一千零一"),
        ("1010", "一千零一十"), ("2000", "两千"), ("10000", "一万"), ("10010", "一万零一十"), ("12000", "一万二千"), ("20000", "两万"), ("101000", "十万一千"),
        ("10001000", "一千万一千"), ("200000000", "两亿"), ("1000000010", "十亿零一十"), ("007", "七"), ("12345678901234567", "一二三四五六七八九零一二三四五六七"),
    ],
)  # fmt: skip
def test_chinese_cardinals_as_schools_teach_them(number: str, words: str) -> None:
    assert numerals_zh.cardinal(number) == words


ORDINALS = {
    "1": "first", "2": "second", "3": "third", "5": "fifth", "8": "eighth", "9": "ninth", "12": "twelfth", "20": "twentieth", "21": "twenty-first",
    "40": "fortieth", "99": "ninety-ninth", "100": "one hundredth", "101": "one hundred first", "1000": "one thousandth",
}  # fmt: skip


@pytest.mark.parametrize(("number", "word"), ORDINALS.items())
def test_english_ordinals(number: str, word: str) -> None:
    assert numerals_en.ordinal(number) == word
