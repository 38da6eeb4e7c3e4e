"""Which of the two spoken languages a text is in, judged by its script."""

from __future__ import annotations

import re
from typing import Final

from agent.protocol.messages import Language

HAN: Final = r"\u3005-\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"
"""The inside of a regular expression's character class: Chinese characters, 〇 and 々 among them."""

HAN_CHARACTER: Final = re.compile(f"[{HAN}]")
LATIN_WORD: Final = re.compile(r"[A-Za-z\u00c0-\u024f]+(?:['’-][A-Za-z\u00c0-\u024f]+)*")


def is_han(text: str) -> bool:
    """Whether `text` begins with a Chinese character."""
    return HAN_CHARACTER.match(text) is not None


def script_language(text: str, default: Language) -> Language:
    """The language of `text`: a Chinese character weighs as much as a Latin word, so 我用Python写代码 is Chinese and "the word 你好 means hello" is English.

    A text without letters of either script (digits, punctuation, nothing) is in the `default` language.
    """
    characters = len(HAN_CHARACTER.findall(text))
    words = len(LATIN_WORD.findall(text))
    if not characters and not words:
        return default
    return "zh" if characters >= words else "en"
