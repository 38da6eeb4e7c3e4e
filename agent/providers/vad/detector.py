"""Speech segments from a stream of speech probabilities: a state machine without audio, clock or model."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Edge(Enum):
    """What a window changed."""

    START = "start"
    END = "end"


@dataclass(frozen=True, slots=True)
class Thresholds:
    """When speech begins and when it ends. Times are seconds of consecutive windows."""

    activation: float = 0.5
    """Probability from which a silent stream counts as speech."""
    deactivation: float = 0.35
    """Probability below which running speech counts as silence."""
    min_speech_seconds: float = 0.064
    min_silence_seconds: float = 0.25

    def __post_init__(self) -> None:
        if not 0 < self.deactivation <= self.activation < 1:
            raise ValueError(f"expected 0 < deactivation ≤ activation < 1, got {self.deactivation} and {self.activation}")
        if self.min_speech_seconds < 0 or self.min_silence_seconds < 0:
            raise ValueError("min_speech_seconds and min_silence_seconds must not be negative")


class SpeechDetector:
    """Feed it one probability a window; it tells when a speech segment starts and ends."""

    def __init__(self, thresholds: Thresholds, window_seconds: float) -> None:
        self._thresholds = thresholds
        self._window = window_seconds
        self._speech_windows = max(1, round(thresholds.min_speech_seconds / window_seconds))
        self._silence_windows = max(1, round(thresholds.min_silence_seconds / window_seconds))
        self.reset()

    def reset(self) -> None:
        """Back to silence, whatever was going on."""
        self.speaking = False
        self._above = 0
        self._below = 0
        self._segment = 0
        self._gap = 0

    def push(self, probability: float) -> Edge | None:
        limit = self._thresholds.deactivation if self.speaking else self._thresholds.activation
        if probability >= limit:
            self._above += 1
            self._below = 0
        else:
            self._below += 1
            self._above = 0
        if self.speaking:
            self._segment += 1
            if self._below >= self._silence_windows:
                self.speaking = False
                self._segment -= self._below
                self._gap = self._below
                return Edge.END
            return None
        if self._above >= self._speech_windows:
            self.speaking = True
            self._segment = self._above
            self._gap = 0
            return Edge.START
        self._gap += 1
        return None

    @property
    def speech_seconds(self) -> float:
        """Length of the segment that runs or has just ended, without the silence that ended it."""
        return self._segment * self._window

    @property
    def silence_seconds(self) -> float:
        """Time since the last segment; 0 while one runs."""
        return self._gap * self._window

    @property
    def raw_speech_seconds(self) -> float:
        """Windows above the threshold in a row, segment or not."""
        return self._above * self._window

    @property
    def raw_silence_seconds(self) -> float:
        """Windows below the threshold in a row, segment or not."""
        return self._below * self._window
