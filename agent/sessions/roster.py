"""Which workers are alive, how many places they have, and whose rooms are whose: told by each of them every second, where the journal is.

Nothing hangs on its being right to the second. It says whether there is somebody to hand a conversation over to, and whether a room that asks for an agent has one
already; who may speak for a session is decided by its lease alone.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import time
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from agent import config
from agent.sessions.redis_client import ANSWER_SECONDS, PREFIX, RedisClient
from agent.sessions.sqlite_file import make_private
from agent.sessions.store import StoreError
from agent.sessions.stores import SQLITE

BUSY_SECONDS: Final = 2.0
LONGEST: Final = 1_000
"""Rooms that are told at most."""
_KEY: Final = PREFIX + "workers:"
_PRESENT: Final = """
local now = redis.call('TIME')
redis.call('HSET', KEYS[1], ARGV[1], (now[1] * 1000 + math.floor(now[2] / 1000) + ARGV[2]) .. ' ' .. ARGV[3])
redis.call('PEXPIRE', KEYS[1], 60000)
"""
"""KEYS: workers. ARGV: worker, length in ms, what it says."""
_WORKERS: Final = """
local now = redis.call('TIME')
local living, all = {}, redis.call('HGETALL', KEYS[1])
for i = 1, #all, 2 do
  if tonumber(string.match(all[i + 1], '^%d+')) > now[1] * 1000 + now[2] / 1000 then
    living[#living + 1] = all[i]
    living[#living + 1] = string.match(all[i + 1], ' (.*)$')
  else
    redis.call('HDEL', KEYS[1], all[i])
  end
end
return living
"""
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS workers (
    kind TEXT NOT NULL, worker TEXT NOT NULL, until_ms INTEGER NOT NULL, says TEXT NOT NULL, PRIMARY KEY (kind, worker)
) WITHOUT ROWID
"""


@dataclass(frozen=True, slots=True)
class Peer:
    """A worker that was heard of lately. `free`: places; `rooms`: in which it has an agent."""

    worker: str
    free: int
    rooms: frozenset[str] = frozenset()


class Roster(Protocol):
    """Of the workers of one `kind`: those that serve the same rooms. Every method may raise `StoreError`."""

    async def present(self, peer: Peer, length_ms: int) -> None:
        """The worker is alive, and is to be taken for it for so long."""

    async def gone(self, worker: str) -> None:
        """It is there no more, for anybody else."""

    async def workers(self) -> list[Peer]:
        """Those that are alive, in no order."""

    async def aclose(self) -> None: ...


def roster(settings: config.Journal, kind: str) -> Roster:
    """Where the journal is. Connects, or opens the file, when it is first used."""
    if settings.url.startswith(SQLITE):
        return SqliteRoster(config.data_home() / Path(settings.url.removeprefix(SQLITE)), kind)
    return RedisRoster(settings.url, kind)


def _said(peer: Peer) -> str:
    return json.dumps([peer.free, sorted(peer.rooms)[:LONGEST]], ensure_ascii=False)


def _peers(rows: Iterable[tuple[str, str]]) -> list[Peer]:
    """What cannot be read is nobody."""
    peers = []
    for worker, says in rows:
        try:
            free, rooms = json.loads(says)
            peers.append(Peer(worker, int(free), frozenset(map(str, rooms))))
        except (ValueError, TypeError):
            continue
    return peers


class RedisRoster(RedisClient):
    """Implements `Roster`, by the clock of Redis."""

    def __init__(self, url: str, kind: str) -> None:
        super().__init__(url, ANSWER_SECONDS)
        self._key = _KEY + kind
        self._present = self._redis.register_script(_PRESENT)
        self._workers = self._redis.register_script(_WORKERS)

    async def present(self, peer: Peer, length_ms: int) -> None:
        with self._told():
            await self._present(keys=[self._key], args=[peer.worker, length_ms, _said(peer)])

    async def gone(self, worker: str) -> None:
        with self._told():
            await self._redis.hdel(self._key, worker)

    async def workers(self) -> list[Peer]:
        with self._told():
            flat = [part.decode("utf-8", "replace") for part in await self._workers(keys=[self._key])]
        return _peers(zip(flat[::2], flat[1::2], strict=True))

    async def aclose(self) -> None:
        await self._redis.aclose()


class SqliteRoster:
    """Implements `Roster`, for the workers of one machine, by its clock, in a file beside the journal's. Each call opens it anew, in a thread: it is seldom."""

    def __init__(self, journal: Path, kind: str) -> None:
        self._path = journal.with_name(journal.name + ".workers")
        self._kind = kind

    @contextmanager
    def _file(self) -> Iterator[sqlite3.Connection]:
        try:
            make_private(self._path)
            with closing(sqlite3.connect(self._path, timeout=BUSY_SECONDS, isolation_level=None)) as connection:
                connection.execute("PRAGMA synchronous = OFF")
                connection.execute(_SCHEMA)
                yield connection
        except (sqlite3.Error, OSError) as error:
            raise StoreError(f"the workers in {self._path}: {error}") from error

    async def present(self, peer: Peer, length_ms: int) -> None:
        def write() -> None:
            with self._file() as connection:
                row = (self._kind, peer.worker, _now_ms() + length_ms, _said(peer))
                connection.execute("INSERT OR REPLACE INTO workers (kind, worker, until_ms, says) VALUES (?, ?, ?, ?)", row)

        await asyncio.to_thread(write)

    async def gone(self, worker: str) -> None:
        def remove() -> None:
            with self._file() as connection:
                connection.execute("DELETE FROM workers WHERE kind = ? AND worker = ?", (self._kind, worker))

        await asyncio.to_thread(remove)

    async def workers(self) -> list[Peer]:
        def read() -> list[tuple[str, str]]:
            with self._file() as connection:
                connection.execute("DELETE FROM workers WHERE until_ms <= ?", (_now_ms(),))
                return connection.execute("SELECT worker, says FROM workers WHERE kind = ?", (self._kind,)).fetchall()

        return _peers(await asyncio.to_thread(read))

    async def aclose(self) -> None:
        pass


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
