"""How far a fetch has come: bytes, rate and remaining time. Pure arithmetic; the time is passed in."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

Phase = Literal["checking", "waiting", "resolving", "downloading", "assembling", "done", "failed"]
"""`waiting`: another process is fetching; `resolving`: the registries are asked where the archives are."""

WINDOW_SECONDS: Final = 10.0
SETTLE_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True)
class FetchProgress:
    """One reading. `done_bytes` counts what earlier runs left, too; `eta_s` is None while there is nothing to tell it from."""

    phase: Phase
    done_bytes: int
    total_bytes: int
    eta_s: float | None = None
    bytes_per_s: float | None = None


Observer = Callable[[FetchProgress], None]


class Meter:
    """Counts bytes and tells the remaining time from the mean rate of the last `WINDOW_SECONDS`.

    `done` may go back (a part that proved bad is fetched again). Times are seconds on any clock that does not jump.
    """

    def __init__(self, total: int, done: int, now: float) -> None:
        self.total = total
        self.done = done
        self._samples: deque[tuple[float, int]] = deque([(now, done)])

    def add(self, count: int) -> None:
        self.done += count

    def grow(self, count: int) -> None:
        """A size became known."""
        self.total += count

    def begin(self, now: float) -> None:
        """Bytes come from now on: the time before does not count against the rate."""
        self._samples = deque([(now, self.done)])

    def sample(self, now: float) -> None:
        """Note where things stand; call it a few times a second."""
        self._samples.append((now, self.done))
        while len(self._samples) > 2 and now - self._samples[1][0] >= WINDOW_SECONDS:
            self._samples.popleft()

    @property
    def bytes_per_s(self) -> float | None:
        """None until a second has been seen, and while nothing comes."""
        (start, first), (end, last) = self._samples[0], self._samples[-1]
        if end - start < SETTLE_SECONDS or last <= first:
            return None
        return (last - first) / (end - start)

    @property
    def eta_s(self) -> float | None:
        rate = self.bytes_per_s
        if self.done >= self.total:
            return 0.0
        return None if rate is None else (self.total - self.done) / rate

    def reading(self, phase: Phase) -> FetchProgress:
        return FetchProgress(phase, min(max(self.done, 0), self.total), self.total, self.eta_s, self.bytes_per_s)
