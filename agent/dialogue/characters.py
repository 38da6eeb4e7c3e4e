"""Characters one by one: what is invisible goes, what merely looks different becomes its plain form.

Each character is mapped on its own, so a text may be cut anywhere and the pieces mapped separately. Control characters other than the line end never
come out of here; the scanners behind use some of them among themselves.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from agent.dialogue.language import HAN

_REPLACED: Final = {
    "\t": " ",
    "\v": "\n",
    "\f": "\n",
    "\x85": "\n",
    "\u2028": "\n",
    "\u2029": "\n",
    "‘": "'",
    "’": "'",
    "ʼ": "'",
    "−": "-",
    "‐": "-",
    "‑": "-",
    "‒": "–",
    "―": "—",
    "￥": "¥",
    "〜": "~",
    "∼": "~",
    "\u20e3": ",",  # the frame of a keycap, which numbers the items of a list
    "℃": "°C",
    "℉": "°F",
    "⁴": "^4",
    "⁵": "^5",
    "⁶": "^6",
    "⁷": "^7",
    "⁸": "^8",
    "⁹": "^9",
    "½": " 1/2",
    "⅓": " 1/3",
    "⅔": " 2/3",
    "¼": " 1/4",
    "¾": " 3/4",
    "⅛": " 1/8",
}
_SPACE: Final = r"\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000"
_INVISIBLE: Final = (
    r"\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    r"\ud800-\udfff\ue000-\uf8ff\ufdd0-\ufdef\ufe00-\ufe0f\ufeff\uffa0\ufff0-\uffff\U000e0000-\U0010ffff"
)
_NUMBERED: Final = r"\u2150-\u2188\u2460-\u249b\u24ea-\u24ff\u2776-\u2793\u3220-\u3229\u3248-\u324f\u3251-\u325f\u3280-\u3289\u32b1-\u32bf\U0001f100-\U0001f10c"
_COMPATIBLE: Final = r"\uff02-\uff07\uff0a\uff0b\uff0d-\uff19\uff1c-\uff1e\uff20-\uff5e\u2080-\u2089\ufb00-\ufb06\U0001d400-\U0001d7ff\u2100-\u2103\u2109-\u2115\u2119-\u211d"
_OTHER_DIGIT: Final = r"[^\D\x00-\x7f]"
_OTHER_SCRIPT: Final = rf"\xb9|(?![{HAN}])[^\W\d_\x00-\u02af]"
_NEEDS_WORK: Final = re.compile(
    f"[{''.join(map(re.escape, _REPLACED))}{_SPACE}{_INVISIBLE}{_NUMBERED}{_COMPATIBLE}]|{_OTHER_DIGIT}|{_OTHER_SCRIPT}"
)
_KINDS: Final = re.compile(
    f"(?P<invisible>[{_INVISIBLE}])|(?P<space>[{_SPACE}])|(?P<numbered>[{_NUMBERED}])|(?P<compatible>[{_COMPATIBLE}])"
)


def _plain(found: re.Match[str]) -> str:
    character = found.group()
    replaced = _REPLACED.get(character)
    if replaced is not None:
        return replaced
    if character.isdecimal():
        return str(unicodedata.decimal(character))
    kind = _KINDS.match(character)
    compatible = unicodedata.normalize("NFKC", character)
    match kind.lastgroup if kind else "":
        case "invisible":
            return ""
        case "space":
            return " "
        case "numbered" if "⁄" in compatible:
            return f" {compatible.replace('⁄', '/')}"
        case "numbered":
            number = str(int(unicodedata.numeric(character)))
            return f" {number}, " if unicodedata.category(character) == "No" else number
        case "compatible":
            return compatible
        case _:
            return character if character.isalpha() else ""


def plain_characters(text: str) -> str:
    """`text` without invisible characters, with one kind of space, apostrophe, minus and digit, and no full-width Latin letters."""
    return _NEEDS_WORK.sub(_plain, text)
