"""Units of measure: how they are written, and how each language says them."""

from __future__ import annotations

import re
from typing import Final, NamedTuple


class Unit(NamedTuple):
    """The English words for one and for several, and the Chinese words with `{}` where the number goes."""

    one: str
    many: str
    chinese: str


def _metric(one: str, chinese: str, many: str = "") -> Unit:
    return Unit(one, many or f"{one}s", f"{{}}{chinese}")


def _rate(one: str, chinese: str, many: str = "") -> Unit:
    noun, _, per = one.partition(" per ")
    return Unit(one, many or f"{noun}s per {per}", chinese)


UNITS: Final[dict[str, Unit]] = {
    "km": _metric("kilometer", "公里"),
    "m": _metric("meter", "米"),
    "dm": _metric("decimeter", "分米"),
    "cm": _metric("centimeter", "厘米"),
    "mm": _metric("millimeter", "毫米"),
    "μm": _metric("micrometer", "微米"),
    "nm": _metric("nanometer", "纳米"),
    "mi": _metric("mile", "英里"),
    "ft": _metric("foot", "英尺", "feet"),
    "yd": _metric("yard", "码"),
    "km²": _metric("square kilometer", "平方公里"),
    "m²": _metric("square meter", "平方米"),
    "cm²": _metric("square centimeter", "平方厘米"),
    "m³": _metric("cubic meter", "立方米"),
    "cm³": _metric("cubic centimeter", "立方厘米"),
    "ha": _metric("hectare", "公顷"),
    "kg": _metric("kilogram", "公斤"),
    "g": _metric("gram", "克"),
    "mg": _metric("milligram", "毫克"),
    "μg": _metric("microgram", "微克"),
    "lb": _metric("pound", "磅"),
    "lbs": _metric("pound", "磅"),
    "oz": _metric("ounce", "盎司"),
    "t": _metric("ton", "吨"),
    "L": _metric("liter", "升"),
    "l": _metric("liter", "升"),
    "mL": _metric("milliliter", "毫升"),
    "ml": _metric("milliliter", "毫升"),
    "gal": _metric("gallon", "加仑"),
    "h": _metric("hour", "小时"),
    "hr": _metric("hour", "小时"),
    "hrs": _metric("hour", "小时"),
    "min": _metric("minute", "分钟"),
    "mins": _metric("minute", "分钟"),
    "s": _metric("second", "秒"),
    "sec": _metric("second", "秒"),
    "secs": _metric("second", "秒"),
    "ms": _metric("millisecond", "毫秒"),
    "μs": _metric("microsecond", "微秒"),
    "ns": _metric("nanosecond", "纳秒"),
    "Hz": _metric("hertz", "赫兹", "hertz"),
    "kHz": _metric("kilohertz", "千赫兹", "kilohertz"),
    "MHz": _metric("megahertz", "兆赫兹", "megahertz"),
    "GHz": _metric("gigahertz", "吉赫兹", "gigahertz"),
    "V": _metric("volt", "伏"),
    "kV": _metric("kilovolt", "千伏"),
    "mA": _metric("milliamp", "毫安"),
    "mAh": _metric("milliamp hour", "毫安时"),
    "W": _metric("watt", "瓦"),
    "kW": _metric("kilowatt", "千瓦"),
    "MW": _metric("megawatt", "兆瓦"),
    "kWh": _metric("kilowatt hour", "千瓦时"),
    "J": _metric("joule", "焦耳"),
    "kJ": _metric("kilojoule", "千焦"),
    "cal": _metric("calorie", "卡"),
    "kcal": _metric("kilocalorie", "千卡"),
    "Pa": _metric("pascal", "帕"),
    "kPa": _metric("kilopascal", "千帕"),
    "hPa": _metric("hectopascal", "百帕"),
    "dB": _metric("decibel", "分贝"),
    "Ω": _metric("ohm", "欧姆"),
    "KB": _metric("kilobyte", "KB"),
    "kB": _metric("kilobyte", "KB"),
    "MB": _metric("megabyte", "MB"),
    "GB": _metric("gigabyte", "GB"),
    "TB": _metric("terabyte", "TB"),
    "px": _metric("pixel", "像素"),
    "km/h": _rate("kilometer per hour", "每小时{}公里"),
    "kmh": _rate("kilometer per hour", "每小时{}公里"),
    "kph": _rate("kilometer per hour", "每小时{}公里"),
    "mph": _rate("mile per hour", "每小时{}英里"),
    "m/s": _rate("meter per second", "每秒{}米"),
    "m/s²": _rate("meter per second squared", "{}米每二次方秒"),
    "km/s": _rate("kilometer per second", "每秒{}公里"),
    "kg/m³": _rate("kilogram per cubic meter", "每立方米{}公斤"),
    "g/cm³": _rate("gram per cubic centimeter", "每立方厘米{}克"),
    "mg/L": _rate("milligram per liter", "每升{}毫克"),
    "Mbps": _rate("megabit per second", "每秒{}兆比特"),
    "Gbps": _rate("gigabit per second", "每秒{}吉比特"),
    "kbps": _rate("kilobit per second", "每秒{}千比特"),
    "MB/s": _rate("megabyte per second", "每秒{}兆字节"),
    "rpm": _rate("revolution per minute", "每分钟{}转"),
    "bpm": _rate("beat per minute", "每分钟{}次"),
    "fps": _rate("frame per second", "每秒{}帧"),
    "°C": _metric("degree Celsius", "摄氏度", "degrees Celsius"),
    "°F": _metric("degree Fahrenheit", "华氏度", "degrees Fahrenheit"),
    "°": _metric("degree", "度"),
    "%": Unit("percent", "percent", "百分之{}"),
    "‰": Unit("per mille", "per mille", "千分之{}"),
}

_SPELLINGS: Final = {"μ": "[μµ]", "²": "(?:²|\\^2|2)", "³": "(?:³|\\^3|3)"}


def _pattern(symbol: str) -> str:
    return "".join(_SPELLINGS.get(character, re.escape(character)) for character in symbol)


UNIT_PATTERN: Final = "(?:" + "|".join(_pattern(symbol) for symbol in sorted(UNITS, key=len, reverse=True)) + r")(?![A-Za-z0-9²³])"
"""Matches a unit as it is written behind a number."""


def unit(written: str) -> Unit:
    """The unit that `UNIT_PATTERN` has matched."""
    symbol = written.replace("µ", "μ").replace("^", "")
    if symbol not in UNITS:
        symbol = symbol.replace("2", "²").replace("3", "³")
    return UNITS[symbol]


class Currency(NamedTuple):
    one: str
    many: str
    cent: str
    chinese: str


_DOLLAR: Final = Currency("dollar", "dollars", "cent", "美元")
_EURO: Final = Currency("euro", "euros", "cent", "欧元")
_POUND: Final = Currency("pound", "pounds", "penny", "英镑")
_YUAN: Final = Currency("yuan", "yuan", "fen", "元")
_YEN: Final = Currency("yen", "yen", "sen", "日元")

CURRENCIES: Final[dict[str, Currency]] = {
    "$": _DOLLAR,
    "US$": _DOLLAR,
    "USD": _DOLLAR,
    "€": _EURO,
    "EUR": _EURO,
    "£": _POUND,
    "GBP": _POUND,
    "¥": Currency("yen", "yen", "sen", "元"),
    "CN¥": _YUAN,
    "RMB": _YUAN,
    "CNY": _YUAN,
    "JPY": _YEN,
    "JP¥": _YEN,
    "HK$": Currency("Hong Kong dollar", "Hong Kong dollars", "cent", "港元"),
    "HKD": Currency("Hong Kong dollar", "Hong Kong dollars", "cent", "港元"),
    "NT$": Currency("Taiwan dollar", "Taiwan dollars", "cent", "新台币"),
    "A$": Currency("Australian dollar", "Australian dollars", "cent", "澳元"),
    "C$": Currency("Canadian dollar", "Canadian dollars", "cent", "加元"),
    "₹": Currency("rupee", "rupees", "paisa", "卢比"),
    "₩": Currency("won", "won", "jeon", "韩元"),
}
CURRENCY_PATTERN: Final = "(?:" + "|".join(re.escape(sign) for sign in sorted(CURRENCIES, key=len, reverse=True)) + ")"
