"""Leases and resume secrets in the embedded store: the pure functions themselves, each in a transaction. The clock is the machine's, one for all its processes."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from agent.sessions import lease as leases
from agent.sessions.clock import steady_us
from agent.sessions.lease import Fenced, Granted, Lease, Reply
from agent.sessions.rings import as_text, from_text
from agent.sessions.secrets import Ring
from agent.sessions.sqlite_file import SqliteFile

LONGEST_MS: Final = 60_000
"""No lease is longer. One that has longer to run is from before the machine was started again, when its clock began anew: nobody has it."""
KEEP: Final = "INSERT OR REPLACE INTO leases (session, owner, token, until_ms, adoptable) VALUES (?, ?, ?, ?, ?)"


class SqliteLeases(SqliteFile):
    """The part of `store.Store` that says who owns a session, and who may come back to it."""

    def __init__(self, path: Path, busy_seconds: float) -> None:
        super().__init__(path, busy_seconds)
        self.clock_us: Callable[[], int] = steady_us

    async def acquire(self, session: str, owner: str, length_ms: int, *, adoptable: bool) -> Reply:
        with self._transaction() as connection:
            now_us = self.clock_us()
            before = _lease(connection, session, now_us // 1_000)
            lease, reply = leases.acquire(before, owner, now_us // 1_000, length_ms, floor=now_us)
            if isinstance(reply, Granted):
                connection.execute(KEEP, (session, lease.owner, lease.token, lease.until_ms, adoptable))
        return reply

    async def renew(self, tokens: Mapping[str, int], length_ms: int) -> dict[str, Reply]:
        replies: dict[str, Reply] = {}
        if not tokens:
            return replies
        with self._transaction() as connection:
            now_ms = self.clock_us() // 1_000
            for session, token in tokens.items():
                lease, replies[session] = leases.renew(_lease(connection, session, now_ms), token, now_ms, length_ms)
                if isinstance(replies[session], Granted):
                    connection.execute("UPDATE leases SET until_ms = ? WHERE session = ?", (lease.until_ms, session))
        return replies

    async def release(self, session: str, token: int, *, orphan: bool = False) -> None:
        with self._transaction() as connection:
            before = _lease(connection, session, self.clock_us() // 1_000)
            after = leases.release(before, token)
            if after != before:
                connection.execute("UPDATE leases SET owner = ?, adoptable = ? WHERE session = ?", (after.owner, orphan, session))

    async def orphans(self) -> list[str]:
        now_ms = self.clock_us() // 1_000
        query = "SELECT session FROM leases WHERE adoptable AND (owner = '' OR until_ms <= ?1 OR until_ms > ?1 + ?2) ORDER BY until_ms"
        with self._reader() as connection:
            return [row[0] for row in connection.execute(query, (now_ms, LONGEST_MS))]

    def _fenced(self, connection: sqlite3.Connection, tokens: Mapping[str, int]) -> frozenset[str]:
        """Those sessions of which the holder of the token may not write."""
        fenced, now_ms = set(), self.clock_us() // 1_000
        for session, token in tokens.items():
            try:
                leases.admit(_lease(connection, session, now_ms), token)
            except Fenced:
                fenced.add(session)
        return frozenset(fenced)

    def _over(self, connection: sqlite3.Connection, session: str) -> None:
        """Nobody adopts it, and nobody comes back to it."""
        connection.execute("UPDATE leases SET adoptable = 0 WHERE session = ?", (session,))
        connection.execute("DELETE FROM rings WHERE session = ?", (session,))

    def _tidy(self, connection: sqlite3.Connection) -> None:
        """Leases and rings of sessions that have no events and no owner any more."""
        now_ms = self.clock_us() // 1_000
        run_out = "(until_ms <= ?1 OR until_ms > ?1 + ?2)"
        connection.execute(f"DELETE FROM leases WHERE {run_out} AND session NOT IN (SELECT session FROM sessions)", (now_ms, LONGEST_MS))  # noqa: S608 - our own text
        connection.execute("DELETE FROM rings WHERE session NOT IN (SELECT session FROM sessions UNION SELECT session FROM leases)")

    # ------------------------------------------------------------------------------------------------------- resume secrets

    async def ring(self, session: str) -> Ring | None:
        with self._reader() as connection:
            row = connection.execute("SELECT ring FROM rings WHERE session = ?", (session,)).fetchone()
        return None if row is None else from_text(row[0])

    async def put_ring(self, ring: Ring, before: Ring | None) -> bool:
        expected = None if before is None else as_text(before)
        with self._transaction() as connection:
            if connection.execute("SELECT 1 FROM forgotten WHERE session = ?", (ring.session,)).fetchone():
                return False
            row = connection.execute("SELECT ring FROM rings WHERE session = ?", (ring.session,)).fetchone()
            if (None if row is None else row[0]) != expected:
                return False
            connection.execute("INSERT OR REPLACE INTO rings (session, ring) VALUES (?, ?)", (ring.session, as_text(ring)))
        return True

    async def drop_ring(self, session: str) -> None:
        with self._transaction() as connection:
            connection.execute("DELETE FROM rings WHERE session = ?", (session,))


def _lease(connection: sqlite3.Connection, session: str, now_ms: int) -> Lease:
    row = connection.execute("SELECT owner, token, until_ms FROM leases WHERE session = ?", (session,)).fetchone()
    if row is None:
        return Lease()
    owner, token, until_ms = row
    return Lease(owner, token, until_ms if until_ms <= now_ms + LONGEST_MS else 0)
