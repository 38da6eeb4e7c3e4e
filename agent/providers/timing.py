"""What is heard when, within a stretch of speech: the sounds that a mouth is shaped by, and the words that they make up."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from math import isfinite
from typing import Final, Literal, NamedTuple, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

GAP: Final = 12
"""Characters that may stand between two words that are said."""

Source = Literal["tts", "align", "model", "energy"]
"""How the times are known: from the voice itself, from words or sound that were laid over each other, from a model of speech, from loudness alone."""


class Sound(NamedTuple):
    """A symbol of the phoneme alphabet that Hibari and Kokoro share, and the seconds that it takes; a space or a mark is a pause."""

    symbol: str
    start: float
    end: float


class SpokenWord(NamedTuple):
    """A word (of Chinese: a character): its place in the text that was said, in code points, and the seconds that it takes."""

    start_char: int
    end_char: int
    start: float
    end: float


class Timing(NamedTuple):
    """Sounds and words of a piece of speech, in order; seconds since the speech began."""

    sounds: tuple[Sound, ...]
    words: tuple[SpokenWord, ...]
    source: Source = "tts"


LONGEST: Final = 120.0
"""Seconds of speech at once; times beyond are nonsense."""


def tidy(timing: Timing) -> Timing:
    """The times in order and from zero on; what has no time, or an impossible one, is left out. A voice, like any client, may tell nonsense."""
    sounds: list[Sound] = []
    words: list[SpokenWord] = []
    for symbol, start, end in timing.sounds:
        begin = max(0.0, start, sounds[-1].end if sounds else 0.0) if isfinite(start) and isfinite(end) else LONGEST
        if begin < end <= LONGEST:
            sounds.append(Sound(symbol, begin, end))
    for first, last, start, end in timing.words:
        begin = max(0.0, start, words[-1].start if words else 0.0) if isfinite(start) and isfinite(end) else LONGEST
        after = words[-1].end_char if words else 0
        if begin < LONGEST and after <= first < last:
            words.append(SpokenWord(first, last, begin, min(LONGEST, max(begin, end))))
    return Timing(tuple(sounds), tuple(words), timing.source)


def placed(text: str, words: Iterable[tuple[str, float, float]], place: int = 0) -> tuple[list[SpokenWord], int]:
    """Words with their seconds, looked for in `text` from `place` on, and the place behind the last one; those that are not there are left out."""
    found = []
    for word, start, end in words:
        written = word.strip()
        at = text.find(written, place, place + GAP + len(written)) if written else -1
        if at >= 0:
            place = at + len(written)
            found.append(SpokenWord(at, place, start, end))
    return found, place


@runtime_checkable
class GivesTimings(Protocol):
    """A stream of speech that knows when it says what."""

    def take_timings(self) -> list[Timing]:
        """What has become known since the last call. The times of a sound are known before its first frame is given out."""


class LaysText(Protocol):
    """Finds the times of what is said, where a voice does not tell them."""

    async def align(self, text: str, pcm: npt.NDArray[np.int16], rate: int, *, key: Hashable = None) -> Timing | None:
        """The times of `text` in `pcm`, mono at `rate`; None where they cannot be found, or not soon enough. `key` names the conversation."""
