"""Marks as sound, and sound as marks. Each word begins with a high tone, then come six pairs of tones, one of eight low and one of eight high for each of its numbers.

All of it lies below 4 kHz, where Opus keeps what it is given; a number lasts for two packets, so that one which is lost leaves enough of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from agent.media.block import Pcm
from bench.marks import SYLLABLES, Mark, of_symbols

Signal = npt.NDArray[np.float64]

RATE: Final = 48_000
BEGIN_HZ: Final = 3_500
LOW_HZ: Final = tuple(500 + 120 * number for number in range(8))
HIGH_HZ: Final = tuple(1_600 + 200 * number for number in range(8))
BEGIN_SECONDS: Final = 0.046
SYMBOL_SECONDS: Final = 0.044
GAP_SECONDS: Final = 0.02
WORD_SECONDS: Final = BEGIN_SECONDS + SYLLABLES * SYMBOL_SECONDS + GAP_SECONDS
LEVEL: Final = 0.35
_RAMP: Final = RATE * 3 // 1000
_HOP: Final = RATE // 200
_WINDOW: Final = RATE // 50
_BEGINS: Final = 0.5
"""The share of the sound's energy that the high tone has where a word begins."""
_CLEAR: Final = 0.35
"""The least share of a pair in its moment."""
_FAINT: Final = 1e-3
"""A root mean square below which there is nothing to be heard (full scale: 1)."""
_SHIFTS: Final = (0, -1, 1, -2, 2, -3, 3)
_STRETCHES: Final = (1.0, 0.95, 1.05, 0.9, 1.1)
"""A jitter buffer lets sound pass faster or slower for a while."""


class Heard(NamedTuple):
    """A mark in a recording. `at`: the sample at which its word begins, to some milliseconds."""

    mark: Mark
    at: int


def say(mark: Mark, rate: int = RATE) -> Pcm:
    """The sound of a mark, `WORD_SECONDS` of it."""
    parts = [_tone((BEGIN_HZ,), BEGIN_SECONDS, rate)]
    parts += [_tone((LOW_HZ[symbol >> 3], HIGH_HZ[symbol & 7]), SYMBOL_SECONDS, rate) for symbol in mark.symbols]
    sound = np.concatenate(parts)
    length = round(WORD_SECONDS * rate)
    pcm: Pcm = (np.pad(sound, (0, max(0, length - len(sound))))[:length] * 32767).astype(np.int16)
    return pcm


def _tone(pitches: Iterable[int], seconds: float, rate: int) -> Signal:
    t = np.arange(round(seconds * rate)) / rate
    tones = [np.sin(2 * np.pi * pitch * t) for pitch in pitches]
    ramp = np.minimum(1.0, np.minimum(np.arange(len(t)), np.arange(len(t))[::-1]) / (_RAMP * rate / RATE))
    sound: Signal = np.sum(tones, axis=0) / len(tones) * LEVEL * ramp
    return sound


def found(pcm: Pcm, since: int = 0) -> list[Heard]:
    """The marks of a recording at 48 kHz, in order; words that are broken off or spoilt are left out. `since`: the sample number of its first."""
    if len(pcm) < round(WORD_SECONDS * RATE):
        return []
    begins, low, high = _strengths(pcm)
    heard: list[Heard] = []
    frame = 0
    while frame < len(begins):
        if begins[frame] < _BEGINS:
            frame += 1
            continue
        end = frame
        while end < len(begins) and begins[end] >= _BEGINS:
            end += 1
        middle = frame + int(np.argmax(_smooth(begins[frame:end])))
        mark = _read(middle, low, high)
        if mark is not None:
            at = middle * _HOP + _WINDOW // 2 - round(BEGIN_SECONDS / 2 * RATE)
            heard.append(Heard(mark, since + max(0, at)))
            frame = middle + round((WORD_SECONDS - BEGIN_SECONDS - 0.03) * RATE) // _HOP
        frame = max(frame, end)
    return heard


def _smooth(values: Signal) -> Signal:
    kernel = np.ones(5) / 5
    smooth: Signal = np.convolve(np.pad(values, 2), kernel, mode="valid")
    return smooth


def _strengths(pcm: Pcm) -> tuple[Signal, Signal, Signal]:
    """For each 5 ms the shares that the beginning's tone, the eight low and the eight high ones have of the sound of the 20 ms from there on."""
    signal = pcm.astype(np.float64) / 32768
    frames = np.lib.stride_tricks.sliding_window_view(signal, _WINDOW)[::_HOP]
    window = np.hanning(_WINDOW)
    t = np.arange(_WINDOW) / RATE
    pitches = np.array([BEGIN_HZ, *LOW_HZ, *HIGH_HZ], float)
    basis = np.exp(-2j * np.pi * t[:, None] * pitches[None, :]) * window[:, None]
    energy = (frames**2) @ (window**2)
    quiet = np.sqrt((frames**2).mean(axis=1)) < _FAINT
    power = np.abs(frames @ basis.real + 1j * (frames @ basis.imag)) ** 2 * 2 / window.sum() / window.sum() * (window**2).sum()
    shares = power / np.maximum(energy, 1e-9)[:, None]
    shares[quiet] = 0
    return shares[:, 0], shares[:, 1:9], shares[:, 9:]


def _read(middle: int, low: Signal, high: Signal) -> Mark | None:
    """The mark whose beginning's middle is at frame `middle`."""
    for stretch in _STRETCHES:
        for shift in _SHIFTS:
            symbols = []
            for place in range(SYLLABLES):
                seconds = BEGIN_SECONDS / 2 + (place + 0.5) * SYMBOL_SECONDS
                centre = middle + shift + round(seconds * stretch * RATE / _HOP)
                around = slice(max(0, centre - 2), centre + 3)
                lows, highs = low[around].sum(axis=0), high[around].sum(axis=0)
                if not len(low[around]) or lows.max() + highs.max() < _CLEAR * len(low[around]) / 2:
                    break
                symbols.append(int(np.argmax(lows)) << 3 | int(np.argmax(highs)))
            if len(symbols) == SYLLABLES and (mark := of_symbols(tuple(symbols))) is not None:
                return mark
    return None


class Listener:
    """Finds marks while sound comes in."""

    def __init__(self) -> None:
        self.heard: list[Heard] = []
        self.samples = 0
        """How much was heard."""
        self._tail: Pcm = np.zeros(0, np.int16)
        self._looked = 0

    def hear(self, pcm: Pcm) -> list[Heard]:
        """More sound, at 48 kHz. Returns the marks that have become certain."""
        self._tail = np.concatenate([self._tail, pcm])
        self.samples += len(pcm)
        if len(self._tail) - self._looked < RATE // 10:
            return []
        self._looked = len(self._tail)
        begin = self.samples - len(self._tail)
        last = self.heard[-1].at if self.heard else -RATE
        new = [heard for heard in found(self._tail, begin) if heard.at > last + RATE * WORD_SECONDS / 2]
        self.heard += new
        keep = round(2.5 * WORD_SECONDS * RATE)
        if len(self._tail) > 2 * keep:
            self._tail = self._tail[-keep:]
            self._looked = len(self._tail)
        return new
