"""Reading aloud, in English, what is written in digits: amounts, dates, times, measures, telephone numbers."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from agent.dialogue.numerals_en import cardinal, decimal, digits, is_year, ordinal, plural, year
from agent.dialogue.units import CURRENCIES, CURRENCY_PATTERN, UNIT_PATTERN, unit

MONTHS: Final = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
_MONTH: Final = "(?:" + "|".join(f"{name[:3]}(?:{name[3:]})?" for name in MONTHS) + "|Sept)"
_AFTER_MONTH: Final = re.compile(rf"\b{_MONTH}\.? $")
_AFTER_THE: Final = re.compile(r"\bthe $", re.IGNORECASE)
_BEFORE_DECADE: Final = re.compile(r"(?:\b(?:the|early|mid|late|my|his|her|their)[ -]|')$", re.IGNORECASE)
_DIGIT_CONTEXT: Final = re.compile(
    r"\b(?:code|pin|password|zip|extension|ext\.?|phone|number|call|dial|fax|flight|id)(?: (?:is|at|of|number))?[: ]*(?:is )?$",
    re.IGNORECASE,
)

_NUMBER: Final = r"(?:[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?|[0-9]+(?:\.[0-9]+)?|\.[0-9]+)(?![0-9])"
_SIGN: Final = r"(?:[+-])?"
_DASH: Final = r" ?[–—~-] ?"
_SCALE: Final = r"(?:thousand|million|billion|trillion|[kK]|[mM]n?|[bB]n?|tn?)(?![A-Za-z0-9²³/])"
_SCALES: Final = {"k": "thousand", "m": "million", "mn": "million", "b": "billion", "bn": "billion", "t": "trillion", "tn": "trillion"}
_TAKES_AN: Final = ("hour", "ounce", "ohm")
_FRACTIONS: Final = {"2": "half", "4": "quarter"}

Reader = Callable[["re.Match[str]", str], str | None]
_TABLE: Final[list[tuple[re.Pattern[str], Reader]]] = []


def _reads(pattern: str) -> Callable[[Reader], Reader]:
    def register(reader: Reader) -> Reader:
        _TABLE.append((re.compile(pattern), reader))
        return reader

    return register


def read(text: str, before: str) -> tuple[int, str]:
    """How many characters of `text`, which begins with a digit or a sign in front of one, make up the first expression, and how it is said.

    `text` reaches as far as the word behind the digits; `before` is what was written in front.
    """
    for pattern, reader in _TABLE:
        match = pattern.match(text)
        if match:
            words = reader(match, before)
            if words is not None:
                return match.end(), words
    return 1, ""


def _signed(number: str) -> str:
    if number.startswith("-"):
        return f"minus {decimal(number[1:])}"
    return f"plus {decimal(number[1:])}" if number.startswith("+") else decimal(number)


def _plain(number: str) -> str:
    """A number without anything behind it."""
    if number.isdecimal():
        if is_year(number):
            return year(number)
        if (number.startswith("0") and len(number) > 1) or (len(number) > 7 and not number.endswith("000")):
            return digits(number)
    return _signed(number)


def _is_one(number: str) -> bool:
    return number.lstrip("+-") in ("1", "1.0")


def _spelt_groups(written: str) -> str:
    return ", ".join(digits(group) for group in re.findall("[0-9]+", written))


@_reads(r"(?:\+?[0-9]{1,3}[ -])?\([0-9]{3}\) ?[0-9]{3}[ -][0-9]{4}(?![0-9])")
@_reads(r"(?:\+?[0-9]{1,3}[ -])?[0-9]{3}[-. ][0-9]{3}[-. ][0-9]{4}(?![0-9])")
@_reads(r"(?:\+[0-9]{1,3}[ -])1[3-9][0-9][ -]?[0-9]{4}[ -]?[0-9]{4}(?![0-9])")
@_reads(r"[0-9]{3}-[0-9]{2}-[0-9]{4}(?![0-9])")
@_reads(r"[0-9]{3}-[0-9]{4}(?![0-9])")
@_reads(r"\+[0-9]{2,3}(?: [0-9]{2,4}){2,4}(?![0-9])")
@_reads(r"\+[0-9]{8,15}(?![0-9])")
def _telephone(match: re.Match[str], _: str) -> str:
    return ("plus " if match.group().startswith("+") else "") + _spelt_groups(match.group())


def _date_words(year_digits: str, month: str, day: str) -> str | None:
    if not (1 <= int(month) <= 12 and 1 <= int(day) <= 31):
        return None
    spoken_year = year(year_digits) if is_year(year_digits) else cardinal(year_digits)
    return f"{MONTHS[int(month) - 1]} {ordinal(day)}, {spoken_year}"


@_reads(r"([0-9]{4})([-/.])([0-9]{1,2})\2([0-9]{1,2})(?![0-9])")
def _iso_date(match: re.Match[str], _: str) -> str | None:
    return _date_words(match.group(1), match.group(3), match.group(4))


@_reads(r"([0-9]{1,2})([-/.])([0-9]{1,2})\2([0-9]{4})(?![0-9])")
def _american_date(match: re.Match[str], _: str) -> str | None:
    month, _separator, day, year_digits = match.groups()
    return _date_words(year_digits, month, day) or _date_words(year_digits, day, month)


def _half_of_day(letter: str | None) -> str:
    return f" {letter.upper()}M" if letter else ""


@_reads(r"([0-9]{1,2}):([0-5][0-9])(?::([0-5][0-9]))?(?!:?[0-9])(?: ?([aApP])\.?[mM](?![A-Za-z])\.?)?")
def _clock(match: re.Match[str], _: str) -> str | None:
    hour, minute, second, half = match.groups()
    if int(hour) > 24:
        return None
    words = cardinal(hour)
    if second:
        words += f" {_two_digits(minute)} and {cardinal(second)} second" + ("s" if int(second) != 1 else "")
    elif minute != "00":
        words += f" {_two_digits(minute)}"
    elif not half:
        words += " o'clock" if int(hour) <= 12 else " hundred"
    return words + _half_of_day(half)


def _two_digits(number: str) -> str:
    return "oh " + cardinal(number) if number[0] == "0" and number != "00" else cardinal(number)


@_reads(r"([0-9]{1,2}) ?([aApP])\.?[mM](?![A-Za-z])\.?")
def _hour(match: re.Match[str], _: str) -> str:
    return cardinal(match.group(1)) + _half_of_day(match.group(2))


@_reads(r"[0-9]+(?:\.[0-9]+){2,}(?![0-9])")
def _version(match: re.Match[str], _: str) -> str:
    return " point ".join(cardinal(part) if len(part) < 3 and part[0] != "0" else digits(part) for part in match.group().split("."))


@_reads(rf"([+-]?)({CURRENCY_PATTERN}) ?([+-]?)({_NUMBER})(?:{_DASH}(?:{CURRENCY_PATTERN})?({_NUMBER}))?(?: ?({_SCALE}))?(\+?)")
def _money(match: re.Match[str], _: str) -> str:
    sign, symbol, inner_sign, amount, upto, scale, plus = match.groups()
    return _amount(sign or inner_sign, amount, upto, scale, symbol) + (" or more" if plus else "")


@_reads(rf"([+-]?)({_NUMBER})(?:{_DASH}({_NUMBER}))? ?(?:({_SCALE}) ?)?({CURRENCY_PATTERN})(?![A-Za-z0-9])")
def _money_behind(match: re.Match[str], _: str) -> str:
    sign, amount, upto, scale, symbol = match.groups()
    return _amount(sign, amount, upto, scale, symbol)


def _amount(sign: str, amount: str, upto: str | None, scale: str | None, symbol: str) -> str:
    currency = CURRENCIES[symbol]
    head = "minus " if sign == "-" else "plus " if sign else ""
    if scale or upto:
        words = decimal(amount) + (f" to {decimal(upto)}" if upto else "")
        return f"{head}{words}{' ' + _SCALES.get(scale.lower(), scale) if scale else ''} {currency.many}"
    whole, _, cents = amount.replace(",", "").partition(".")
    if len(cents) != 2:
        return f"{head}{decimal(amount)} {currency.one if amount == '1' else currency.many}"
    parts = []
    if int(whole or "0") or cents == "00":
        parts.append(f"{cardinal(whole)} {currency.one if whole == '1' else currency.many}")
    if cents != "00":
        many = "pence" if currency.cent == "penny" else currency.cent if currency.cent in ("fen", "sen", "jeon") else f"{currency.cent}s"
        parts.append(f"{cardinal(cents)} {currency.cent if cents == '01' else many}")
    return head + " and ".join(parts)


@_reads(r"(?:([0-9]{1,4}) )?([0-9]{1,4})/([0-9]{1,4})(?![0-9/]| ?=)(?: ?(" + UNIT_PATTERN + "))?")
def _fraction(match: re.Match[str], _: str) -> str | None:
    whole, top, bottom, written = match.groups()
    if (top, bottom) in (("24", "7"), ("9", "11"), ("50", "50")):
        return f"{cardinal(top)} {cardinal(bottom)}"
    if int(bottom) < 2 or int(top) >= int(bottom) or top[0] == "0":
        return None if whole else f"{cardinal(top)} over {cardinal(bottom)}"
    name = _FRACTIONS.get(bottom) or ordinal(bottom)
    if whole:
        part = f"{'a' if int(top) == 1 else cardinal(top)} {name if int(top) == 1 else plural(name)}"
        return f"{cardinal(whole)} and {part}" + (f" {unit(written).many}" if written else "")
    of_what = f" of {'an' if unit(written).one.startswith(_TAKES_AN) else 'a'} {unit(written).one}" if written else ""
    return f"{cardinal(top)} {name if int(top) == 1 else plural(name)}{of_what}"


@_reads(r"(1[0-9]|20)([0-9]0)'?s(?![A-Za-z0-9])")
def _decade(match: re.Match[str], _: str) -> str | None:
    century, decade = match.groups()
    if decade == "00":
        return "two thousands" if century == "20" else f"{cardinal(century)} hundreds"
    return f"{cardinal(century)} {plural(cardinal(decade))}"


@_reads(r"([2-9]0)'?s(?![A-Za-z0-9])")
def _short_decade(match: re.Match[str], before: str) -> str | None:
    return plural(cardinal(match.group(1))) if _BEFORE_DECADE.search(before) else None


@_reads(rf"([0-9]{{1,2}})(?:st|nd|rd|th)? (?:of )?({_MONTH})\b\.?")
def _day_of_month(match: re.Match[str], before: str) -> str | None:
    if not 1 <= int(match.group(1)) <= 31:
        return None
    month = next(name for name in MONTHS if name.startswith(match.group(2)[:3]))
    return f"{'' if _AFTER_THE.search(before) else 'the '}{ordinal(match.group(1))} of {month}"


@_reads(r"([0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:st|nd|rd|th)(?![A-Za-z0-9])")
def _ordinal(match: re.Match[str], _: str) -> str:
    return ordinal(match.group(1).replace(",", ""))


@_reads(r"([0-9]{1,2})['′] ?([0-9]{1,2})(?:\"|″|'')")
def _feet_and_inches(match: re.Match[str], _: str) -> str:
    return f"{cardinal(match.group(1))} foot {cardinal(match.group(2))}"


@_reads(rf"({_SIGN}{_NUMBER})(?: ?(?:{UNIT_PATTERN}|°))?{_DASH}({_SIGN}{_NUMBER}) ?({UNIT_PATTERN})")
def _measure_range(match: re.Match[str], _: str) -> str:
    low, high, written = match.groups()
    return f"{_signed(low)} to {_signed(high)} {unit(written).many}"


@_reads(rf"({_SIGN}{_NUMBER}) ?({UNIT_PATTERN})")
def _measure(match: re.Match[str], _: str) -> str:
    number, written = match.groups()
    return f"{_signed(number)} {unit(written).one if _is_one(number) else unit(written).many}"


@_reads(rf"({_SIGN}{_NUMBER})(?:{_DASH}({_NUMBER}))? ?(thousand|million|billion|trillion)\b")
def _large(match: re.Match[str], _: str) -> str:
    low, high, scale = match.groups()
    return f"{_signed(low)} {f'to {decimal(high)} ' if high else ''}{scale}"


@_reads(rf"({_NUMBER})([kKM])(?![A-Za-z0-9])")
def _abbreviated(match: re.Match[str], _: str) -> str | None:
    number, letter = match.groups()
    return None if number in ("4", "8") and letter == "K" else f"{decimal(number)} {_SCALES[letter.lower()]}"


@_reads(rf"({_NUMBER}) ?([x×]) ?(?=[0-9])")
def _by(match: re.Match[str], _: str) -> str:
    return f"{_plain(match.group(1))} {'by' if match.group(2) == 'x' else 'times'}"


@_reads(rf"({_NUMBER})[x×](?![A-Za-z0-9])")
def _times(match: re.Match[str], _: str) -> str:
    return f"{decimal(match.group(1))} times"


@_reads(rf"({_NUMBER}) ?\^ ?({_SIGN}[0-9]+|[²³])")
def _power(match: re.Match[str], _: str) -> str:
    return f"{_signed(match.group(1))} to the power of {_signed(match.group(2))}"


@_reads(rf"({_NUMBER})([²³])")
def _square(match: re.Match[str], _: str) -> str:
    return f"{decimal(match.group(1))} {'squared' if match.group(2) == '²' else 'cubed'}"


@_reads(rf"({_NUMBER}) ?- ?({_NUMBER})(?= ?=)|({_NUMBER}) - ({_NUMBER})")
def _difference(match: re.Match[str], _: str) -> str:
    first, second = (group for group in match.groups() if group)
    return f"{_signed(first)} minus {_signed(second)}"


@_reads(rf"({_NUMBER})/({_NUMBER})(?= ?=)")
def _quotient(match: re.Match[str], _: str) -> str:
    return f"{_signed(match.group(1))} divided by {_signed(match.group(2))}"


@_reads(rf"({_NUMBER}){_DASH}({_NUMBER})(?!-[0-9])")
def _range(match: re.Match[str], _: str) -> str:
    low, high = match.groups()
    if len(low) == 4 and is_year(low) and len(high) == 2:
        return f"{year(low)} to {_two_digits(high)}"
    return f"{_plain(low)} to {_plain(high)}"


@_reads(r"([0-9]+):([0-9]+)(?!:?[0-9])")
def _ratio(match: re.Match[str], _: str) -> str:
    return f"{cardinal(match.group(1))} to {cardinal(match.group(2))}"


@_reads(rf"({_NUMBER})\+(?! ?[0-9A-Za-z])")
def _at_least(match: re.Match[str], _: str) -> str:
    return f"more than {_plain(match.group(1))}"


@_reads(rf"({_SIGN}{_NUMBER})")
def _number(match: re.Match[str], before: str) -> str:
    number = match.group(1)
    if number.isdecimal():
        if _AFTER_MONTH.search(before) and 1 <= int(number) <= 31:
            return ordinal(number)
        glued = before[-1:].isalpha() and before[-1:].isascii()
        if len(number) > 2 and (glued or _DIGIT_CONTEXT.search(before)):
            return digits(number)
    return _plain(number)
