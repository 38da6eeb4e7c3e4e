"""What is particular to the file."""

import sqlite3
from pathlib import Path

import pytest

from agent.config import Journal as Settings
from agent.sessions.sqlite import SqliteStore
from agent.sessions.store import StoreError
from agent.sessions.stores import open_store
from tests.sessions.makers import opening, said


async def test_commits_that_somebody_waits_for_are_synced_and_others_are_not(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "journal.sqlite3")
    statements: list[str] = []
    store.connection.set_trace_callback(statements.append)

    async def synchronous(*, durable: bool) -> list[str]:
        statements.clear()
        await store.append([said(len(statements) + 1)], durable=durable)
        return [s for s in statements if s.startswith(("PRAGMA", "BEGIN", "COMMIT"))]

    assert await synchronous(durable=False) == ["BEGIN IMMEDIATE", "COMMIT"]
    assert await synchronous(durable=True) == ["PRAGMA synchronous = FULL", "BEGIN IMMEDIATE", "COMMIT"]
    assert await synchronous(durable=True) == ["BEGIN IMMEDIATE", "COMMIT"]
    assert await synchronous(durable=False) == ["PRAGMA synchronous = NORMAL", "BEGIN IMMEDIATE", "COMMIT"]
    assert store.connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    await store.aclose()


async def test_the_file_is_its_owners_alone(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "deep" / "journal.sqlite3")
    await store.append([opening()], durable=True)
    files = list((tmp_path / "deep").iterdir())
    assert len(files) == 3
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
    await store.aclose()


async def test_what_is_removed_gives_its_room_back(tmp_path: Path) -> None:
    file = tmp_path / "journal.sqlite3"
    store = SqliteStore(file)
    await store.append([opening(wall_ms=1_000), *(said(n, "x" * 5_000, wall_ms=1_000) for n in range(2, 400))], durable=True)
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
        await store.append([opening()], durable=True)
    await store.aclose()
