"""The store that several processes share: a Redis stream for each session, whose entry ids are the events' numbers.

What a session holds beside its events is a hash of who it was with, and its snapshot. When it ends it is put away as a file of this machine, and after a while Redis
forgets its events. How much Redis itself can lose is set there (`appendonly`, `appendfsync`); a reply means that it has the event in memory and on its way to its file.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from agent.sessions.archive import Archive
from agent.sessions.events import Event, read_line
from agent.sessions.state import State, from_json
from agent.sessions.store import PAGE, SessionInfo, StoreError

logger = logging.getLogger("visavis.sessions")

PREFIX: Final = "visavis:journal:"
SESSIONS: Final = PREFIX + "sessions"
"""A sorted set: when something last happened in each session."""
CONNECT_SECONDS: Final = 2.0
ANSWER_SECONDS: Final = 5.0
TOMBSTONE_SECONDS: Final = 7 * 86_400
"""So long a session that was forgotten while it went on cannot come back."""
ABANDONED_MS: Final = 24 * 3_600_000
"""A session that was never closed is put away when nothing has happened in it for so long."""
APPEND: Final = """
if redis.call('EXISTS', KEYS[4]) == 1 then return 0 end
local top, newest = 0, redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)
if newest[1] then top = tonumber(string.match(newest[1][1], '^%d+')) end
for i = 9, #ARGV, 2 do
  if tonumber(ARGV[i]) > top then redis.call('XADD', KEYS[1], ARGV[i] .. '-0', 'e', ARGV[i + 1]) end
end
redis.call('PERSIST', KEYS[1])
if ARGV[2] == '1' then redis.call('HSET', KEYS[2], 'org', ARGV[3], 'user', ARGV[4], 'persona', ARGV[5], 'started_ms', ARGV[6]) end
redis.call('HSET', KEYS[2], 'updated_ms', ARGV[7], 'events', ARGV[#ARGV - 1], 'ended', ARGV[8])
redis.call('ZADD', KEYS[3], ARGV[7], ARGV[1])
return 1
"""
"""One session's events at once, so that a session which is being forgotten keeps nothing. KEYS: events, about, sessions, tombstone. ARGV: session, whether who it is with
is known and its four facts, the last time, why it ended or nothing, then number and line of each event."""


class RedisStore:
    """Implements `store.Store`. `live_seconds`: how long the events of a session that has ended stay in Redis, too."""

    def __init__(self, url: str, archive: Archive, live_seconds: int) -> None:
        """Connects when first used."""
        self._redis: Any = Redis.from_url(
            url, socket_connect_timeout=CONNECT_SECONDS, socket_timeout=ANSWER_SECONDS, retry=Retry(NoBackoff(), 0), client_name="visavis"
        )
        self._append = self._redis.register_script(APPEND)
        self._archive = archive
        self._live_seconds = live_seconds
        self._asked = False

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except (RedisError, OSError, TimeoutError) as error:
            raise StoreError(f"the journal in Redis: {error}") from error

    # ------------------------------------------------------------------------------------------------------- writing

    async def check(self) -> None:
        """Whoever runs a Redis without its append-only file loses what it holds when it restarts, and should know: once."""
        with self._told():
            if self._asked:
                await self._redis.ping()
                return
            about = await self._redis.info("persistence")
        self._asked = True
        if not about.get("aof_enabled"):
            logger.warning("this Redis keeps no append-only file: a restart of it loses the sessions that go on (set `appendonly yes`)")

    async def append(self, events: Sequence[Event]) -> None:
        sessions: dict[str, list[Event]] = {}
        for event in events:
            sessions.setdefault(event.session, []).append(event)
        with self._told():
            pipe = self._redis.pipeline(transaction=False)
            for session, its in sessions.items():
                await self._append(keys=_keys(session), args=_arguments(session, its), client=pipe)
            await pipe.execute()

    async def put_snapshot(self, session: str, state: State) -> None:
        with self._told():
            if await self._redis.exists(_key("about", session)):
                await self._redis.set(_key("snapshot", session), json.dumps(state.as_json()))

    async def end(self, session: str) -> None:
        events = await self._stream(session, 1, None)
        await asyncio.to_thread(self._archive.add, session, events)
        with self._told():
            for kind in ("events", "snapshot"):
                await self._redis.expire(_key(kind, session), self._live_seconds)
            if await self._redis.exists(_key("about", session)):
                await self._redis.hset(_key("about", session), "archived", 1)

    async def forget(self, session: str) -> bool:
        with self._told():
            async with self._redis.pipeline(transaction=True) as pipe:
                pipe.set(_key("forgotten", session), 1, ex=TOMBSTONE_SECONDS)
                self._delete(pipe, session)
                found = sum((await pipe.execute())[1:])
        return await asyncio.to_thread(self._archive.remove, session) or found > 0

    def _delete(self, pipe: Any, session: str) -> None:
        pipe.delete(*(_key(kind, session) for kind in ("events", "about", "snapshot")))
        pipe.zrem(SESSIONS, session)

    async def sweep(self, now_ms: int, retention_ms: int) -> int:
        before = now_ms - retention_ms
        with self._told():
            old = [name.decode() for name in await self._redis.zrangebyscore(SESSIONS, "-inf", f"({before}")]
            for session in old:
                async with self._redis.pipeline(transaction=True) as pipe:
                    self._delete(pipe, session)
                    await pipe.execute()
            quiet = [name.decode() for name in await self._redis.zrangebyscore(SESSIONS, "-inf", now_ms - ABANDONED_MS)]
            abandoned = [session for session in quiet if not await self._redis.hexists(_key("about", session), "archived")]
        for session in abandoned:
            await self.end(session)
        for session in old:
            await asyncio.to_thread(self._archive.remove, session)
        return len(old) + await asyncio.to_thread(self._archive.sweep, before)

    # ------------------------------------------------------------------------------------------------------- reading

    async def read(self, session: str, from_seq: int = 1, limit: int = PAGE) -> list[Event]:
        events = await self._stream(session, from_seq, limit)
        if events and events[0].seq == from_seq:
            return events
        away = await asyncio.to_thread(self._archive.read, session, from_seq, limit)
        have = away[-1].seq if away else 0
        return [*away, *(event for event in events if event.seq > have)][:limit]

    async def _stream(self, session: str, from_seq: int, limit: int | None) -> list[Event]:
        with self._told():
            entries = await self._redis.xrange(_key("events", session), min=f"{from_seq}-0", count=limit)
        return [read_line(fields.get(b"e", b""), session, int(entry.split(b"-")[0])) for entry, fields in entries]

    async def snapshot(self, session: str) -> State | None:
        with self._told():
            content = await self._redis.get(_key("snapshot", session))
        try:
            return None if content is None else from_json(json.loads(content))
        except ValueError:
            return None

    async def sessions(self, user: str | None = None) -> list[SessionInfo]:
        with self._told():
            names = [name.decode() for name in await self._redis.zrange(SESSIONS, 0, -1)]
            pipe = self._redis.pipeline(transaction=False)
            for name in names:
                pipe.hgetall(_key("about", name))
            found = [_info(name, about) for name, about in zip(names, await pipe.execute(), strict=True) if about]
        found += await asyncio.to_thread(self._put_away, {info.session for info in found})
        return sorted((i for i in found if user is None or i.user == user), key=lambda i: (-i.started_ms, i.session))

    def _put_away(self, known: set[str]) -> list[SessionInfo]:
        """Sessions that only the archive holds: this Redis has lost them, or is another one."""
        infos = (self._archive.info(session) for session in self._archive.sessions() if session not in known)
        return [info for info in infos if info is not None]

    async def aclose(self) -> None:
        await self._redis.aclose()


def _key(kind: str, session: str) -> str:
    return f"{PREFIX}{kind}:{session}"


def _keys(session: str) -> list[str]:
    return [_key("events", session), _key("about", session), SESSIONS, _key("forgotten", session)]


def _arguments(session: str, events: Sequence[Event]) -> list[str | int]:
    first, last = events[0], events[-1]
    about = first.d if first.type == "session" else None
    facts = [str((about or {}).get(name, "")) for name in ("org", "user", "persona")]
    ended = str(last.d.get("reason") or "-") if last.type == "session_end" else ""
    lines = [part for event in events for part in (event.seq, event.line())]
    return [session, int(about is not None), *facts, first.wall_ms, last.wall_ms, ended, *lines]


def _info(session: str, about: dict[bytes, bytes]) -> SessionInfo:
    def text(name: str) -> str:
        return about.get(name.encode(), b"").decode("utf-8", "replace")

    updated_ms = int(text("updated_ms") or 0)
    started_ms = int(text("started_ms") or updated_ms)
    return SessionInfo(
        session, text("org"), text("user"), text("persona"), started_ms, updated_ms, int(text("events") or 0), text("ended") or None
    )
