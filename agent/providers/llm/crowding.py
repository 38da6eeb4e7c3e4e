"""How many threads a step is computed with, when other programs want the processor, too.

Threads that share a step wait for each other hundreds of times in it, spinning. On a processor that is theirs alone this costs nothing; when one of them
is set aside for a few milliseconds, again and again, a step takes ten times as long (measured: 1,260 ms instead of 77 with two cores and two busy programs). One
thread waits for nobody: 140 ms, crowd or no crowd. So the crowd is watched, and one thread computes for as long as there is one. No I/O.
"""

from __future__ import annotations

from typing import Final, NamedTuple

CROWDED: Final = 0.5
"""Cores that others took from us during a step; from here on one thread is faster."""
QUIET: Final = 0.25
SURE_SECONDS: Final = 0.3
"""Of steps without a crowd, until more threads are trusted again."""
TELLING_SECONDS: Final = 0.05
"""Shorter steps, which were broken off, tell nothing: the system counts in hundredths of a second."""


class Clock(NamedTuple):
    """Seconds since any fixed moment: of the wall, of this process on all cores, and of everybody on all cores."""

    wall: float
    own: float
    all: float


class Crowding:
    """`threads` says how many; `stepped` is told what each step cost."""

    def __init__(self, most: int, cores: int) -> None:
        self._most: Final = most
        self._spare: Final = max(0, cores - most)
        self._quiet = 0.0
        self.threads = most

    @property
    def crowded(self) -> bool:
        """Whether fewer threads compute than there are."""
        return self.threads < self._most

    def stepped(self, before: Clock, after: Clock) -> None:
        """A step was computed with `threads` threads between these two moments."""
        wall = after.wall - before.wall
        if wall < TELLING_SECONDS:
            return
        others = ((after.all - before.all) - (after.own - before.own)) / wall - self._spare
        if others >= CROWDED:
            self.threads, self._quiet = 1, 0.0
        elif others >= QUIET:
            self._quiet = 0.0
        elif self.crowded:
            self._quiet += wall
            if self._quiet >= SURE_SECONDS:
                self.threads, self._quiet = self._most, 0.0
