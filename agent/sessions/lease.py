"""Who speaks for a session: a lease in a store that several workers share. Pure: the store applies these functions, each as one transaction, with its own clock.

Each owner gets a *fencing token*, larger than any before. The journal takes events from the holder of the newest token only (`admit`), so that a worker which was stopped for
a while, and goes on as if nothing had happened, changes nothing. `tenure` is the worker's side.
"""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Lease:
    """Of one session, as the store keeps it. `owner`: "" for nobody; `token`: the newest that was given; `until_ms`: on the store's clock, which must not jump."""

    owner: str = ""
    token: int = 0
    until_ms: int = 0


@dataclass(frozen=True, slots=True)
class Granted:
    """The session is yours, or is still: for as long as was asked for, from a moment on that is not before the request was sent.

    `after`: who owned it last; "" when it had been given back, None when the store knows of nobody. To a renewal it says nothing.
    """

    token: int
    after: str | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """It is not yours. `wait_ms`: when it may be worth asking again, if its owner is not heard of before. `owner`: whose it is, as far as it is known."""

    wait_ms: int = 0
    owner: str = ""


@dataclass(frozen=True, slots=True)
class Presence:
    """Of a store that several machines share, as it keeps it: when it was asked for anything last, and until when what ran out is reserved for its last owners."""

    seen_ms: int = 0
    reserved_ms: int = 0


Reply = Granted | Refused


class Fenced(Exception):
    """The writer is not, or is no more, the session's owner: nothing of it was written. It falls silent, and asks for nothing but the lease."""


def seen(presence: Presence, now_ms: int, length_ms: int) -> Presence:
    """The store is asked for something by one who wants or keeps leases of `length_ms`; all who live do so several times in that time.

    When nobody has for two thirds of it, the store was away, and leases have run out whose owners live: for one length more they alone get them back.
    """
    away = now_ms - presence.seen_ms > length_ms * 2 // 3
    return Presence(now_ms, now_ms + length_ms if away else presence.reserved_ms)


def acquire(lease: Lease, owner: str, now_ms: int, length_ms: int, *, floor: int = 0, reserved_ms: int = 0) -> tuple[Lease, Reply]:
    """Take a session that nobody owns, or whose owner has not been heard of in time. Who owns it already is refused, too: it lost a reply, and waits as others do.

    `floor`: the token is not below this. Stores pass the time in microseconds, so that one which has lost a lease gives no token twice. `reserved_ms`: see `Presence`.
    """
    if not owner:
        raise ValueError("owner: expected a name that no other process has")
    free_ms = lease.until_ms if lease.owner == owner else max(lease.until_ms, reserved_ms)
    if lease.owner and now_ms < free_ms:
        return lease, Refused(free_ms - now_ms, lease.owner)
    token = max(lease.token + 1, floor)
    return Lease(owner, token, now_ms + length_ms), Granted(token, lease.owner if lease.token else None)


def renew(lease: Lease, token: int, now_ms: int, length_ms: int) -> tuple[Lease, Reply]:
    """Keep it. What has run out is not kept, even if nobody took it meanwhile."""
    if token != lease.token or not lease.owner or now_ms >= lease.until_ms:
        return lease, Refused(owner=lease.owner)
    return replace(lease, until_ms=max(lease.until_ms, now_ms + length_ms)), Granted(token)


def release(lease: Lease, token: int) -> Lease:
    """Give it back, so that another need not wait. From the owner only; from anybody else it changes nothing."""
    return replace(lease, owner="") if token == lease.token else lease


def admit(lease: Lease, token: int) -> None:
    """Whether the holder of `token` may write. Looked at in the transaction that writes. Raises `Fenced`.

    No clock is asked: a lease that ran out is good for writing until somebody else has taken it, and what that one reads then is all there is.
    """
    if token != lease.token or not lease.owner:
        whose = f"the newest is {lease.token}" + ("" if lease.owner else ", which was given back")
        raise Fenced(f"the session belongs to another worker: its owner's token was {token}, {whose}")
