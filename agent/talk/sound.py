"""Sound files for the terminal client: any WAV in, a stereo record of the talk out."""

from __future__ import annotations

import wave
from pathlib import Path
from typing import Final

import av
import av.error
import numpy as np
import numpy.typing as npt

from agent.media.block import Pcm
from agent.media.turn_taking import MICROPHONE_RATE
from agent.protocol.messages import RATE

AUDIBLE: Final = 0.01
"""RMS of 10 ms, full scale 1, above which sound counts as audible."""


class SoundError(ValueError):
    """The file holds no sound that can be used; the text says why and what to do."""


def read_microphone(path: Path) -> Pcm:
    """A sound file of any rate, width and channel count as 16 kHz mono 16-bit. Raises `SoundError`."""
    if not path.is_file():
        raise SoundError(f"{path} does not exist; name a WAV file")
    try:
        with av.open(str(path)) as container:
            if not container.streams.audio:
                raise SoundError(f"{path} holds no sound; name a WAV file")
            resampler = av.AudioResampler(format="s16", layout="mono", rate=MICROPHONE_RATE)
            parts = [out.to_ndarray()[0] for frame in container.decode(container.streams.audio[0]) for out in resampler.resample(frame)]
            parts += [out.to_ndarray()[0] for out in resampler.resample(None)]
    except (av.error.FFmpegError, ValueError, IndexError) as error:
        if isinstance(error, SoundError):
            raise
        raise SoundError(f"{path} cannot be read as sound ({error}); name a WAV file") from None
    pcm: Pcm = np.concatenate(parts) if parts else np.zeros(0, np.int16)
    if len(pcm) == 0:
        raise SoundError(f"{path} is empty; name a WAV file with speech in it")
    return pcm


def _audible(pcm: Pcm, rate: int) -> npt.NDArray[np.bool_]:
    """Whether each 10 ms is audible."""
    hop = rate // 100
    frames = pcm[: len(pcm) // hop * hop].astype(np.float32).reshape(-1, hop) / 32768
    return np.asarray(np.sqrt((frames**2).mean(axis=1)) > AUDIBLE)


def last_audible(pcm: Pcm, rate: int, before: float) -> float | None:
    """When, in seconds, the last sound before `before` ended: the true end of speech."""
    earlier = np.flatnonzero(_audible(pcm, rate)[: max(0, int(before * 100))])
    return float(earlier[-1] + 1) / 100 if len(earlier) else None


def first_audible(pcm: Pcm, rate: int, after: float) -> float | None:
    """When, in seconds, sound is first audible after `after`."""
    later = np.flatnonzero(_audible(pcm, rate)[max(0, int(after * 100)) :])
    return int(after * 100) / 100 + float(later[0]) / 100 if len(later) else None


class Recorder:
    """Both sides on one clock: left what was said, right what came back. 48 kHz; times are seconds since the talk began."""

    def __init__(self) -> None:
        self._said: list[tuple[float, Pcm]] = []
        self._heard: list[tuple[float, Pcm]] = []

    def said(self, at: float, pcm: Pcm) -> None:
        """Microphone sound (16 kHz) that was spoken from `at` on."""
        self._said.append((at, pcm))

    def heard(self, at: float, pcm: Pcm) -> None:
        """Answer sound (48 kHz) that is at the ear from `at` on."""
        self._heard.append((at, pcm))

    def silent(self, at: float) -> None:
        """Of what was to be heard nothing was, from `at` on."""
        while self._heard and self._heard[-1][0] + len(self._heard[-1][1]) / RATE > at:
            begin, pcm = self._heard.pop()
            if begin < at:
                self._heard.append((begin, pcm[: round((at - begin) * RATE)]))
                break

    def left(self) -> Pcm:
        return np.repeat(_lay_out(self._said, MICROPHONE_RATE), RATE // MICROPHONE_RATE)

    def right(self) -> Pcm:
        return _lay_out(self._heard, RATE)

    def write(self, path: Path) -> None:
        """Write the stereo WAV."""
        left, right = self.left(), self.right()
        both = np.zeros((max(len(left), len(right)), 2), "<i2")
        both[: len(left), 0], both[: len(right), 1] = left, right
        with wave.open(str(path), "wb") as file:
            file.setnchannels(2)
            file.setsampwidth(2)
            file.setframerate(RATE)
            file.writeframes(both.tobytes())


def _lay_out(parts: list[tuple[float, Pcm]], rate: int) -> Pcm:
    """Parts at their times. One that comes up to 60 ms early or late follows its predecessor without a seam: that is jitter, not silence."""
    places: list[tuple[int, Pcm]] = []
    end = 0
    for at, pcm in parts:
        place = round(at * rate)
        if abs(place - end) < rate * 60 // 1000 or place < end:
            place = end
        places.append((place, pcm))
        end = place + len(pcm)
    out = np.zeros(end, np.int16)
    for place, pcm in places:
        out[place : place + len(pcm)] = pcm
    return out
