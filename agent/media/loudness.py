"""The last resort of a face: a mouth that opens as wide as the voice is loud. It knows no sounds, but it keeps their rhythm."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from agent.media.block import Pcm
from agent.media.visemes import ID, Viseme
from agent.protocol.messages import RATE

STEP_SECONDS: Final = 0.04
FLOOR_DB: Final = -50.0
"""Below is silence."""
RANGE_DB: Final = 24.0
"""So far below the loudest of late a mouth is shut."""
FORGETS_DB: Final = 6.0
"""By so much a second the loudest is forgotten."""
COARSE: Final = 20
"""Weights are told in steps of so many hundredths: what changes by less is not seen."""


class LoudnessShapes:
    """Sound of one stretch of speech in, shapes out; times are 48 kHz samples since it began. `source` of these shapes is `energy`."""

    def __init__(self) -> None:
        self._rest: Pcm = np.zeros(0, np.int16)
        self._rate = RATE
        self._at = 0.0
        self._peak = FLOOR_DB + RANGE_DB
        self._shown = 0

    @property
    def known(self) -> int:
        """Samples up to which the shapes are known."""
        return round(self._at)

    def push(self, pcm: Pcm, rate: int) -> list[Viseme]:
        """The next sound, mono 16-bit at `rate`, and the shapes that it has."""
        if rate != self._rate:
            self._at += len(self._rest) * RATE / self._rate
            self._rest, self._rate = pcm, rate
        else:
            self._rest = np.concatenate([self._rest, pcm]) if len(self._rest) else pcm
        size = round(STEP_SECONDS * rate)
        out: list[Viseme] = []
        steps = len(self._rest) // size
        if not steps:
            return out
        whole = self._rest[: steps * size].astype(np.float32).reshape(steps, size) / 32768
        self._rest = self._rest[steps * size :]
        for power in np.mean(whole * whole, axis=1).tolist():
            weight = self._weight(10 * math.log10(power + 1e-10))
            if weight != self._shown:
                out.append(Viseme(round(self._at), ID["aa"] if weight else 0, weight))
                self._shown = weight
            self._at += STEP_SECONDS * RATE
        return out

    def end(self) -> list[Viseme]:
        """The sound has ended: the mouth closes."""
        if not self._shown:
            return []
        self._shown = 0
        return [Viseme(round(self._at) - 1, 0, 0)]

    def _weight(self, db: float) -> int:
        self._peak = max(db, self._peak - FORGETS_DB * STEP_SECONDS, FLOOR_DB + RANGE_DB)
        if db < FLOOR_DB:
            return 0
        open_ = 1 + (db - self._peak) / RANGE_DB
        return COARSE * round(100 * max(0.0, open_) / COARSE)
