"""Both sides of a conversation on one clock: left what the user said, right what they heard. Sans I/O.

Sound may come in any order within what was not taken yet; where none comes is silence.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np

from agent.protocol.messages import RATE
from agent.sessions.placing import STEP, Pcm

FRAME: Final = RATE // 50
"""Samples that are taken at once: 20 ms."""
LEFT: Final = 0
RIGHT: Final = 1
_ARM: Final = 16 * STEP


class Tracks:
    """Positions are media samples (48 kHz)."""

    def __init__(self, t0: int) -> None:
        self.t0: Final = t0
        self.t = t0
        """The first sample that was not taken."""
        self._sound = np.zeros((0, 2), np.int16)

    def put(self, side: int, t: int, pcm: Pcm) -> None:
        """Lay sound onto a side. What would lie in what was taken is lost."""
        pcm, begin = pcm[max(0, self.t - t) :], max(0, t - self.t)
        end = begin + len(pcm)
        if end > len(self._sound):
            self._sound = np.concatenate((self._sound, np.zeros((end - len(self._sound), 2), np.int16)))
        self._sound[begin:end, side] = pcm

    def hush(self, side: int, t: int) -> None:
        """Silence on a side from `t` on."""
        self._sound[max(0, t - self.t) :, side] = 0

    def take(self, until: int) -> Iterator[Pcm]:
        """The next frames, (960, 2) each, as far as they end by `until`."""
        count = max(0, until - self.t) // FRAME
        taken, self._sound = self._sound[: count * FRAME], self._sound[count * FRAME :].copy()
        self.t += count * FRAME
        for start in range(0, count * FRAME, FRAME):
            frame = taken[start : start + FRAME]
            yield frame if len(frame) == FRAME else np.concatenate((frame, np.zeros((FRAME - len(frame), 2), np.int16)))


class Tripler:
    """16 kHz to 48 kHz as it comes, by a windowed sinc (Kaiser, 60 dB; Oppenheim and Schafer, Discrete-Time Signal Processing, 7.5.3). 1 ms of delay."""

    def __init__(self) -> None:
        n = np.arange(-_ARM, _ARM + 1)
        response = np.sinc(0.96 * n / STEP) * np.kaiser(len(n), 5.65)
        response *= STEP / response.sum()
        padded = np.concatenate((response, np.zeros(-len(n) % STEP))).astype(np.float32)
        self._phases: Final = [padded[phase::STEP] for phase in range(STEP)]
        self.reset()

    def reset(self) -> None:
        """Silence came before what comes next."""
        self._history = np.zeros(len(self._phases[0]) - 1, np.float32)

    def __call__(self, pcm: Pcm) -> Pcm:
        """Three samples for each."""
        signal = np.concatenate((self._history, pcm.astype(np.float32)))
        self._history = signal[len(pcm) :]
        out = np.empty((len(pcm), STEP), np.float32)
        for phase, response in enumerate(self._phases):
            out[:, phase] = np.convolve(signal, response, "valid")
        return np.minimum(np.maximum(np.rint(out.reshape(-1)), -32768), 32767).astype(np.int16)
