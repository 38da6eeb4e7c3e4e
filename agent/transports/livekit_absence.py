"""Whether the participant whom an agent talks with is away, and how long they are waited for. While the agent itself is cut off nobody's time runs.

When livekit-server is killed, livekit.rtc tells at once that everybody has gone, joins the room anew by itself as soon as the server is there again (ten attempts in some
20 s), publishes the agent's track anew, and tells of those who have come back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, Protocol


class Places(Protocol):
    """What is needed of `agent.conversation.host.ConversationHost`: a place that is kept for somebody who is away may be given to another."""

    def deserted(self, give_up: Callable[[], None]) -> None: ...

    def rejoined(self, give_up: Callable[[], None]) -> None: ...


class Absence:
    """Of one participant at a time. `on_end` is called when they were away for too long."""

    def __init__(self, places: Places, seconds: float, on_end: Callable[[], None]) -> None:
        self.cut_off: bool = False
        """The agent is not in the room itself."""
        self._places: Final = places
        self._seconds: Final = seconds
        self._on_end: Final = on_end
        self._away = False
        self._timer: asyncio.TimerHandle | None = None

    @property
    def away(self) -> bool:
        return self._away

    def begins(self) -> bool:
        """The participant has left the room. Returns whether they were here."""
        if self._away:
            return False
        self._away = True
        self._places.deserted(self._end)
        self._count()
        return True

    def ends(self) -> bool:
        """The participant is here. Returns whether they were away."""
        was, self._away = self._away, False
        if was:
            self._stop()
            self._places.rejoined(self._end)
        return was

    def we_are_cut_off(self) -> None:
        """We have lost the room."""
        self.cut_off = True
        self._stop()

    def we_are_back(self, *, alone: bool) -> None:
        """We are in the room again. `alone`: the participant is not there (yet)."""
        self.cut_off = False
        if self._away:
            self._count()
        elif alone:
            self.begins()

    def _count(self) -> None:
        if not self.cut_off and self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._seconds, self._end)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _end(self) -> None:
        self.ends()
        self._on_end()
