"""A whole face as numbers, for clients whose renderer knows ARKit's names and nothing of speech: frames at 30 a second on the media clock, a little ahead of it.

The mouth follows the shapes that `driving` tells, the rest the mood; eyes blink, and the face breathes. Sans I/O: asked once for each block. A packet replaces
all that was sent before from its own sample on, so what moves is simply sent again.
"""

from __future__ import annotations

import math
from collections import deque
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from agent.media.arkit import ARKIT, MOODS, MOUTHS, Weights
from agent.media.visemes import Viseme
from agent.protocol.messages import RATE

FPS: Final = 30
SAMPLES: Final = RATE // FPS
PACKET_FRAMES: Final = 6
AHEAD: Final = RATE * 3 // 10
"""Frames are made so far ahead of the clock."""
ATTACK_SECONDS: Final = 0.035
"""Time for most (63 %) of a change: lips close faster than a jaw opens."""
RELEASE_SECONDS: Final = 0.06
MOOD_SECONDS: Final = 0.25
BLINK_EVERY: Final = 4.0
BLINK_SECONDS: Final = 0.15
BREATH_HZ: Final = 0.25
MAX_SHAPES: Final = 1_000

Vector = npt.NDArray[np.float32]


def _vector(weights: Weights) -> Vector:
    return np.array([weights.get(name, 0.0) for name in ARKIT], np.float32)


_MOUTHS: Final = np.stack([_vector(weights) for weights in MOUTHS])
_MOODS: Final = {name: _vector(weights) for name, weights in MOODS.items()}
_BREATH: Final = _vector({"browInnerUp": 0.02, "mouthShrugUpper": 0.03, "noseSneerLeft": 0.02, "noseSneerRight": 0.02})
_LIDS: Final = [ARKIT.index("eyeBlinkLeft"), ARKIT.index("eyeBlinkRight")]


class Packet(NamedTuple):
    """`frames`: 52 bytes each, 255 is 1.0, `SAMPLES` apart from media sample `t` on."""

    t: int
    frames: bytes

    @property
    def payload(self) -> bytes:
        """As it is sent: frames a second, frames, then the frames."""
        return bytes((FPS, len(self.frames) // len(ARKIT))) + self.frames


class Blendshapes:
    """One a client that asks for it."""

    def __init__(self) -> None:
        self._next = 0
        """The next frame."""
        self._shapes: deque[Viseme] = deque(maxlen=MAX_SHAPES)
        self._shape = Viseme(0, 0, 0)
        self._mouth = np.zeros(len(MOUTHS), np.float32)
        self._mood = np.zeros(len(ARKIT), np.float32)
        self._feeling = _MOODS["neutral"]
        self._feels: deque[tuple[int, str, float]] = deque(maxlen=16)
        self._until = 0

    def told(self, t: int, shapes: tuple[Viseme, ...]) -> None:
        """Shapes at media samples, from sample `t` on; they replace what was told from there on."""
        self.rest(t)
        self._shapes.extend(shapes)

    def rest(self, t: int) -> None:
        """Nothing is said from media sample `t` on."""
        while self._shapes and self._shapes[-1].at >= t:
            self._shapes.pop()
        self._shapes.append(Viseme(t, 0, 0))
        self._next = min(self._next, -(-t // SAMPLES))

    def feel(self, t: int, emotion: str, intensity: float, seconds: float) -> None:
        """From media sample `t` on, for so long. An unknown emotion is none."""
        self._feels.append((t, emotion, intensity))
        self._until = t + round(seconds * RATE)

    def due(self, t: int) -> Packet | None:
        """The next packet, if less than `AHEAD` of it is known to a client that hears media sample `t`."""
        begin = max(self._next, -(-t // SAMPLES))
        if begin * SAMPLES >= t + AHEAD:
            return None
        self._next = begin + PACKET_FRAMES
        return Packet(begin * SAMPLES, b"".join(self._frame(k * SAMPLES) for k in range(begin, self._next)))

    def _frame(self, t: int) -> bytes:
        while self._shapes and self._shapes[0].at <= t:
            self._shape = self._shapes.popleft()
        target = np.zeros(len(MOUTHS), np.float32)
        target[self._shape.id] = self._shape.weight / 100 if self._shape.id else 0.0
        rising = target > self._mouth
        self._mouth += (target - self._mouth) * np.where(rising, _ATTACK, _RELEASE)
        while self._feels and self._feels[0][0] <= t:
            _, emotion, intensity = self._feels.popleft()
            self._feeling = _MOODS.get(emotion, _MOODS["neutral"]) * np.float32(intensity)
        self._mood += ((self._feeling if t < self._until else _MOODS["neutral"]) - self._mood) * _MOOD
        face = self._mouth @ _MOUTHS + self._mood + _BREATH * np.float32(0.5 - 0.5 * math.cos(2 * math.pi * BREATH_HZ * t / RATE))
        face[_LIDS] = np.maximum(face[_LIDS], blink(t))
        shown: bytes = np.rint(np.clip(face, 0.0, 1.0) * 255).astype(np.uint8).tobytes()
        return shown


def _share(seconds: float) -> np.float32:
    """Of a change, in one frame."""
    return np.float32(1 - math.exp(-1 / FPS / seconds))


_ATTACK: Final = _share(ATTACK_SECONDS)
_RELEASE: Final = _share(RELEASE_SECONDS)
_MOOD: Final = _share(MOOD_SECONDS)


def blink(t: int) -> float:
    """How far the lids are shut at media sample `t`: once in four seconds, at a place that looks like chance."""
    number, within = divmod(t / RATE, BLINK_EVERY)
    begin = 0.3 + (BLINK_EVERY - 0.6) * ((int(number) * 2_654_435_761) % 2**32 / 2**32)
    return max(0.0, 1 - abs((within - begin) / (BLINK_SECONDS / 2) - 1))
