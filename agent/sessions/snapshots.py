"""When a session's state is worth keeping: after so many events, and at its end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from agent.sessions.events import Event
from agent.sessions.folding import fold
from agent.sessions.state import START, State

EVERY: Final = 500
"""Events. Folding so many takes some milliseconds."""


class Snapshots:
    """Folds what is written, session by session. A session of which the beginning was not seen has no snapshot: its state would be wrong."""

    def __init__(self, every: int = EVERY) -> None:
        self._every = every
        self._states: dict[str, State] = {}
        self._kept: dict[str, int] = {}

    def due(self, events: Sequence[Event]) -> Iterator[tuple[str, State]]:
        """Take `events`, which were written; the states that are to be kept now."""
        sessions: dict[str, list[Event]] = {}
        for event in events:
            sessions.setdefault(event.session, []).append(event)
        for session, its in sessions.items():
            if session not in self._states and its[0].seq != 1:
                continue
            state = self._states[session] = fold(self._states.get(session, START), its)
            if state.ended is not None or state.seq - self._kept.get(session, 0) >= self._every:
                self._kept[session] = state.seq
                yield session, state
            if state.ended is not None:
                del self._states[session], self._kept[session]
