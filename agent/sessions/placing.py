"""Where microphone sound belongs on the clock of the sound that goes out. Sans I/O.

A piece is taken to end where it arrives, for nothing is heard before it was said. Pieces that follow each other stay together: one that comes a little late, or several
at once after the network stood still, are ordinary. What the arrivals of some seconds have in common is the microphone's own clock running otherwise, or sound that
began too late; that is followed, at once where it is quiet, otherwise by one sample a piece, which nobody hears.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from agent.protocol.messages import RATE

MICROPHONE_RATE: Final = 16_000
STEP: Final = RATE // MICROPHONE_RATE
"""Media samples of a microphone sample."""
GAP: Final = RATE // 5
"""A piece that comes later than this after the one before begins anew; between them is silence."""
TOLERANCE: Final = RATE // 500
"""2 ms, which are not followed."""
WINDOW: Final = 100
"""Pieces by which it is judged: 2 s of those of 20 ms."""
QUIET: Final = 200
"""Sound that nowhere exceeds this (-44 dB) may be made longer or shorter at will."""
FURTHEST: Final = 12 * RATE
"""Sound that is said to be so much longer than the time that has passed is thrown away."""

Pcm = npt.NDArray[np.int16]


class Piece(NamedTuple):
    """16 kHz sound, and the media sample that was due when it arrived."""

    pcm: Pcm
    t: int

    @property
    def length(self) -> int:
        return len(self.pcm) * STEP


class Placing:
    """Of one microphone. Positions are media samples (48 kHz)."""

    def __init__(self) -> None:
        self._end: int | None = None
        self._least = math.inf
        """How late the most punctual piece of this window came, by the place that it was given; less than 0: earlier than it can have been said."""
        self._count = 0
        self._owed = 0
        """Microphone samples to be put in; less than 0: to be left out."""

    def place(self, pieces: Sequence[Piece], earliest: int) -> Iterator[tuple[int, Pcm]]:
        """Where each piece begins, never before `earliest`, and its sound, perhaps a little longer or shorter. `pieces`: what came since the last call."""
        for number, piece in enumerate(pieces):
            pcm = piece.pcm
            if not len(pcm):
                continue
            late = math.inf if self._end is None else piece.t - piece.length - self._end
            if late < -FURTHEST:
                continue
            if self._end is None or late > GAP:
                self._end = self._beginning(pieces[number:], self._end, earliest)
                self._least, self._count, self._owed = math.inf, 0, 0
            else:
                pcm = self._follow(pcm, int(late))
            if len(pcm):
                start = max(self._end, earliest)
                self._end = start + len(pcm) * STEP
                yield start, pcm

    def _beginning(self, pieces: Sequence[Piece], end: int | None, earliest: int) -> int:
        """So late that the first of `pieces`, and so early that no later one, ends after it arrived."""
        lasting, place = 0, math.inf
        for piece in pieces:
            lasting += piece.length
            place = min(place, piece.t - lasting)
        return max(int(place), earliest if end is None else end)

    def _follow(self, pcm: Pcm, late: int) -> Pcm:
        self._least = min(self._least, late)
        self._count += 1
        if self._count == WINDOW:
            self._owed = int(self._least / STEP) if abs(self._least) > TOLERANCE else 0
            self._least, self._count = math.inf, 0
        if not self._owed:
            return pcm
        quiet = pcm.max() < QUIET and pcm.min() > -QUIET
        change = max(self._owed, -len(pcm)) if quiet else 1 if self._owed > 0 else -1
        self._owed -= change
        self._least -= change * STEP
        if change < 0:
            return pcm[:change]
        return np.concatenate((np.full(change, pcm[0], np.int16), pcm))
