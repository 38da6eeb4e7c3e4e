"""Reading aloud, in Chinese, what is written in digits: amounts, dates, times, measures, telephone numbers."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from agent.dialogue.language import is_han
from agent.dialogue.numerals_zh import cardinal, counted, decimal, digits, spelt
from agent.dialogue.units import CURRENCIES, CURRENCY_PATTERN, UNIT_PATTERN, unit

_NUMBER: Final = r"(?:[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?|[0-9]+(?:\.[0-9]+)?|\.[0-9]+)(?![0-9])"
_SIGN: Final = r"(?:[+-])?"
_DASH: Final = r" ?[–—~-] ?"
_SCALE: Final = "(?:十万|百万|千万|[万亿千百])"

_SPELT_CONTEXT: Final = re.compile(
    r"(?:电话|手机|号码|热线|座机|传真|密码|验证码|口令|邮编|编号|尾号|工号|学号|单号|卡号|账号|帐号|房间|航班|车次|QQ|微信|ID|拨打?|呼叫|打)(?:号码?)?[是为:： ]{0,3}$"
)
_YEAR_CONTEXT: Final = re.compile("(?:年[是为到]?|公元|[自从于至])$")
_BARE_YEAR: Final = re.compile("1[5-9][0-9]{2}|20[0-9]{2}")
_ORDINAL_CONTEXT: Final = re.compile(r"(?:第|初|周|星期|礼拜) ?$")
_WORDS_WITH_ER: Final = (
    "月", "日", "号", "楼", "层", "级", "等", "班", "年级", "环", "线", "院", "中", "维", "进制", "战", "胎", "期", "季度", "世纪", "分之", "次方", "次元", "次函数",
    "元一次", "元二次", "元论", "手", "十", "比", "两", "路", "营", "区", "组", "类", "型", "号线", "代",
)  # fmt: skip
"""After these a 2 is 二: it counts nothing, but names or orders."""
_MEASURES: Final = frozenset(
    "个只条张块瓶杯份本辆台匹头位亩小分秒天年周岁米厘毫千公升斤克吨元角毛次倍种件项名人家所座栋间套双对群批箱包袋盒盘碗罐支根颗粒片篇首句章节门课程堂步行列排队国"
    "边侧口眼点刻夜晚场届环百万亿度平立英海里光尺寸码磅盎加字词遍趟顿餐下声股阵笔局轮样款集部幅道株棵朵滴户市省县村枚顶把扇面座艘架轴封幢匙勺锅桶串束捆堆层段圈代室厅居时钟美欧日港"
)
_SPAN_AFTER: Final = re.compile("年(?:[以之]?前|[以之]?后|来|间)")
_LONG_SPAN_AFTER: Final = re.compile("年(?:多|历史)")
_PERCENT: Final = r"[%‰]"
_SUFFIXES: Final = tuple(
    word for word in (*_WORDS_WITH_ER, "年代", "年前", "年后", "年多", "年来", "年间", "年历史", "年以前", "年之前", "年以后", "年之后")
)
LONGEST_SUFFIX: Final = max(map(len, _SUFFIXES))
"""Characters behind a number that may change how it is read."""

Reader = Callable[["re.Match[str]", str], str | None]
_TABLE: Final[list[tuple[re.Pattern[str], Reader]]] = []


def _reads(pattern: str) -> Callable[[Reader], Reader]:
    def register(reader: Reader) -> Reader:
        _TABLE.append((re.compile(pattern), reader))
        return reader

    return register


def read(text: str, before: str) -> tuple[int, str]:
    """How many characters of `text`, which begins with a digit or a sign in front of one, make up the first expression, and how it is said.

    `text` reaches as far as the unit or the Chinese characters behind the digits that matter; `before` is what was written in front.
    """
    for pattern, reader in _TABLE:
        match = pattern.match(text)
        if match:
            words = reader(match, before)
            if words is not None:
                return match.end(), words
    return 1, ""


def is_undecided(suffix: str) -> bool:
    """Whether more Chinese characters behind a number than `suffix` could change how the number is read."""
    return any(word.startswith(suffix) and len(word) > len(suffix) for word in _SUFFIXES)


def _signed(number: str) -> str:
    if number.startswith("-"):
        return f"负{decimal(number[1:])}"
    return f"正{decimal(number[1:])}" if number.startswith("+") else decimal(number)


def _counted(number: str, following: str, before: str = "") -> str:
    """A number in front of the Chinese text `following`."""
    if number != "2" or _ORDINAL_CONTEXT.search(before) or following.startswith(_WORDS_WITH_ER):
        return _signed(number)
    return counted(number) if following[:1] in _MEASURES else _signed(number)


def _plain(number: str) -> str:
    """A number without anything behind it."""
    if number.isdecimal() and ((number.startswith("0") and len(number) > 1) or (len(number) > 7 and not number.endswith("000"))):
        return spelt(number)
    return _signed(number)


@_reads(r"(?:\+?86[ -]?)?1[3-9][0-9][ -]?[0-9]{4}[ -]?[0-9]{4}(?![0-9])")
@_reads(r"\(?0[0-9]{2,3}[)）-] ?[0-9]{7,8}(?![0-9])")
@_reads(r"\(?0[0-9]{2,3}[)）-] ?[0-9]{3,4}[ -][0-9]{4}(?![0-9])")
@_reads(r"[48]00[ -][0-9]{3,4}[ -][0-9]{3,4}(?![0-9])")
@_reads(r"(?:\+?[0-9]{1,3}[ -])?\(?[0-9]{3}\)?[ -][0-9]{3}[ -][0-9]{4}(?![0-9])")
@_reads(r"\+[0-9]{8,15}(?![0-9])")
def _telephone(match: re.Match[str], _: str) -> str:
    return ("加" if match.group().startswith("+") else "") + "，".join(spelt(group) for group in re.findall("[0-9]+", match.group()))


@_reads(r"([0-9]{4})([-/.])([0-9]{1,2})\2([0-9]{1,2})(?![0-9])")
def _date(match: re.Match[str], _: str) -> str | None:
    year, _separator, month, day = match.groups()
    if not (1 <= int(month) <= 12 and 1 <= int(day) <= 31):
        return None
    return f"{digits(year)}年{cardinal(month)}月{cardinal(day)}日"


@_reads(r"([0-9]{4})[-/.]([0-9]{1,2})(?=[月,，。 ]|\Z)")
def _month_of_year(match: re.Match[str], _: str) -> str | None:
    year, month = match.groups()
    if not ("1900" <= year <= "2099" and 1 <= int(month) <= 12) or "." in match.group():
        return None
    return f"{digits(year)}年{cardinal(month)}月"


@_reads(rf"([0-9]{{2,4}})(?:{_DASH}([0-9]{{2,4}}))?(?=年)")
def _years(match: re.Match[str], before: str) -> str | None:
    """A year is read digit by digit, a number of years is not."""
    first, last = match.groups()
    following = match.string[match.end() :]
    if _is_year(first, following, before) and (last is None or len(last) in (2, 4)):
        return digits(first) + (f"到{digits(last)}" if last else "")
    return None


def _is_year(number: str, following: str, before: str) -> bool:
    if _ORDINAL_CONTEXT.search(before) or following.startswith("年级"):
        return False
    if len(number) == 4:
        round_and_far = number.endswith("00") and (number < "1800" or number == "2000")
        is_span = (number.endswith("00") and _LONG_SPAN_AFTER.match(following)) or (round_and_far and _SPAN_AFTER.match(following))
        return "1000" < number <= "2999" and not is_span
    return len(number) == 2 and (number[0] == "0" or (number > "80" and number[1] != "0"))


@_reads(r"([0-9]{1,2})[:：]([0-5][0-9])(?:[:：]([0-5][0-9]))?(?![:：]?[0-9])(?: ?([aApP])\.?[mM]\.?(?![A-Za-z]))?")
def _clock(match: re.Match[str], before: str) -> str | None:
    hour, minute, second, half = match.groups()
    if int(hour) > 24 or re.search("比分|比例|战|胜|负|赢|输", before[-6:]):
        return None
    part_of_day = "" if not half else "上午" if half in "aA" else "下午"
    words = f"{part_of_day}{counted(str(int(hour)))}点"
    if second:
        return f"{words}{_two_digits(minute)}分{_two_digits(second)}秒"
    if minute == "00":
        return words
    return f"{words}半" if minute == "30" else f"{words}{_two_digits(minute)}分"


def _two_digits(number: str) -> str:
    return digits(number) if number[0] == "0" and number != "00" else cardinal(number)


@_reads(r"([0-9]{1,2}) ?([aApP])\.?[mM](?![A-Za-z])\.?")
def _hour(match: re.Match[str], _: str) -> str:
    return f"{'上午' if match.group(2) in 'aA' else '下午'}{counted(match.group(1))}点"


@_reads(r"[0-9]+(?:\.[0-9]+){2,}(?![0-9])")
def _version(match: re.Match[str], _: str) -> str:
    return "点".join(cardinal(part) if len(part) < 3 and part[0] != "0" else spelt(part) for part in match.group().split("."))


@_reads(
    rf"([+-]?)({CURRENCY_PATTERN}) ?([+-]?)({_NUMBER})(?:{_DASH}(?:{CURRENCY_PATTERN})?({_NUMBER}))?(?: ?({_SCALE}|[kKmM](?![A-Za-z])))?(\+?)"
)
def _money(match: re.Match[str], _: str) -> str:
    sign, symbol, inner_sign, amount, upto, scale, plus = match.groups()
    return _amount(sign or inner_sign, amount, upto, scale, symbol) + ("以上" if plus else "")


@_reads(rf"([+-]?)({_NUMBER})(?:{_DASH}({_NUMBER}))? ?({_SCALE})?({CURRENCY_PATTERN})(?![A-Za-z0-9])")
def _money_behind(match: re.Match[str], _: str) -> str:
    sign, amount, upto, scale, symbol = match.groups()
    return _amount(sign, amount, upto, scale, symbol)


def _amount(sign: str, amount: str, upto: str | None, scale: str | None, symbol: str) -> str:
    currency = CURRENCIES[symbol].chinese
    head = "负" if sign == "-" else ""
    scale = {"k": "千", "m": "百万"}.get((scale or "").lower(), scale or "")
    if not scale and not upto and currency == "元":
        return head + _yuan(amount)
    return f"{head}{counted(amount)}{f'到{counted(upto)}' if upto else ''}{scale}{currency}"


@_reads(r"([0-9]+\.[0-9]{2})元")
def _price(match: re.Match[str], _: str) -> str:
    return _yuan(match.group(1))


def _yuan(amount: str) -> str:
    """12.50 → 十二元五角, 12.05 → 十二元零五分."""
    whole, _, cents = amount.replace(",", "").partition(".")
    if len(cents) != 2:
        return f"{counted(amount)}元"
    words = f"{counted(whole)}元" if int(whole or "0") or cents == "00" else ""
    if cents[0] != "0":
        words += f"{digits(cents[0])}角"
    elif words and cents != "00":
        words += "零"
    return words + (f"{digits(cents[1])}分" if cents[1] != "0" else "")


@_reads(r"(?:([0-9]{1,4}) )?([0-9]{1,4})/([0-9]{1,4})(?![0-9/]| ?=)")
def _fraction(match: re.Match[str], _: str) -> str | None:
    whole, top, bottom = match.groups()
    if (top, bottom) == ("24", "7"):
        return "全天候"
    if int(bottom) < 2:
        return None
    return f"{cardinal(whole) + '又' if whole else ''}{cardinal(bottom)}分之{cardinal(top)}"


@_reads(rf"({_SIGN}{_NUMBER})({_PERCENT})?{_DASH}({_SIGN}{_NUMBER})({_PERCENT})")
def _percent_range(match: re.Match[str], _: str) -> str:
    low, first, high, last = match.groups()
    again = _of_hundred(last) if first else ""
    return f"{_of_hundred(last)}{_signed(low)}到{again}{_signed(high)}"


def _of_hundred(sign: str) -> str:
    return "百分之" if sign == "%" else "千分之"


@_reads(rf"({_SIGN})({_NUMBER}) ?({_PERCENT})")
def _percent(match: re.Match[str], _: str) -> str:
    sign, number, mark = match.groups()
    if (number, mark) == ("100", "%"):
        return "百分之百" if not sign else "负百分之百"
    return f"{'负' if sign == '-' else '正' if sign else ''}{_of_hundred(mark)}{decimal(number)}"


@_reads(rf"({_SIGN})({_NUMBER})(?: ?°[CF]?)?(?:{_DASH}(-?)({_NUMBER}))? ?(°[CF]?)(?![A-Za-z])")
def _temperature(match: re.Match[str], before: str) -> str:
    sign, low, high_sign, high, scale = match.groups()
    below = "零下" if sign == "-" and not before.endswith("零下") else ""
    words = below + (counted(low) if not high else decimal(low))
    if high:
        words += "到" + ("零下" if high_sign else "零上" if below else "") + decimal(high)
    return words + unit(scale).chinese.format("")


@_reads(rf"({_SIGN}{_NUMBER})(?: ?{UNIT_PATTERN})?{_DASH}({_SIGN}{_NUMBER}) ?({UNIT_PATTERN})")
def _measure_range(match: re.Match[str], _: str) -> str:
    low, high, written = match.groups()
    return unit(written).chinese.format(f"{counted(low) if low == '2' else _signed(low)}到{_signed(high)}")


@_reads(rf"({_SIGN}{_NUMBER}) ?({UNIT_PATTERN})")
def _measure(match: re.Match[str], _: str) -> str:
    number, written = match.groups()
    return unit(written).chinese.format(counted(number) if number == "2" else _signed(number))


@_reads(rf"({_NUMBER}) ?\^ ?({_SIGN}[0-9]+)")
def _power(match: re.Match[str], _: str) -> str:
    return f"{_signed(match.group(1))}的{_signed(match.group(2))}次方"


@_reads(rf"({_NUMBER})([²³])")
def _square(match: re.Match[str], _: str) -> str:
    return f"{decimal(match.group(1))}的{'平方' if match.group(2) == '²' else '立方'}"


@_reads(rf"({_NUMBER}) ?([x×]) ?(?=[0-9])")
def _times(match: re.Match[str], _: str) -> str:
    return f"{_plain(match.group(1))}乘"


@_reads(rf"({_NUMBER}) ?- ?({_NUMBER})(?= ?=)|({_NUMBER}) - ({_NUMBER})(?! ?[\u4e00-\u9fff])")
def _difference(match: re.Match[str], _: str) -> str:
    first, second = (group for group in match.groups() if group)
    return f"{_signed(first)}减{_signed(second)}"


@_reads(rf"({_NUMBER})/({_NUMBER})(?= ?=)")
def _quotient(match: re.Match[str], _: str) -> str:
    return f"{_signed(match.group(1))}除以{_signed(match.group(2))}"


@_reads(rf"({_NUMBER}){_DASH}({_NUMBER})(?!-[0-9])")
def _range(match: re.Match[str], before: str) -> str:
    low, high = match.groups()
    following = match.string[match.end() :].lstrip()
    if not following and low.isdecimal() and high.isdecimal() and int(low) >= int(high):
        return f"{cardinal(low)}比{cardinal(high)}"
    return f"{_counted(low, following, before)}到{_counted(high, following, before)}"


@_reads(r"([0-9]+)[:：]([0-9]+)(?![:：]?[0-9])")
def _ratio(match: re.Match[str], _: str) -> str:
    return f"{cardinal(match.group(1))}比{cardinal(match.group(2))}"


@_reads(rf"({_NUMBER})\+")
def _at_least(match: re.Match[str], _: str) -> str | None:
    return None if re.match(" ?[0-9]", match.string[match.end() :]) else f"{_plain(match.group(1))}多"


@_reads(rf"({_SIGN}{_NUMBER})")
def _number(match: re.Match[str], before: str) -> str:
    number, following = match.group(1), match.string[match.end() :].lstrip(" ")
    if number.isdecimal() and len(number) > 2:
        glued = before[-1:].isalpha() and before[-1:].isascii()
        if glued or following.startswith(("房", "室", "路")) or (_SPELT_CONTEXT.search(before) and following[:1] not in _MEASURES):
            return spelt(number)
    if (len(number) == 2 and following.startswith("后")) or (
        _YEAR_CONTEXT.search(before) and not is_han(following) and _BARE_YEAR.fullmatch(number)
    ):
        return digits(number)
    if number.startswith("-") and following.startswith(("度", "摄氏")):
        return f"零下{_counted(number[1:], following)}"
    return _counted(number, following, before) if is_han(following) else _plain(number)
