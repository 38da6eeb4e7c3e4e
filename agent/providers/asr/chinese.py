"""Chinese transcripts as they are printed on the mainland: simplified characters, full-width punctuation, no spaces between characters."""

from __future__ import annotations

import re
from typing import Final

_HAN: Final = r"\u3400-\u4dbf\u4e00-\u9fff"
_WIDE: Final = {",": "，", ".": "。", "?": "？", "!": "！", ":": "：", ";": "；"}
_NARROW_MARK: Final = re.compile(rf"(?<=[{_HAN}])\s*([,.?!:;])(?!\d)\s*|\s*([,?!;])\s*(?=[{_HAN}])")
_INNER_SPACE: Final = re.compile(rf"(?<=[{_HAN}，。？！：；、])\s+(?=[{_HAN}，。？！：；、])")


def tidy(text: str) -> str:
    """Simplified and punctuated; what is not Chinese in it stays as it is."""
    import zhconv  # reads its tables when it is imported

    simplified: str = zhconv.convert(text.strip(), "zh-cn")
    marked = _NARROW_MARK.sub(lambda mark: _WIDE[mark.group(1) or mark.group(2)], simplified)
    spaced = _INNER_SPACE.sub("，", marked) if not _has_marks(marked) else _INNER_SPACE.sub("", marked)
    return spaced.strip()


def _has_marks(text: str) -> bool:
    return any(mark in text for mark in "，。？！；")
