"""From 48 kHz down to a rate that divides it, block by block, without latency beyond the filter's own and without an alias."""

from __future__ import annotations

from typing import Final

import numpy as np

from agent.media.block import Pcm
from agent.protocol.messages import RATE

ATTENUATION_DB: Final = 60.0


class Decimator:
    """Low-pass and keep every `factor`-th sample of 48 kHz mono. State is kept between calls: blocks may have any length that `factor` divides.

    The low-pass is a windowed sinc (Kaiser window; Oppenheim and Schafer, Discrete-Time Signal Processing, 7.5.3) that is down by 60 dB at 0.54 of the new
    rate and lets 0.42 of it pass. Its delay is `delay` samples at 48 kHz: 0.7 ms for factor 2, 1 ms for factor 3.
    """

    def __init__(self, factor: int) -> None:
        if factor < 2 or RATE % factor:
            raise ValueError(f"expected a factor that divides {RATE}, not {factor}")
        self.factor: Final = factor
        taps = 32 * factor + 1
        self.delay: Final = taps // 2
        beta = 0.1102 * (ATTENUATION_DB - 8.7)
        cutoff = 0.48 / factor
        n = np.arange(taps) - self.delay
        response = np.sinc(2 * cutoff * n) * np.kaiser(taps, beta)
        self._response: Final = (response / response.sum()).astype(np.float32)
        self._taps = taps
        self.reset()

    def reset(self) -> None:
        """Silence came before what comes next."""
        self._history = np.zeros(self._taps - 1, np.float32)

    def __call__(self, pcm: Pcm) -> Pcm:
        """`len(pcm) // factor` samples at the lower rate."""
        if len(pcm) % self.factor:
            raise ValueError(f"expected a multiple of {self.factor} samples, not {len(pcm)}")
        if not len(pcm):
            return pcm
        signal = np.concatenate((self._history, pcm.astype(np.float32)))
        self._history = signal[len(pcm) :]
        low = np.convolve(signal, self._response, "valid")[:: self.factor]
        return np.minimum(np.maximum(np.rint(low), -32768), 32767).astype(np.int16)
