"""What keeps a recogniser from inventing words: it hears nothing in silence, and does not say the same thing for ever."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Final

from agent.providers.asr.pieces import Sound, loudness

QUIET: Final = 0.001
"""−60 dB of full scale: below what a microphone makes of the quietest speech."""
_MIN_COPIES: Final = 3
_MIN_REPEATED: Final = 12
"""Tokens: “no, no, no, no” and “555 5555” are fine, a sentence said three times over is not."""
_MAX_PERIOD: Final = 40
_SENTENCE: Final = 6
"""Letters of a text that is written twice: fewer, and it may have been said twice, 你好你好."""


def is_silent(pcm: Sound) -> bool:
    """Whether no 10 ms of it is as loud as speech could be."""
    return len(pcm) == 0 or float(loudness(pcm).max()) < QUIET


def repeated(tokens: Sequence[Hashable]) -> int:
    """How many tokens at the end only repeat what stands right before them; 0 when that is within what people say.

    >>> repeated(list("ab" * 6))
    10
    """
    for period in range(1, min(_MAX_PERIOD, len(tokens) // _MIN_COPIES) + 1):
        same = 0
        while same + period < len(tokens) and tokens[-1 - same] == tokens[-1 - same - period]:
            same += 1
        copies = same // period + 1
        if copies >= _MIN_COPIES and copies * period >= _MIN_REPEATED:
            return (copies - 1) * period
    return 0


def once(text: str) -> str:
    """A text that was written twice over, without the second time; whatever marks stand between. A second time that breaks off, for there was no sound for it,
    counts behind a mark.

    >>> once("秋天树叶为什么会变黄？秋天树叶为什么会变黄。")
    '秋天树叶为什么会变黄？'
    >>> once("煮鸡蛋需要多长时间。煮鸡蛋需要多长")
    '煮鸡蛋需要多长时间。'
    """
    places = [place for place, character in enumerate(text) if character.isalnum()]
    letters = [text[place] for place in places]
    for again in range(len(letters) // 2, _SENTENCE - 1, -1):
        start = len(letters) - again
        marked = bool(text[places[start - 1] + 1 : places[start]].strip())
        if letters[start:] == letters[:again] and (marked or again == start):
            return text[: places[start]].rstrip()
    return text
