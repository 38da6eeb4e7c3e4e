"""Recordings in tests: a conversation's sound without a conversation, and what a player makes of a file."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np

from agent.protocol.messages import RATE
from agent.sessions.placing import Pcm
from agent.sessions.take import Take
from agent.sessions.tracks import FRAME

MICROPHONE_FRAME = FRAME // 3
CLICK = (20_000 * np.hanning(48)).astype(np.int16)


def played(file: Path | bytes) -> Pcm:
    """What FFmpeg plays of a file: (samples, 2)."""
    with av.open(io.BytesIO(file) if isinstance(file, bytes) else str(file)) as container:
        frames = [frame.to_ndarray() for frame in container.decode(audio=0)]
    sound = np.concatenate(frames, axis=1) if frames else np.zeros((2, 0), np.float32)
    return (sound.T * 32_767).astype(np.int16)


def clicks(sound: Pcm) -> list[int]:
    """Where sound is loudest, each place more than 100 ms from the next."""
    loud = np.flatnonzero(np.abs(sound.astype(int)) > 6_000)
    parts = np.split(loud, np.flatnonzero(np.diff(loud) > RATE // 10) + 1) if len(loud) else []
    return [int(part[np.argmax(np.abs(sound[part].astype(int)))]) for part in parts]


def click(at: int, length: int) -> Pcm:
    """`length` samples of silence with a click whose middle is sample `at`."""
    sound = np.zeros(length, np.int16)
    begin = max(0, at - 24)
    part = CLICK[max(0, 24 - at) : length - begin + max(0, 24 - at)]
    sound[begin : begin + len(part)] = part
    return sound


def live(take: Take, seconds: float, t0: int = 0, *, answer: Pcm | None = None, voice: Pcm | None = None) -> Iterator[int]:
    """Sound as a conversation hands it over, without waiting: after each 20 ms its media sample. `answer`: 48 kHz, `voice`: 16 kHz, each from `t0` on."""
    for t in range(t0, t0 + int(seconds * RATE), FRAME):
        block = None if answer is None else answer[t - t0 : t - t0 + FRAME]
        take.played(t, block if block is not None and len(block) == FRAME else None, t)
        at = (t - t0) // 3
        if voice is not None and at + MICROPHONE_FRAME <= len(voice):
            take.heard(voice[at : at + MICROPHONE_FRAME].tobytes(), t + FRAME)
        yield t


def hum(seconds: float, rate: int, hz: float = 200, loudness: int = 4_000) -> Pcm:
    """A voice of a kind."""
    t = np.arange(int(seconds * rate)) / rate
    return (loudness * np.sin(2 * np.pi * hz * t) * np.sin(np.pi * t) ** 2).astype(np.int16)
