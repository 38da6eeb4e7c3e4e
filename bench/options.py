"""What every table is told, and how it says that it cannot be measured here."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Options:
    """`turns`: questions asked of each contender. `seconds`: how long processor time is counted."""

    turns: int = 20
    seconds: int = 20


class Unmeasured(RuntimeError):
    """Something that the table needs is missing; the text says what, and what to do."""
