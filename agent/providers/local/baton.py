"""On few cores only one engine computes: while a recogniser or a voice works, the language model waits.

Threads of several engines on the same cores slow each other down far beyond the sum of their work. The recogniser and the voice are waited for by somebody's
ear, and they are short; so they go first, and the model, which stands between two tokens many times a second, is held meanwhile.

When other programs crowd the processor, the model computes with one thread (see `llm.crowding`), and a voice that works beside it costs less than the time
that both would lose by taking turns: with a browser on the same two cores, Chinese answers broke off for 1.7 s on average in turns, and for 0.1 to 0.4 s
side by side. So a voice claims the processor only where there is no crowd.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import IntEnum
from typing import Final

FEW_CORES: Final = 3
"""With more, everybody has a core."""


class Claim(IntEnum):
    """Whether the model waits; the larger claim counts."""

    NOTHING = 0
    UNLESS_CROWDED = 1
    WHATEVER = 2

    def stops(self, crowded: bool) -> bool:
        """Whether a model waits that computes in a crowd, or without one."""
        return self > (Claim.UNLESS_CROWDED if crowded else Claim.NOTHING)


class Baton:
    """`hold` tells the model whether to wait; on the event loop."""

    def __init__(self, cores: int | None = None) -> None:
        self._needed: Final = (cores or os.cpu_count() or 1) <= FEW_CORES
        self._users: Counter[Claim] = Counter()
        self._told = Claim.NOTHING
        self.hold: Callable[[Claim], None] = lambda claim: None

    @property
    def taken(self) -> bool:
        return self._users.total() > 0

    @contextmanager
    def taking(self, claim: Claim = Claim.WHATEVER) -> Iterator[None]:
        """The model waits within this block. Blocks may overlap."""
        self._users[claim] += 1
        self._tell()
        try:
            yield
        finally:
            self._users[claim] -= 1
            self._tell()

    def _tell(self) -> None:
        claim = max((claim for claim, users in self._users.items() if users), default=Claim.NOTHING)
        if self._needed and claim != self._told:
            self._told = claim
            self.hold(claim)
