"""What is particular to the file."""

import asyncio
import os
import sqlite3
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from agent.config import Journal as Settings
from agent.sessions import sqlite
from agent.sessions.sqlite import SqliteStore
from agent.sessions.store import StoreError
from agent.sessions.stores import open_store
from tests.sessions.makers import opening, said


async def test_what_was_committed_is_synced_soon_and_nobody_waits_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[tuple[Path, int]] = []
    busy = threading.Event()

    def sync(path: Path) -> None:
        busy.wait(20)  # a disk that takes its time
        synced.append((path, path.stat().st_size))

    monkeypatch.setattr(sqlite, "_sync_file", sync)
    monkeypatch.setattr(sqlite, "SYNC_SECONDS", 0.01)
    store = SqliteStore(tmp_path / "journal.sqlite3")
    for n in range(1, 6):
        await store.append([said(n)])
        await asyncio.sleep(0.02)
    assert len(await store.read("s-1")) == 5
    assert synced == []
    busy.set()
    async with asyncio.timeout(10):
        while len(synced) < 2:  # noqa: ASYNC110 - a thread does it
            await asyncio.sleep(0.01)
    await asyncio.sleep(0.1)
    log = tmp_path / "journal.sqlite3-wal"
    assert synced == [(log, log.stat().st_size)] * 2, "once more for what came during the first, and then no more"
    assert store.connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    await store.aclose()


async def test_the_log_is_really_synced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "SYNC_SECONDS", 0.0)
    calls: list[int] = []
    really = os.fsync
    monkeypatch.setattr(os, "fsync", lambda file: (calls.append(file), really(file)))
    store = SqliteStore(tmp_path / "journal.sqlite3")
    await store.append([opening()])
    async with asyncio.timeout(10):
        while not calls:  # noqa: ASYNC110 - a thread does it
            await asyncio.sleep(0.01)
    await store.aclose()


async def test_the_file_is_its_owners_alone(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "deep" / "journal.sqlite3")
    await store.append([opening()])
    files = list((tmp_path / "deep").iterdir())
    assert len(files) == 3
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
    await store.aclose()


def test_several_open_a_new_file_at_the_same_moment(tmp_path: Path) -> None:
    """The journal and the leases do."""
    with ThreadPoolExecutor(8) as pool:
        for attempt in range(100):
            together = threading.Barrier(8)

            def opened(_: int, file: Path = tmp_path / f"{attempt}.sqlite3", together: threading.Barrier = together) -> None:
                together.wait()
                SqliteStore(file).connection.close()

            list(pool.map(opened, range(8)))


async def test_nobody_else_puts_the_log_away_while_the_file_is_open_here(tmp_path: Path) -> None:
    """Also when it has been opened here once more: the locks of a process are gone when it closes any handle of the file that SQLite does not know of."""
    file = tmp_path / "journal.sqlite3"
    first, second = SqliteStore(file), SqliteStore(file)
    await first.append([opening()])
    log = (tmp_path / "journal.sqlite3-wal").stat()
    visitor = "import sqlite3, sys; it = sqlite3.connect(sys.argv[1]); it.execute('SELECT count(*) FROM events').fetchone(); it.close()"
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", visitor, str(file))
    assert await child.wait() == 0
    assert (tmp_path / "journal.sqlite3-wal").stat().st_ino == log.st_ino
    await first.append([said(2)])
    assert len(await second.read("s-1")) == 2
    await first.aclose()
    await second.aclose()


async def test_what_is_removed_gives_its_room_back(tmp_path: Path) -> None:
    file = tmp_path / "journal.sqlite3"
    store = SqliteStore(file)
    await store.append([opening(wall_ms=1_000), *(said(n, "x" * 5_000, wall_ms=1_000) for n in range(2, 400))])
    store.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    full = file.stat().st_size
    assert await store.sweep(10_000_000, 1_000) == 1
    assert file.stat().st_size < full / 10
    await store.aclose()


def test_addresses_are_under_the_programs_home_or_from_the_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VISAVIS_HOME", str(tmp_path / "home"))
    open_store(Settings())
    assert (tmp_path / "home" / "journal.sqlite3").is_file()
    open_store(Settings(url=f"sqlite:///{tmp_path}/elsewhere.db"))
    assert (tmp_path / "elsewhere.db").is_file()


async def test_a_place_where_nothing_can_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="journal"):
        SqliteStore(tmp_path / "file" / "journal.sqlite3")
    store = SqliteStore(tmp_path / "journal.sqlite3")
    sqlite3.connect(tmp_path / "journal.sqlite3").execute("DROP TABLE events").connection.close()
    with pytest.raises(StoreError, match="no such table"):
        await store.append([opening()])
    await store.aclose()
