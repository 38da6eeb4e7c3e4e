"""Log-mel features as Whisper's encoder expects them, in numpy.

After Radford et al., "Robust Speech Recognition via Large-Scale Weak Supervision" (2022), §2.2, and openai/whisper, `audio.py`: power spectrum of
25 ms Hann windows every 10 ms, 80 triangular mel bands, log10, limited to 8 below the maximum, then (x + 4) / 4.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

SAMPLE_RATE: Final = 16_000
WINDOW: Final = 400
HOP: Final = 160
BANDS: Final = 80
_FLOOR: Final = 1e-10
_RANGE: Final = 8.0

Floats = npt.NDArray[np.float32]


def log_mel(pcm: Floats) -> Floats:
    """(samples,) at 16 kHz → (80, samples // 160), about −1 … 1."""
    padded = np.pad(pcm, WINDOW // 2, mode="reflect")
    windows = sliding_window_view(padded, WINDOW)[: len(pcm) // HOP * HOP : HOP]
    power = np.square(np.abs(np.fft.rfft(windows * _hann(), axis=1)))
    bands = np.stack([power[:, low : low + len(weights)] @ weights for low, weights in _sparse_filters()])
    bands = np.log10(np.maximum(bands, _FLOOR))
    limited = np.maximum(bands, bands.max() - _RANGE)
    return np.asarray((limited + 4.0) / 4.0, np.float32)


@cache
def filterbank() -> npt.NDArray[np.float64]:
    """Triangular filters of equal area, (80, 201), centred evenly on Slaney's mel scale from 0 to 8 kHz (Slaney, Auditory Toolbox, 1998)."""
    edges = _hertz(np.linspace(0.0, _mel(SAMPLE_RATE / 2), BANDS + 2))
    frequencies = np.fft.rfftfreq(WINDOW, 1 / SAMPLE_RATE)
    low, centre, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    rising = (frequencies - low) / (centre - low)
    falling = (high - frequencies) / (high - centre)
    triangles = np.clip(np.minimum(rising, falling), 0.0, None)
    return np.asarray(triangles * (2.0 / (high - low)))


@cache
def _sparse_filters() -> list[tuple[int, Floats]]:
    """For each band its first bin and its weights. One large product with mostly zeros would wake BLAS's own threads, which other engines need."""
    filters = []
    for weights in filterbank():
        bins = np.flatnonzero(weights)
        filters.append((int(bins[0]), weights[bins[0] : bins[-1] + 1].astype(np.float32)))
    return filters


@cache
def _hann() -> Floats:
    """Periodic, so that shifted windows add up."""
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)).astype(np.float32)


_LINEAR: Final = 3 / 200
"""Mels per hertz below 1 kHz, which is 15 mels."""
_LOG: Final = np.log(6.4) / 27
"""Natural logarithm of frequency per mel above."""


def _mel(hertz: float) -> float:
    return hertz * _LINEAR if hertz < 1000 else 15 + float(np.log(hertz / 1000)) / float(_LOG)


def _hertz(mel: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    return np.where(mel < 15, mel / _LINEAR, 1000 * np.exp(_LOG * (mel - 15)))
