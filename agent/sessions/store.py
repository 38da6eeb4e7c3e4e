"""Where a journal is kept: what every store can do, whatever stands behind it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from agent.sessions.events import Event
from agent.sessions.lease import Reply
from agent.sessions.secrets import Ring
from agent.sessions.standing import START, Standing, fold
from agent.sessions.state import State

PAGE: Final = 5_000
"""Events that are read at once."""
NO_TOKENS: Final[Mapping[str, int]] = {}


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

    async def append(self, events: Sequence[Event], tokens: Mapping[str, int] = NO_TOKENS) -> frozenset[str]:
        """Keep events of any sessions, those of each in order, all or (at a `StoreError`) any part of them. A number that is there already is kept as it was,
        so that the same events may be given again. When it returns, the death of this process costs none of them; a power cut may cost what came within the
        last second or so. Those of sessions that were forgotten are thrown away.

        `tokens`: of those sessions that are owned, looked at (`lease.admit`) in the transaction that writes. Returns the sessions of which nothing was written because
        the writer does not own them any more."""

    async def read(self, session: str, from_seq: int = 1, limit: int = PAGE) -> list[Event]:
        """The session's first `limit` events from number `from_seq` on, in order, lifted; `unreadable` ones in the place of those that are damaged."""

    async def put_snapshot(self, session: str, standing: Standing) -> None:
        """Keep a standing in the place of the one before."""

    async def snapshot(self, session: str) -> Standing | None:
        """The standing that was kept last; None when there is none, or it cannot be used."""

    async def sessions(self, user: str | None = None) -> list[SessionInfo]:
        """All sessions, or those of a user, the latest first."""

    async def end(self, session: str) -> None:
        """The session is over: nothing more will be appended, nobody comes back to it or adopts it. Its last event, `session_end`, has said so already."""

    async def forget(self, session: str) -> bool:
        """Remove all that is kept of a session, wherever it is, for good, its lease and secrets too; what is still appended to it is thrown away. Returns whether there
        was anything."""

    async def sweep(self, now_ms: int, retention_ms: int) -> int:
        """Remove sessions in which nothing has happened for so long, and put away those that were never closed. Returns how many were removed."""

    # Leases and secrets: what they do is defined by the pure functions of `lease` and `secrets`, each applied as one transaction, with the store's own clock.

    async def acquire(self, session: str, owner: str, length_ms: int, *, adoptable: bool) -> Reply:
        """Take a session (`lease.acquire`). `adoptable`: other workers may go on with it without its client asking for it, when its owner dies."""

    async def renew(self, tokens: Mapping[str, int], length_ms: int) -> dict[str, Reply]:
        """Keep sessions (`lease.renew`): a reply for each. Of a store that several machines share it is also a sign that the store is there, and should come often, even
        without sessions."""

    async def release(self, session: str, token: int, *, orphan: bool = False) -> None:
        """Give it back (`lease.release`). `orphan`: it goes on, and waits for any worker that adopts it; otherwise nobody will."""

    async def orphans(self) -> list[str]:
        """Adoptable sessions that nobody owns: the lease ran out, or was given back as an orphan's."""

    async def ring(self, session: str) -> Ring | None:
        """The session's resume secrets, hashed; None when there are none."""

    async def put_ring(self, ring: Ring, before: Ring | None) -> bool:
        """Keep a ring in the place of `before` (None: of none). Returns False, and changes nothing, when there is another, or the session was forgotten."""

    async def drop_ring(self, session: str) -> None:
        """Nobody comes back to the session any more."""

    async def aclose(self) -> None: ...


async def events_of(store: Store, session: str, from_seq: int = 1) -> AsyncIterator[Event]:
    """The session's events from number `from_seq` on."""
    while page := await store.read(session, from_seq):
        for event in page:
            yield event
        from_seq = page[-1].seq + 1


async def standing_of(store: Store, session: str) -> Standing:
    """What the session and its rounds have come to: the snapshot, and what came after it."""
    standing = await store.snapshot(session) or START
    while page := await store.read(session, standing.state.seq + 1):
        standing = fold(standing, page)
    return standing


async def state_of(store: Store, session: str) -> State:
    """What the session has come to, without its rounds."""
    return (await standing_of(store, session)).state


async def forget_user(store: Store, user: str, first: Callable[[str], object] = lambda session: None) -> int:
    """Forget all sessions of a user; `first` is called with each, before nobody can tell any more whose it was. Returns how many there were."""
    count = 0
    for info in await store.sessions(user):
        first(info.session)
        count += await store.forget(info.session)
    return count
