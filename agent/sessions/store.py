"""Where a journal is kept: what every store can do, whatever stands behind it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from agent.sessions.events import Event
from agent.sessions.folding import fold
from agent.sessions.state import START, State

PAGE: Final = 5_000
"""Events that are read at once."""


class StoreError(Exception):
    """The store cannot do it now: gone, full, not allowed. The text says which store and why; what was asked may be tried again."""


@dataclass(frozen=True, slots=True)
class SessionInfo:
    """A session in a list. Times are Unix milliseconds; `events`: the number of the last one; `ended`: why, None while it goes on (or was never closed)."""

    session: str
    org: str
    user: str
    persona: str
    started_ms: int
    updated_ms: int
    events: int
    ended: str | None


class Store(Protocol):
    """Used by one event loop. Every method may raise `StoreError`."""

    async def check(self) -> None:
        """Find out whether the store can be used now."""

    async def append(self, events: Sequence[Event]) -> None:
        """Keep events of any sessions, those of each in order, all or (at a `StoreError`) any part of them. A number that is there already is kept as it was,
        so that the same events may be given again. When it returns, the death of this process costs none of them; a power cut may cost what came within the
        last second or so. Those of sessions that were forgotten are thrown away."""

    async def read(self, session: str, from_seq: int = 1, limit: int = PAGE) -> list[Event]:
        """The session's first `limit` events from number `from_seq` on, in order, lifted; `unreadable` ones in the place of those that are damaged."""

    async def put_snapshot(self, session: str, state: State) -> None:
        """Keep a state in the place of the one before."""

    async def snapshot(self, session: str) -> State | None:
        """The state that was kept last; None when there is none, or it cannot be used."""

    async def sessions(self, user: str | None = None) -> list[SessionInfo]:
        """All sessions, or those of a user, the latest first."""

    async def end(self, session: str) -> None:
        """The session is over: nothing more will be appended."""

    async def forget(self, session: str) -> bool:
        """Remove all that is kept of a session, wherever it is, for good; what is still appended to it is thrown away. Returns whether there was anything."""

    async def sweep(self, now_ms: int, retention_ms: int) -> int:
        """Remove sessions in which nothing has happened for so long, and put away those that were never closed. Returns how many were removed."""

    async def aclose(self) -> None: ...


async def events_of(store: Store, session: str, from_seq: int = 1) -> AsyncIterator[Event]:
    """The session's events from number `from_seq` on."""
    while page := await store.read(session, from_seq):
        for event in page:
            yield event
        from_seq = page[-1].seq + 1


async def state_of(store: Store, session: str) -> State:
    """What the session has come to: the snapshot, and what came after it."""
    state = await store.snapshot(session) or START
    while page := await store.read(session, state.seq + 1):
        state = fold(state, page)
    return state


async def forget_user(store: Store, user: str, first: Callable[[str], object] = lambda session: None) -> int:
    """Forget all sessions of a user; `first` is called with each, before nobody can tell any more whose it was. Returns how many there were."""
    count = 0
    for info in await store.sessions(user):
        first(info.session)
        count += await store.forget(info.session)
    return count
