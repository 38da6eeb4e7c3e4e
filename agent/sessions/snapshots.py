"""When a session's state is worth keeping: after so many events, and at its end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from agent.sessions.events import Event
from agent.sessions.standing import START, Standing, fold

EVERY: Final = 500
"""Events. Folding so many takes some milliseconds."""


class Snapshots:
    """Folds what is written, session by session. A session of which the beginning was not seen, here or by whoever resumed it, has no snapshot: it would be wrong."""

    def __init__(self, every: int = EVERY) -> None:
        self._every = every
        self._standings: dict[str, Standing] = {}
        self._kept: dict[str, int] = {}

    def resume(self, session: str, standing: Standing) -> None:
        """A session goes on from here. Before its next event is written, from any thread."""
        self._kept[session] = standing.state.seq
        self._standings[session] = standing

    def leave(self, session: str) -> None:
        """A session does not go on here. After its last event was written, from any thread."""
        self._standings.pop(session, None)
        self._kept.pop(session, None)

    def due(self, events: Sequence[Event]) -> Iterator[tuple[str, Standing]]:
        """Take `events`, which were written; the standings that are to be kept now."""
        sessions: dict[str, list[Event]] = {}
        for event in events:
            sessions.setdefault(event.session, []).append(event)
        for session, its in sessions.items():
            before = self._standings.get(session)
            if before is None and its[0].seq != 1:
                continue
            standing = self._standings[session] = fold(before or START, its)
            if standing.state.ended is not None or standing.state.seq - self._kept.get(session, 0) >= self._every:
                self._kept[session] = standing.state.seq
                yield session, standing
            if standing.state.ended is not None:
                self.leave(session)
