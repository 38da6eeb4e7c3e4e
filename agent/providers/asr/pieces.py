"""Cutting long sound where it is quiet, for models that hear only so much at once."""

from __future__ import annotations

from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

SAMPLE_RATE: Final = 16_000
Sound: TypeAlias = npt.NDArray[np.float32]
"""Mono at 16 kHz, −1 … 1, shape (samples,)."""

HOP: Final = SAMPLE_RATE // 100
_PAUSE_HOPS: Final = 15
"""A place is as quiet as the 150 ms around it, so that a pause wins over the closure of a consonant."""
SHORTEST: Final = SAMPLE_RATE
"""What is left over after a cut is at least this long: a model makes nothing good of a fragment."""


def loudness(pcm: Sound) -> Sound:
    """Root mean square of each 10 ms; a shorter rest counts as one more."""
    padded = np.pad(pcm, (0, -len(pcm) % HOP))
    return np.sqrt(np.mean(np.square(padded.reshape(-1, HOP)), axis=1, dtype=np.float32))


def pieces(pcm: Sound, longest: int) -> list[Sound]:
    """`pcm` in consecutive parts of at most `longest` samples (at least 3 s), each cut at the quietest place of the part's second half."""
    assert longest >= 3 * SHORTEST
    parts = []
    while len(pcm) > longest:
        cut = _quietest(pcm, longest // 2, min(longest, len(pcm) - SHORTEST))
        parts.append(pcm[:cut])
        pcm = pcm[cut:]
    return [*parts, pcm]


def _quietest(pcm: Sound, start: int, stop: int) -> int:
    """The middle of the quietest 150 ms between two samples."""
    levels = loudness(pcm[start:stop])
    if len(levels) <= _PAUSE_HOPS:
        return stop
    around = np.convolve(levels, np.ones(_PAUSE_HOPS, np.float32), mode="valid")
    return start + (int(around.argmin()) + _PAUSE_HOPS // 2) * HOP
