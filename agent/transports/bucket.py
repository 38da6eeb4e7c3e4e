"""A token bucket: how much of something may come, in the long run and at once. Time is passed in."""

from __future__ import annotations


class Bucket:
    """Holds at most `burst` tokens and gains `per_second`; it begins full."""

    def __init__(self, per_second: float, burst: float) -> None:
        self._per_second = per_second
        self._burst = burst
        self._tokens = burst
        self._at: float | None = None

    def take(self, tokens: float, now: float) -> bool:
        """Take `tokens` if they are there; otherwise take nothing and return False. `now` is in seconds on any steady clock."""
        if self._at is not None:
            self._tokens = min(self._burst, self._tokens + max(0.0, now - self._at) * self._per_second)
        self._at = now
        if tokens > self._tokens:
            return False
        self._tokens -= tokens
        return True
