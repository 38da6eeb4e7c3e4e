"""The loudness of the voice in steps of 10 ms, by which a client behind an SFU finds out which media sample it hears: the sound itself carries no clock there.

Both sides reckon alike: eight samples become one (6 kHz), and of each 60 of those the power between 200 and 1,800 Hz is told in decibels, a byte each.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from agent.media.block import BLOCK_SAMPLES, Block
from agent.protocol.messages import RATE

HOP: Final = RATE // 100
"""Samples of a mark."""
_JOINED: Final = 8
_WINDOW: Final = HOP // _JOINED
_BINS: Final = np.arange(2, 19)
"""Multiples of 100 Hz."""
_WAVES: Final = np.exp(-2j * np.pi * np.outer(np.arange(_WINDOW), _BINS) / _WINDOW).astype(np.complex64) * (np.sqrt(2) / _WINDOW / 32768)
_EPSILON: Final = 1e-5
_ZERO_DB: Final = 100
MARKS: Final = 16
"""Marks that are told at once."""


class Marks(NamedTuple):
    """`levels[k]` is the loudness, in dB above −100 dBFS, of the media samples from `HOP · (first + k)` on."""

    first: int
    levels: bytes


class Fingerprint:
    """Blocks in, marks out, while an answer sounds."""

    def __init__(self) -> None:
        self._first = 0
        self._levels = bytearray()

    def push(self, block: Block) -> Marks | None:
        """The next 20 ms of sound; marks when there are enough, or when the sound has ended."""
        if block.blank:
            return self._take() if self._levels else None
        if not self._levels:
            self._first = block.t // HOP
        parts = block.pcm.reshape(BLOCK_SAMPLES // HOP, _WINDOW, _JOINED).mean(axis=2, dtype=np.float32)
        spectrum = parts @ _WAVES
        power = np.sum(spectrum.real**2 + spectrum.imag**2, axis=1)
        levels = np.round(20 * np.log10(np.sqrt(power) + _EPSILON) + _ZERO_DB)
        self._levels += np.clip(levels, 0, 255).astype(np.uint8).tobytes()
        return self._take() if len(self._levels) >= MARKS else None

    def _take(self) -> Marks:
        marks = Marks(self._first, bytes(self._levels))
        self._levels.clear()
        return marks
