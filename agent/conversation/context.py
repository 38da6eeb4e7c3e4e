"""The page on the user's screen: versioned, bounded, expiring. It is data that somebody else wrote, never an instruction."""

from __future__ import annotations

from agent.dialogue.persona import context_message
from agent.protocol.messages import ContextUpdate


class PageContext:
    """The newest `context_update` of a client. Time is passed in, in seconds of a monotonic clock."""

    def __init__(self) -> None:
        self._update: ContextUpdate | None = None
        self._expires: float | None = None

    def update(self, update: ContextUpdate, now: float) -> str | None:
        """Take an update. Returns why it was refused, or None."""
        if self._update is not None and update.version <= self._update.version:
            return f"expected a version above {self._update.version}, not {update.version}"
        self._update = update
        self._expires = None if update.ttl_ms is None else now + update.ttl_ms / 1000
        return None

    def text(self, now: float) -> str | None:
        """The message that tells the model, or None when there is nothing on the screen or it is out of date."""
        if self._update is None or not self._update.text.strip() or (self._expires is not None and now >= self._expires):
            return None
        return context_message(self._update.text, self._update.version)
