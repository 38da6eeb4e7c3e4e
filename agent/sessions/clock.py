"""The two clocks of the sessions: one for how long it is, one for when it was."""

from __future__ import annotations

import time
from typing import Final

STEADY: Final = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
"""Goes on while the process is stopped and while the machine sleeps, never jumps, and is one for all processes of the machine. It begins anew with the machine."""


def steady_us() -> int:
    """Microseconds of the machine's steady clock."""
    return time.clock_gettime_ns(STEADY) // 1_000


def steady_ms() -> int:
    """Milliseconds of the machine's steady clock."""
    return time.clock_gettime_ns(STEADY) // 1_000_000


def wall_ms() -> int:
    """Unix time in milliseconds."""
    return time.time_ns() // 1_000_000
