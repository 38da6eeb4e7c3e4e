"""On few cores only one engine computes: while a recogniser or a voice works, the language model waits.

Threads of several engines on the same cores slow each other down far beyond the sum of their work. The recogniser and the voice are waited for by somebody's
ear, and they are short; so they go first, and the model, which stands between two tokens many times a second, is held meanwhile.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

FEW_CORES: Final = 3
"""With more, everybody has a core."""


class Baton:
    """`hold` tells the model to wait (True) or to go on (False); on the event loop."""

    def __init__(self, cores: int | None = None) -> None:
        self._needed: Final = (cores or os.cpu_count() or 1) <= FEW_CORES
        self._users = 0
        self.hold: Callable[[bool], None] = lambda on: None

    @property
    def taken(self) -> bool:
        return self._users > 0

    @contextmanager
    def taking(self) -> Iterator[None]:
        """The model waits within this block. Blocks may overlap."""
        self._users += 1
        if self._users == 1 and self._needed:
            self.hold(True)
        try:
            yield
        finally:
            self._users -= 1
            if self._users == 0 and self._needed:
                self.hold(False)
