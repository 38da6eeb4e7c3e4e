"""The file of the embedded store: opened, its tables, a transaction that writes, a connection that reads."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Final

from agent.sessions.store import StoreError

BUSY_PAUSE_SECONDS: Final = 0.01
SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS sessions (
    session TEXT PRIMARY KEY, org TEXT NOT NULL, user TEXT NOT NULL, persona TEXT NOT NULL,
    started_ms INTEGER NOT NULL, updated_ms INTEGER NOT NULL, events INTEGER NOT NULL, ended TEXT
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS sessions_user ON sessions (user);
CREATE TABLE IF NOT EXISTS events (session TEXT NOT NULL, seq INTEGER NOT NULL, line TEXT NOT NULL, PRIMARY KEY (session, seq)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS snapshots (session TEXT PRIMARY KEY, state TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS forgotten (session TEXT PRIMARY KEY, wall_ms INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS leases (
    session TEXT PRIMARY KEY, owner TEXT NOT NULL, token INTEGER NOT NULL, until_ms INTEGER NOT NULL, adoptable INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS rings (session TEXT PRIMARY KEY, ring TEXT NOT NULL) WITHOUT ROWID;
"""


def make_private(path: Path) -> None:
    """A file for its owner alone, if there is none. One that is there is not opened: to close any handle of a file takes SQLite's locks on it away from the whole process.
    Raises `OSError`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))


class SqliteFile:
    """One connection that writes, and one for each reading."""

    def __init__(self, path: Path, busy_seconds: float) -> None:
        """Raises `StoreError`."""
        self._path = path
        self._busy_seconds = busy_seconds
        with self._told():
            make_private(path)
            self.connection = sqlite3.connect(path, timeout=busy_seconds, isolation_level=None, check_same_thread=False)
            self.connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
            self._log_ahead()
            for pragma in ("secure_delete = ON", "synchronous = NORMAL"):
                self.connection.execute(f"PRAGMA {pragma}")
            self.connection.executescript(SCHEMA)

    def _log_ahead(self) -> None:
        """Once for all times of the file: with a write-ahead log. For a connection that does so at the same moment SQLite itself waits not at all."""
        limit = time.monotonic() + self._busy_seconds
        while True:
            try:
                self.connection.execute("PRAGMA journal_mode = WAL")
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > limit:
                    raise
                time.sleep(BUSY_PAUSE_SECONDS)
            else:
                return

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Errors of SQLite and of the system in words."""
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise StoreError(f"the journal {self._path}: {error}") from error

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._told():
            self.connection.execute("BEGIN IMMEDIATE")
            try:
                yield self.connection
                self.connection.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):  # a full disk has rolled back already
                    self.connection.execute("ROLLBACK")
                raise

    @contextmanager
    def _reader(self) -> Iterator[sqlite3.Connection]:
        with (
            self._told(),
            closing(sqlite3.connect(f"{self._path.absolute().as_uri()}?mode=ro", uri=True, timeout=self._busy_seconds)) as connection,
        ):
            yield connection
