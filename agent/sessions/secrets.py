"""Resume secrets: what a client shows to come back to its session. Pure: the caller brings chance and time, and puts a ring back only where nobody else has changed it.

A secret lives briefly and is replaced often; the old one is good until the new one is used, for the new one may have been lost on its way. It is good for one user and
one session, and only its hash is kept. Of two clients that show the same one at once the first wins; the other is told so.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass, replace
from typing import Final, Literal

LIFE_MS: Final = 10 * 60_000
"""A secret is good for so long."""
RENEW_MS: Final = 2 * 60_000
"""A client that is here gets a new one as often."""
CLAIM_MS: Final = 3_000
"""So long after a client came back with a secret nobody else may with the same: the first client's new one is on its way."""
KEPT: Final = 8

Why = Literal["wrong", "expired", "outdated", "taken"]
WORDS: Final[dict[Why, str]] = {
    "wrong": "the resume secret is not one of this session and user; begin a new session",
    "expired": "the resume secret is too old; begin a new session",
    "outdated": "the resume secret was replaced by a newer one, which has been used since; only that client can resume",
    "taken": "another client is resuming this session at this moment",
}


class ResumeRefused(Exception):
    """`why`: the kind; the text is for the client. `retry_ms`: when it may be worth trying again; None: never."""

    def __init__(self, why: Why, retry_ms: int | None = None) -> None:
        super().__init__(WORDS[why])
        self.why = why
        self.retry_ms = retry_ms


@dataclass(frozen=True, slots=True)
class Kept:
    """A secret as it is kept. `number` is no secret: by it a client tells which one it has got. `used_ms`: when a client came back with it last."""

    number: int
    digest: bytes
    until_ms: int
    used_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Ring:
    """The secrets of one session and its user, oldest first. `replaced`: the hashes of those that are good no more, so that they can be told from foreign ones."""

    session: str
    user: str
    good: tuple[Kept, ...] = ()
    number: int = 0
    replaced: tuple[bytes, ...] = ()


def fresh() -> str:
    """A new secret: 256 bits of chance."""
    return secrets.token_urlsafe(32)


def issue(ring: Ring, secret: str, now_ms: int, life_ms: int = LIFE_MS) -> Ring:
    """Add a secret that is being sent to the client; those before it stay good, the last `KEPT` of them."""
    kept = Kept(ring.number + 1, _digest(ring.session, ring.user, secret), now_ms + life_ms)
    return _keep(replace(ring, number=kept.number), (*ring.good, kept)[-KEPT:])


def confirm(ring: Ring, number: int) -> Ring:
    """The client says that it has got this one: those before it are good no more. A number that is not known changes nothing."""
    newer = tuple(kept for kept in ring.good if kept.number >= number)
    return _keep(ring, newer) if newer and newer[0].number == number else ring


def use(ring: Ring, session: str, user: str, secret: str, new: str, now_ms: int, life_ms: int = LIFE_MS) -> Ring:
    """A client shows `secret`, and is sent `new`. Raises `ResumeRefused`; the ring is then as it was.

    The older ones are good no more, and neither are newer ones that nobody has used: they were lost on their way, or are in the hands of somebody who came second.
    """
    shown = _digest(session, user, secret)
    found: Kept | None = None
    for kept in ring.good:
        if hmac.compare_digest(kept.digest, shown):
            found = kept
    known = sum(hmac.compare_digest(digest, shown) for digest in ring.replaced)
    if found is None:
        raise ResumeRefused("outdated" if known else "wrong")
    if now_ms >= found.until_ms:
        raise ResumeRefused("expired")
    if found.used_ms is not None and now_ms < found.used_ms + CLAIM_MS:
        raise ResumeRefused("taken", found.used_ms + CLAIM_MS - now_ms)
    return issue(_keep(ring, (replace(found, used_ms=now_ms),)), new, now_ms, life_ms)


def _keep(ring: Ring, good: tuple[Kept, ...]) -> Ring:
    numbers = {kept.number for kept in good}
    gone = tuple(kept.digest for kept in ring.good if kept.number not in numbers)
    return replace(ring, good=good, replaced=(*ring.replaced, *gone)[-KEPT:])


def _digest(session: str, user: str, secret: str) -> bytes:
    """The secret is chance enough to need no slow hash. Session and user are hashed first, so that no two pairs run together."""
    whose = b"".join(hashlib.sha256(part.encode("utf-8", "replace")).digest() for part in (session, user))
    return hmac.new(secret.encode("utf-8", "replace"), whose, hashlib.sha256).digest()
