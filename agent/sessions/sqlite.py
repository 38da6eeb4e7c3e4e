"""The embedded store: one SQLite file, write-ahead logged.

A commit is in the system's hands, and so survives the death of the process; it waits for no disk (synchronous=NORMAL), for a busy one may take seconds. The log is synced by
another thread within a second, which bounds what a power cut can cost. What was forgotten is overwritten with zeros.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from agent.sessions.clock import wall_ms
from agent.sessions.events import Event, read_line
from agent.sessions.sqlite_leases import SqliteLeases
from agent.sessions.standing import Standing, from_json
from agent.sessions.store import NO_TOKENS, PAGE, SessionInfo

logger = logging.getLogger("visavis.sessions")

SYNC_SECONDS: Final = 0.5
"""Between the first event that is not on the disk and its sync."""
BUSY_SECONDS: Final = 5.0
"""How long another process (`visavis journal forget`) may keep the file to itself."""
ADD_EVENT: Final = "INSERT OR IGNORE INTO events (session, seq, line) VALUES (?, ?, ?)"
ADD_SESSION: Final = """
INSERT INTO sessions (session, org, user, persona, started_ms, updated_ms, events, ended) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (session) DO UPDATE SET updated_ms = max(updated_ms, excluded.updated_ms), events = max(events, excluded.events), ended = excluded.ended
"""


class SqliteStore(SqliteLeases):
    """Implements `store.Store`. Writes run where they are asked for (the journal's own thread), reads in threads of their own, beside them."""

    def __init__(self, path: Path, busy_seconds: float = BUSY_SECONDS) -> None:
        """Open the file, made for its owner alone where there is none. `busy_seconds`: how long one waits for another process. Raises `StoreError`."""
        super().__init__(path, busy_seconds)
        self._unsynced = False
        self._syncing: asyncio.Task[None] | None = None

    # ------------------------------------------------------------------------------------------------------- writing

    async def check(self) -> None:
        with self._told():
            self.connection.execute("SELECT 1 FROM sessions LIMIT 1").fetchall()

    async def append(self, events: Sequence[Event], tokens: Mapping[str, int] = NO_TOKENS) -> frozenset[str]:
        lines = [(event.session, event.seq, event.line()) for event in events]
        sessions = _sessions(events)
        with self._transaction() as connection:
            gone = {row[0] for row in connection.execute("SELECT session FROM forgotten")} & {row[0] for row in sessions}
            fenced = self._fenced(connection, {session: token for session, token in tokens.items() if session not in gone})
            out = gone | fenced
            connection.executemany(ADD_EVENT, [line for line in lines if line[0] not in out])
            connection.executemany(ADD_SESSION, [row for row in sessions if row[0] not in out])
            for event in events:
                if event.type == "session_end" and event.session not in out:
                    self._over(connection, event.session)
        self._unsynced = True
        if self._syncing is None or self._syncing.done():
            self._syncing = asyncio.get_running_loop().create_task(self._sync())
        return fenced

    async def _sync(self) -> None:
        """Bring what was committed onto the disk, again and again until nothing has come meanwhile."""
        while self._unsynced:
            await asyncio.sleep(SYNC_SECONDS)
            self._unsynced = False
            try:
                await asyncio.to_thread(_sync_file, self._path.with_name(self._path.name + "-wal"))
            except OSError as error:
                logger.warning("the journal %s cannot be synced: %s", self._path, error)

    async def put_snapshot(self, session: str, standing: Standing) -> None:
        content = json.dumps(standing.as_json())
        with self._transaction() as connection:
            known = "SELECT ?1, ?2 WHERE EXISTS (SELECT 1 FROM sessions WHERE session = ?1)"
            connection.execute(f"INSERT OR REPLACE INTO snapshots (session, state) {known}", (session, content))

    async def end(self, session: str) -> None:
        with self._transaction() as connection:
            self._over(connection, session)

    async def forget(self, session: str) -> bool:
        with self._transaction() as connection:
            found = self._delete(connection, session)
            connection.execute("INSERT OR REPLACE INTO forgotten VALUES (?, ?)", (session, wall_ms()))
        with self._told():  # the log of writes holds it, too
            self.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        return found

    async def sweep(self, now_ms: int, retention_ms: int) -> int:
        before = now_ms - retention_ms
        with self._told():
            old = [row[0] for row in self.connection.execute("SELECT session FROM sessions WHERE updated_ms < ?", (before,))]
        for session in old:
            with self._transaction() as connection:
                self._delete(connection, session)
            await asyncio.sleep(0)  # what is being written meanwhile goes first
        with self._transaction() as connection:
            connection.execute("DELETE FROM forgotten WHERE wall_ms < ?", (before,))
            self._tidy(connection)
        if old:
            with self._told():
                self.connection.executescript("PRAGMA incremental_vacuum")  # `execute` would free one page and stop
                self.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        return len(old)

    def _delete(self, connection: sqlite3.Connection, session: str) -> bool:
        tables = ("sessions", "events", "snapshots", "leases", "rings")
        return sum(connection.execute(f"DELETE FROM {table} WHERE session = ?", (session,)).rowcount for table in tables) > 0  # noqa: S608 - our own text

    # ------------------------------------------------------------------------------------------------------- reading

    async def read(self, session: str, from_seq: int = 1, limit: int = PAGE) -> list[Event]:
        return await asyncio.to_thread(self._read, session, from_seq, limit)

    def _read(self, session: str, from_seq: int, limit: int) -> list[Event]:
        query = "SELECT line, session, seq FROM events WHERE session = ? AND seq >= ? ORDER BY seq LIMIT ?"
        with self._reader() as connection:
            return [read_line(*row) for row in connection.execute(query, (session, from_seq, limit))]

    async def snapshot(self, session: str) -> Standing | None:
        with self._reader() as connection:
            row = connection.execute("SELECT state FROM snapshots WHERE session = ?", (session,)).fetchone()
        try:
            return None if row is None else from_json(json.loads(row[0]))
        except ValueError:
            return None

    async def sessions(self, user: str | None = None) -> list[SessionInfo]:
        query = "SELECT session, org, user, persona, started_ms, updated_ms, events, ended FROM sessions"
        with self._reader() as connection:
            rows = connection.execute(f"{query} WHERE ?1 IS NULL OR user = ?1 ORDER BY started_ms DESC, session", (user,))
            return [SessionInfo(*row) for row in rows]

    async def aclose(self) -> None:
        """Closing the file writes its log into it, and syncs it."""
        if self._syncing is not None:
            self._syncing.cancel()
            await asyncio.gather(self._syncing, return_exceptions=True)
        with self._told():
            self.connection.close()


def _sync_file(path: Path) -> None:
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def _sessions(events: Sequence[Event]) -> list[tuple[object, ...]]:
    """A row for each session that the events are of."""
    found: dict[str, list[Event]] = {}
    for event in events:
        found.setdefault(event.session, []).append(event)
    rows: list[tuple[object, ...]] = []
    for session, its in found.items():
        about = its[0].d if its[0].type == "session" else {}
        names = (str(about.get(name, "")) for name in ("org", "user", "persona"))
        ended = str(its[-1].d.get("reason", "")) if its[-1].type == "session_end" else None
        rows.append((session, *names, its[0].wall_ms, its[-1].wall_ms, its[-1].seq, ended))
    return rows
