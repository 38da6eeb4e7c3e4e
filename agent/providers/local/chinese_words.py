"""The dictionary of Chinese words and how common they are (jieba's): where words end, and which of two sentences is the likelier one.

Loading takes a second or more, so it is done once, in a thread, and nothing here waits for it: without the dictionary there is no answer.
"""

from __future__ import annotations

import logging
import re
import sys
from pathlib import Path
from typing import Any, Final

_HAN: Final = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff]+")
_LATIN: Final = re.compile(r"[^\W\d_\u3400-\u4dbf\u4e00-\u9fff]+")
_NUMBER: Final = re.compile(r"\d+")
_LATIN_WORD: Final = -10.0
_DIGITS: Final = -6.0
"""Log-probabilities of what the dictionary does not hold, about those of a rare and of a common word."""


def load(cache: Path) -> None:
    """Load the dictionary. `cache` is a private folder: what is kept there is read back with marshal. Blocks."""
    import jieba

    if not jieba.dt.initialized:
        cache.mkdir(parents=True, exist_ok=True)
        jieba.dt.tmp_dir = str(cache)
        jieba.setLogLevel(logging.WARNING)
        jieba.initialize()


def words(text: str) -> list[str] | None:
    """The words of `text`, joined they are the text; None without the dictionary."""
    jieba = _jieba()
    return None if jieba is None else [*jieba.cut(text)]


def likelihood(text: str) -> float:
    """Log-probability of the likeliest words that make up `text`, as if each stood alone; marks count for nothing. 0 without the dictionary."""
    jieba = _jieba()
    if jieba is None:
        return 0.0
    return (
        sum(_han(jieba.dt, run) for run in _HAN.findall(text))
        + len(_LATIN.findall(text)) * _LATIN_WORD
        + len(_NUMBER.findall(text)) * _DIGITS
    )


def _han(dictionary: Any, run: str) -> float:
    route: dict[int, tuple[float, int]] = {}
    dictionary.calc(run, dictionary.get_DAG(run), route)
    return route[0][0]


def _jieba() -> Any:
    jieba: Any = sys.modules.get("jieba")
    return jieba if jieba is not None and jieba.dt.initialized else None
