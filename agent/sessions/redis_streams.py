"""The store that several processes share: a Redis stream for each session, whose entry ids are the events' numbers.

What a session holds beside its events is a hash of who it was with, and its snapshot. When it ends it is put away as a file of this machine, and after a while Redis
forgets its events. How much Redis itself can lose is set there (`appendonly`, `appendfsync`); a reply means that it has the event in memory and on its way to its file.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Mapping, Sequence
from typing import Any, Final

from agent.sessions.archive import Archive
from agent.sessions.events import Event, read_line
from agent.sessions.redis_client import ADOPTABLE, ANSWER_SECONDS, SESSIONS, key
from agent.sessions.redis_leases import RedisLeases
from agent.sessions.standing import Standing, from_json
from agent.sessions.store import NO_TOKENS, PAGE, SessionInfo

logger = logging.getLogger("visavis.sessions")

TOMBSTONE_SECONDS: Final = 7 * 86_400
"""So long a session that was forgotten while it went on cannot come back."""
ABANDONED_MS: Final = 24 * 3_600_000
"""A session that was never closed is put away when nothing has happened in it for so long."""
APPEND: Final = """
if redis.call('EXISTS', KEYS[4]) == 1 then return 0 end
if ARGV[9] ~= '' then
  local lease = redis.call('HMGET', KEYS[5], 'owner', 'token')
  if lease[2] ~= ARGV[9] or lease[1] == '' then return -1 end
end
local top, newest = 0, redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)
if newest[1] then top = tonumber(string.match(newest[1][1], '^%d+')) end
for i = 10, #ARGV, 2 do
  if tonumber(ARGV[i]) > top then redis.call('XADD', KEYS[1], ARGV[i] .. '-0', 'e', ARGV[i + 1]) end
end
redis.call('PERSIST', KEYS[1])
if ARGV[2] == '1' then redis.call('HSET', KEYS[2], 'org', ARGV[3], 'user', ARGV[4], 'persona', ARGV[5], 'started_ms', ARGV[6]) end
redis.call('HSET', KEYS[2], 'updated_ms', ARGV[7], 'events', ARGV[#ARGV - 1], 'ended', ARGV[8])
redis.call('ZADD', KEYS[3], ARGV[7], ARGV[1])
if ARGV[8] ~= '' then
  redis.call('SREM', KEYS[6], ARGV[1])
  redis.call('DEL', KEYS[7])
end
return 1
"""
"""One session's events at once, so that a session which is being forgotten keeps nothing, and who owns it no more writes nothing: then it returns -1. KEYS: events, about,
sessions, tombstone, lease, adoptable, ring. ARGV: session, whether who it is with is known and its four facts, the last time, why it ended or nothing, the writer's token or
nothing, then number and line of each event."""


class RedisStore(RedisLeases):
    """Implements `store.Store`. `live_seconds`: how long the events of a session that has ended stay in Redis, too."""

    def __init__(self, url: str, archive: Archive, live_seconds: int, answer_seconds: float = ANSWER_SECONDS) -> None:
        """Connects when first used. `answer_seconds`: a reply that takes longer is none."""
        super().__init__(url, answer_seconds)
        self._append = self._redis.register_script(APPEND)
        self._archive = archive
        self._live_seconds = live_seconds
        self._asked = False

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

    async def append(self, events: Sequence[Event], tokens: Mapping[str, int] = NO_TOKENS) -> frozenset[str]:
        sessions: dict[str, list[Event]] = {}
        for event in events:
            sessions.setdefault(event.session, []).append(event)
        with self._told():
            pipe = self._redis.pipeline(transaction=False)
            for session, its in sessions.items():
                await self._append(keys=_keys(session), args=_arguments(session, its, tokens.get(session)), client=pipe)
            found = await pipe.execute()
        return frozenset(session for session, answer in zip(sessions, found, strict=True) if answer == -1)

    async def put_snapshot(self, session: str, standing: Standing) -> None:
        with self._told():
            if await self._redis.exists(key("about", session)):
                await self._redis.set(key("snapshot", session), json.dumps(standing.as_json()))

    async def end(self, session: str) -> None:
        events = await self._stream(session, 1, None)
        await asyncio.to_thread(self._archive.add, session, events)
        with self._told():
            await self._redis.srem(ADOPTABLE, session)
            await self._redis.delete(key("ring", session))
            for kind in ("events", "snapshot", "lease"):
                await self._redis.expire(key(kind, session), self._live_seconds)
            if await self._redis.exists(key("about", session)):
                await self._redis.hset(key("about", session), "archived", 1)

    async def forget(self, session: str) -> bool:
        with self._told():
            async with self._redis.pipeline(transaction=True) as pipe:
                pipe.set(key("forgotten", session), 1, ex=TOMBSTONE_SECONDS)
                self._delete(pipe, session)
                found = sum((await pipe.execute())[1:])
        return await asyncio.to_thread(self._archive.remove, session) or found > 0

    def _delete(self, pipe: Any, session: str) -> None:
        pipe.delete(*(key(kind, session) for kind in ("events", "about", "snapshot", "lease", "ring")))
        pipe.srem(ADOPTABLE, session)
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
            abandoned = [session for session in quiet if not await self._redis.hexists(key("about", session), "archived")]
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
            entries = await self._redis.xrange(key("events", session), min=f"{from_seq}-0", count=limit)
        return [read_line(fields.get(b"e", b""), session, int(entry.split(b"-")[0])) for entry, fields in entries]

    async def snapshot(self, session: str) -> Standing | None:
        with self._told():
            content = await self._redis.get(key("snapshot", session))
        try:
            return None if content is None else from_json(json.loads(content))
        except ValueError:
            return None

    async def sessions(self, user: str | None = None) -> list[SessionInfo]:
        with self._told():
            names = [name.decode() for name in await self._redis.zrange(SESSIONS, 0, -1)]
            pipe = self._redis.pipeline(transaction=False)
            for name in names:
                pipe.hgetall(key("about", name))
            found = [_info(name, about) for name, about in zip(names, await pipe.execute(), strict=True) if about]
        found += await asyncio.to_thread(self._put_away, {info.session for info in found})
        return sorted((i for i in found if user is None or i.user == user), key=lambda i: (-i.started_ms, i.session))

    def _put_away(self, known: set[str]) -> list[SessionInfo]:
        """Sessions that only the archive holds: this Redis has lost them, or is another one."""
        infos = (self._archive.info(session) for session in self._archive.sessions() if session not in known)
        return [info for info in infos if info is not None]

    async def aclose(self) -> None:
        await self._redis.aclose()


def _keys(session: str) -> list[str]:
    kept = [key("events", session), key("about", session), SESSIONS, key("forgotten", session)]
    return [*kept, key("lease", session), ADOPTABLE, key("ring", session)]


def _arguments(session: str, events: Sequence[Event], token: int | None) -> list[str | int]:
    first, last = events[0], events[-1]
    about = first.d if first.type == "session" else None
    facts = [str((about or {}).get(name, "")) for name in ("org", "user", "persona")]
    ended = str(last.d.get("reason") or "-") if last.type == "session_end" else ""
    lines = [part for event in events for part in (event.seq, event.line())]
    return [session, int(about is not None), *facts, first.wall_ms, last.wall_ms, ended, "" if token is None else token, *lines]


def _info(session: str, about: dict[bytes, bytes]) -> SessionInfo:
    def text(name: str) -> str:
        return about.get(name.encode(), b"").decode("utf-8", "replace")

    updated_ms = int(text("updated_ms") or 0)
    started_ms = int(text("started_ms") or updated_ms)
    return SessionInfo(
        session, text("org"), text("user"), text("persona"), started_ms, updated_ms, int(text("events") or 0), text("ended") or None
    )
