"""The connection to Redis, and the names of what is kept there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from agent.sessions.store import StoreError

PREFIX: Final = "visavis:journal:"
SESSIONS: Final = PREFIX + "sessions"
"""A sorted set: when something last happened in each session."""
ADOPTABLE: Final = PREFIX + "adoptable"
"""A set: sessions that any worker may go on with when nobody owns them."""
PRESENCE: Final = PREFIX + "presence"
"""A hash: `lease.Presence`."""
CONNECT_SECONDS: Final = 2.0
ANSWER_SECONDS: Final = 5.0


class RedisClient:
    """Connects when first used."""

    def __init__(self, url: str, answer_seconds: float) -> None:
        self._redis: Any = Redis.from_url(
            url,
            socket_connect_timeout=min(CONNECT_SECONDS, answer_seconds),
            socket_timeout=answer_seconds,
            retry=Retry(NoBackoff(), 0),
            client_name="visavis",
        )

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except (RedisError, OSError, TimeoutError) as error:
            raise StoreError(f"the journal in Redis: {error}") from error


def key(kind: str, session: str) -> str:
    """Of one session: its `events`, `about`, `snapshot`, `lease`, `ring`, or that it was `forgotten`."""
    return f"{PREFIX}{kind}:{session}"
