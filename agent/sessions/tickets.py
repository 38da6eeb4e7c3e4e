"""Resume secrets in a store: each change is made to the ring as it is, and tried again when somebody else was faster."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from agent.sessions import secrets
from agent.sessions.clock import wall_ms
from agent.sessions.secrets import LIFE_MS, ResumeRefused, Ring
from agent.sessions.store import Store, StoreError

TRIES: Final = 16
"""Of two that are at it at once one gets through each time."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a client is given to come back with. `number` is no secret: by it the client tells that it has got this one. Good for `ttl_ms`."""

    secret: str
    number: int
    ttl_ms: int = LIFE_MS

    def __repr__(self) -> str:
        return f"Ticket(number={self.number})"


async def issue(store: Store, session: str, user: str) -> Ticket | None:
    """A new secret beside those that are good. None for a session that was forgotten. Raises `StoreError`."""
    secret = secrets.fresh()

    def issued(ring: Ring | None) -> Ring:
        if ring is None or ring.user != user:
            ring = Ring(session, user, number=0 if ring is None else ring.number)
        return secrets.issue(ring, secret, wall_ms())

    ring = await _change(store, session, issued)
    return None if ring is None else Ticket(secret, ring.number)


async def use(store: Store, session: str, user: str, shown: str) -> Ticket:
    """A client shows a secret, and gets a new one for it. Raises `ResumeRefused` and `StoreError`."""
    secret = secrets.fresh()

    def used(ring: Ring | None) -> Ring:
        if ring is None:
            raise ResumeRefused("wrong")
        return secrets.use(ring, session, user, shown, secret, wall_ms())

    ring = await _change(store, session, used)
    if ring is None:
        raise ResumeRefused("wrong")
    return Ticket(secret, ring.number)


async def confirm(store: Store, session: str, number: int) -> None:
    """The client has got the secret of that number: those before it are good no more. Raises `StoreError`."""
    await _change(store, session, lambda ring: None if ring is None else secrets.confirm(ring, number))


async def _change(store: Store, session: str, change: Callable[[Ring | None], Ring | None]) -> Ring | None:
    """The ring as it was put back; None where there is nothing to be put, or the store wants nothing more of the session."""
    for _ in range(TRIES):
        before = await store.ring(session)
        ring = change(before)
        if ring is None or ring == before or await store.put_ring(ring, before):
            return ring
        if await store.ring(session) == before:
            return None
    raise StoreError(f"the resume secrets of {session} are changed by others all the time")
