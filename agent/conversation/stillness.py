"""Sound that stops coming is silence: some clients send nothing while nobody speaks, and their last sentence would never end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from agent.media.turn_taking import MICROPHONE_RATE

PATIENCE_SECONDS: Final = 0.3
"""A network may be late for this long."""
STEP_SECONDS: Final = 0.1


class Stillness:
    """Fills in silence, in real time, while `engaged` (somebody's turn is open) and nothing comes."""

    def __init__(self, push: Callable[[bytes], None], engaged: Callable[[], bool]) -> None:
        self._push = push
        self._engaged = engaged
        self._until = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def heard(self) -> None:
        """Sound came."""
        loop = asyncio.get_running_loop()
        self._until = loop.time()
        if self._timer is None and self._engaged():
            self._timer = loop.call_later(PATIENCE_SECONDS, self._look)

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _look(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = None
        if not self._engaged():
            return
        missing = loop.time() - self._until
        if missing >= PATIENCE_SECONDS:
            samples = round((missing - PATIENCE_SECONDS + STEP_SECONDS) * MICROPHONE_RATE)
            self._until += samples / MICROPHONE_RATE
            self._push(bytes(2 * samples))
        self._timer = loop.call_later(STEP_SECONDS, self._look)
