"""Words that are not said as they are written: abbreviations, web and mail addresses, symbols."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from agent.dialogue.language import HAN
from agent.dialogue.numerals_en import digits as english_digits
from agent.dialogue.numerals_zh import spelt as chinese_digits
from agent.dialogue.scanner import before
from agent.dialogue.writer import Owed
from agent.protocol.messages import Language

_ABBREVIATIONS: Final[dict[str, str]] = {
    "Mr.": "Mister",
    "Mrs.": "Missus",
    "Ms.": "Miz",
    "Dr.": "Doctor",
    "Prof.": "Professor",
    "St.": "Saint",
    "Jr.": "Junior",
    "Sr.": "Senior",
    "Gen.": "General",
    "Capt.": "Captain",
    "Lt.": "Lieutenant",
    "Rev.": "Reverend",
    "Mt.": "Mount",
    "Inc.": "Incorporated",
    "Ltd.": "Limited",
    "Corp.": "Corporation",
    "Co.": "Company",
    "Ave.": "Avenue",
    "Blvd.": "Boulevard",
    "Rd.": "Road",
    "vs.": "versus",
    "etc.": "et cetera",
    "approx.": "approximately",
    "e.g.": "for example",
    "i.e.": "that is",
    "a.m.": "AM",
    "p.m.": "PM",
    "cf.": "compare",
    "al.": "al",
    "dept.": "department",
    "est.": "established",
    "Ph.D.": "PhD",
    "M.Sc.": "MSc",
    "B.Sc.": "BSc",
    "Jan.": "January",
    "Feb.": "February",
    "Mar.": "March",
    "Apr.": "April",
    "Jun.": "June",
    "Jul.": "July",
    "Aug.": "August",
    "Sep.": "September",
    "Sept.": "September",
    "Oct.": "October",
    "Nov.": "November",
    "Dec.": "December",
}
"""Written with their full stop, which ends no sentence."""

_BEFORE_NUMBERS: Final[dict[str, str]] = {
    "No.": "number",
    "no.": "number",
    "Nos.": "numbers",
    "Fig.": "figure",
    "fig.": "figure",
    "Vol.": "volume",
    "vol.": "volume",
    "Ch.": "chapter",
    "Sec.": "section",
    "p.": "page",
    "pp.": "pages",
    "ext.": "extension",
}
"""Abbreviations only where a number follows."""

_ENDS_A_SENTENCE_TOO: Final = frozenset(
    {"etc.", "a.m.", "p.m.", "Inc.", "Ltd.", "Corp.", "Co.", "Jr.", "Sr.", "Ave.", "Blvd.", "Rd.", "al."}
)
"""Their full stop is also the sentence's if a capital letter or nothing follows."""

_FACES: Final = frozenset(
    {
        "xD",
        "XD",
        "xd",
        "XDD",
        "T_T",
        "o_O",
        "O_o",
        "o_o",
        "O_O",
        "u_u",
        "n_n",
        "QAQ",
        "QwQ",
        "TAT",
        "OwO",
        "UwU",
        "uwu",
        "owo",
        "Orz",
        "orz",
    }
)

SYMBOLS: Final[dict[str, tuple[str, str]]] = {
    "&": ("and", "和"),
    "+": ("plus", "加"),
    "=": ("equals", "等于"),
    "<": ("less than", "小于"),
    ">": ("greater than", "大于"),
    "≤": ("at most", "小于等于"),
    "≥": ("at least", "大于等于"),
    "≠": ("is not equal to", "不等于"),
    "≈": ("about", "约等于"),
    "±": ("plus or minus", "正负"),
    "×": ("times", "乘"),
    "÷": ("divided by", "除以"),
    "@": ("at", "艾特"),
    "%": ("percent", "百分号"),
    "√": ("the square root of", "根号"),
    "∞": ("infinity", "无穷大"),
    "²": ("squared", "的平方"),
    "³": ("cubed", "的立方"),
    "°": ("degrees", "度"),
    "£": ("pounds", "英镑"),
    "€": ("euros", "欧元"),
}
"""Said in English and in Chinese; what is not here and no letter, digit or punctuation is not said."""

_SCHEMES: Final = frozenset({"http", "https", "ftp", "file", "ws", "wss"})
_TOP_DOMAINS: Final = "com|org|net|edu|gov|int|io|ai|dev|app|info|biz|tv|me|co|cn|hk|tw|sg|jp|kr|uk|de|fr|it|es|nl|ch|eu|us|ca|au|in|br|xyz|top|site|online|shop|cloud|museum"
_LABEL: Final = "[A-Za-z0-9](?:[A-Za-z0-9_-]{0,62})"
_DOMAIN: Final = re.compile(rf"(?:{_LABEL}\.){{1,5}}(?:{_TOP_DOMAINS})|www\.{_LABEL}(?:\.{_LABEL}){{0,4}}")
_MAIL: Final = re.compile(rf"[A-Za-z0-9._%+-]{{1,64}}@{_LABEL}(?:\.{_LABEL}){{1,5}}")
_INITIALISM: Final = re.compile(r"(?:[A-Za-z]\.)+[A-Za-z]")


_SPOKEN_SIGNS: Final[dict[str, tuple[str, str]]] = {
    ".": (" dot ", "点"),
    "@": (" at ", "艾特"),
    "-": (" dash ", "杠"),
    "_": (" underscore ", "下划线"),
    "+": (" plus ", "加"),
    "%": (" percent ", "百分号"),
}


_HOST: Final = re.compile(r"(?:(?<=://)|^(?![A-Za-z]+:))[A-Za-z0-9._%+@-]+")


def spoken_address(address: str, language: Language) -> str:
    """A host or mail address as one would dictate it: ada@example.com → ada at example dot com. What follows a host is left out."""
    found = _HOST.search(address)
    if not found:
        return ""
    host = found.group().removeprefix("www.").strip(".-_+%")
    spelt = english_digits if language == "en" else chinese_digits
    words = "".join(_SPOKEN_SIGNS[sign][language == "zh"] if sign in _SPOKEN_SIGNS else sign for sign in host)
    gap = " " if language == "en" else ""
    return re.sub(" +", " ", re.sub("[0-9]+", lambda number: f"{gap}{spelt(number.group())}{gap}", words)).strip()


class Word(NamedTuple):
    """A word as it is said: up to which place it was written, and what is owed behind it."""

    end: int
    words: str
    owed: Owed = Owed.NOTHING


_LETTER: Final = rf"(?:(?![{HAN}²³])[^\W\d_])"
_LETTER_OR_DIGIT: Final = rf"(?:(?![{HAN}²³])[^\W_])"
_LONGEST_TOKEN: Final = 64
_TOKEN: Final = re.compile(rf"{_LETTER_OR_DIGIT}(?:{_LETTER_OR_DIGIT}|['._@-](?={_LETTER_OR_DIGIT})){{0,{_LONGEST_TOKEN - 1}}}")
_JOINTS: Final = "'._@-"
_LETTERS: Final = re.compile(rf"{_LETTER}(?:{_LETTER}|['-](?={_LETTER}))*")
_LONGEST_TAIL: Final = 300
_TAIL: Final = re.compile(rf"[!-~]{{0,{_LONGEST_TAIL}}}")
_NUMBERED: Final = re.compile(r"[A-Za-z]{1,4}\.(?=[0-9])")
_PATH_BEGINS: Final = re.compile(r"[/?#]|:[0-9]")
_WITH_FULL_STOP: Final = _ABBREVIATIONS.keys() | _BEFORE_NUMBERS.keys()
_NAME_BEFORE: Final = re.compile(
    r"(?:^|[.!?] |\b(?!(?:Plan|Vitamin|Part|Option|Section|Grade|Class|Type|Group|Team|Point|Appendix|Hepatitis|Question|Answer) )[A-Z][a-z]+ |\b[A-Z]\. ?)\Z"
)
_NAME_IN_FRONT: Final = re.compile(r"[A-Z][a-z]+ \Z")


def read_word(text: str, at: int, final: bool, language: Language) -> Word | None:
    """Read the word at `at`, which begins with a letter; None: more text is needed.

    Only its letters are read here; digits in it (A380, mp3) are left for the reader of numbers.
    """
    match = _TOKEN.match(text, at)
    assert match is not None
    written, end = match.group(), match.end()
    if len(written) < _LONGEST_TOKEN and not final and text[end : end + 2] in ("", *_JOINTS):
        return None
    behind = text[end : end + 3]
    if written in _FACES:
        return Word(end, "", Owed.SPACE)
    if written.lower() in _SCHEMES and behind[:1] == ":":
        if "://".startswith(behind) and behind != "://" and not final:
            return None
        if behind == "://":
            return _address(text, at, end, final, language)
    if _MAIL.fullmatch(written):
        return Word(end, spoken_address(written, language), Owed.SPACE)
    if _DOMAIN.fullmatch(written):
        if not final and behind == ":":
            return None
        if _PATH_BEGINS.match(behind):
            return _address(text, at, end, final, language)
        return Word(end, spoken_address(written, language), Owed.SPACE)
    numbered = _NUMBERED.match(written)
    if numbered and numbered.group() in _BEFORE_NUMBERS:
        return Word(at + numbered.end(), _before_number(numbered.group(), language), Owed.SPACE)
    if behind[:1] == ".":
        if len(behind) < 3 and not final and (f"{written}." in _WITH_FULL_STOP or len(written) == 1 or _INITIALISM.fullmatch(written)):
            return None
        return _before_full_stop(text, at, written, language) or _letters(text, at, written, language)
    if _INITIALISM.fullmatch(written):
        return Word(end, written.replace(".", ""))
    return _letters(text, at, written, language)


def _address(text: str, at: int, end: int, final: bool, language: Language) -> Word | None:
    tail = _TAIL.match(text, end)
    assert tail is not None
    if tail.end() == len(text) and len(tail.group()) < _LONGEST_TAIL and not final:
        return None
    address = text[at : tail.end()].rstrip(".,!?;:'\")]}>*_~")
    return Word(at + len(address), spoken_address(address, language), Owed.SPACE)


def _before_full_stop(text: str, at: int, written: str, language: Language) -> Word | None:
    """An abbreviation or initials, with the full stop behind them; None for any other word."""
    known, end = f"{written}.", at + len(written) + 1
    following = text[end : end + 2].lstrip(" \n")
    if known in _BEFORE_NUMBERS:
        return Word(end, _before_number(known, language), Owed.SPACE) if following[:1].isdigit() else None
    if known == "St." and _NAME_IN_FRONT.search(before(text, at)):
        return Word(end, "Street", Owed.STOP if not following else Owed.NOTHING)
    words = _ABBREVIATIONS.get(known) or (written.replace(".", "") if _INITIALISM.fullmatch(written) else "")
    if words:
        ends = not following or (known in _ENDS_A_SENTENCE_TOO and following[0].isupper())
        return Word(end, words, Owed.STOP if ends else Owed.NOTHING)
    is_initial = (
        len(written) == 1 and written.isupper() and written != "I" and following[:1].isupper() and _NAME_BEFORE.search(before(text, at))
    )
    return Word(end, written) if is_initial else None


def _before_number(abbreviation: str, language: Language) -> str:
    return "第" if language == "zh" and abbreviation.lower() == "no." else _BEFORE_NUMBERS[abbreviation]


def _letters(text: str, at: int, written: str, language: Language) -> Word:
    """The letters at the beginning of the written, and what joins them to the rest."""
    letters = _LETTERS.match(written)
    assert letters is not None
    end = at + letters.end()
    if letters.end() == len(written):
        return Word(end, written)
    joint, rest = written[letters.end()], written[letters.end() + 1 :]
    if joint == "." and not rest[:1].isupper():
        return Word(end + 1, letters.group() + (" dot" if language == "en" else "点"), Owed.SPACE)
    if joint in "-_'":
        return Word(end + 1, letters.group(), Owed.SPACE)
    return Word(end, letters.group(), Owed.SPACE)
