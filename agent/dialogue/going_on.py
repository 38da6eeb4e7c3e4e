"""Somebody who goes on after their question was answered too early asked one question, not two."""

from __future__ import annotations

from typing import Final

_MARKS: Final = " ,.!?;:…，。！？；：、"


def joined(first: str, then: str) -> str:
    """What was said in two parts, as one."""
    bare = first.rstrip(_MARKS)
    if not bare:
        return then
    if not then.strip():
        return first
    chinese = not bare[-1].isascii() or not then.lstrip()[0].isascii()
    return f"{bare}{'，' if chinese else ' '}{then.strip()}"


def continues(text: str, first: str) -> bool:
    """Whether `text` is `first` and more, as `joined` makes it."""
    bare = first.rstrip(_MARKS)
    return bool(bare) and len(text) > len(first) and text.startswith(bare)
