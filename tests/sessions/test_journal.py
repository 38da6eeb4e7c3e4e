"""The journal of a process: what is written, what waits, what is lost, and that nobody is held up by it."""

import asyncio
import inspect
import sqlite3
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from agent.config import Journal as Settings
from agent.sessions import journal as journal_module
from agent.sessions.backlog import Backlog
from agent.sessions.events import Event
from agent.sessions.journal import Journal
from agent.sessions.snapshots import EVERY
from agent.sessions.sqlite import SqliteStore
from agent.sessions.store import Store, StoreError, events_of, standing_of, state_of
from agent.sessions.stores import open_store, opener
from tests.sessions.conftest import MakeServer
from tests.sessions.makers import closing, opening, said


@asynccontextmanager
async def writing(settings: Settings, **options: Any) -> AsyncIterator[Journal]:
    journal = Journal(opener(settings), retention_days=30, **options)
    journal.start()
    try:
        yield journal
    finally:
        await journal.aclose()


async def kept(settings: Settings, session: str = "s-1") -> list[Event]:
    store = open_store(settings)
    try:
        return [event async for event in events_of(store, session)]
    finally:
        await store.aclose()


async def gone(settings: Settings) -> bool:
    return not await kept(settings)


async def until(condition: Any, seconds: float = 10) -> None:
    async with asyncio.timeout(seconds):
        while not (await result if inspect.isawaitable(result := condition()) else result):  # noqa: ASYNC110 - a thread brings it about
            await asyncio.sleep(0.01)


class Unwell:
    """A store that fails as long as it is told to, and remembers what it got."""

    def __init__(self) -> None:
        self.failing = True
        self.fault: Exception | None = None
        self.got: list[Event] = []

    async def append(self, events: Sequence[Event], tokens: Mapping[str, int]) -> frozenset[str]:
        if self.fault is not None:
            fault, self.fault = self.fault, None
            raise fault
        if self.failing:
            raise StoreError("the disk is full")
        self.got += events
        return frozenset()

    async def check(self) -> None:
        if self.failing:
            raise StoreError("the disk is full")

    async def put_snapshot(self, session: str, standing: object) -> None: ...

    async def end(self, session: str) -> None: ...

    async def sweep(self, now_ms: int, retention_ms: int) -> int:
        return 0

    async def aclose(self) -> None: ...


@asynccontextmanager
async def unwell(**options: Any) -> AsyncIterator[tuple[Journal, Unwell]]:
    store = Unwell()
    journal = Journal(lambda: store, retention_days=30, **options)  # type: ignore[arg-type,return-value]
    journal.start()
    try:
        yield journal, store
    finally:
        await journal.aclose()


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_module, "FIRST_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(journal_module, "LONGEST_PAUSE_SECONDS", 0.05)
    monkeypatch.setattr(journal_module, "CLOSE_SECONDS", 0.2)


async def test_what_was_appended_is_there_when_it_closes(settings: Settings) -> None:
    events = [opening(), *(said(n) for n in range(2, 1_500))]
    async with writing(settings) as journal:
        for event in events:
            journal.append(event)
    assert await kept(settings) == events
    assert journal.problem is None
    assert journal.backlog.lost == 0


async def test_what_was_acknowledged_is_there_at_once(settings: Settings) -> None:
    async with writing(settings) as journal:
        journal.append(opening())
        assert await asyncio.wait_for(journal.commit(said(2)), 5)
        assert await kept(settings) == [opening(), said(2)]


async def test_those_who_wait_do_not_wait_for_a_moment_of_gathering(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_module, "GATHER_SECONDS", 30.0)
    async with writing(settings) as journal:
        assert await asyncio.wait_for(journal.commit(opening()), 5)
        journal.append(said(2))
        await asyncio.sleep(0.05)
        assert await asyncio.wait_for(journal.commit(said(3)), 5)


async def test_a_session_that_ended_has_its_snapshot(settings: Settings) -> None:
    events = [opening(), *(said(n) for n in range(2, EVERY + 100))]
    async with writing(settings) as journal:
        for event in events:
            journal.append(event)
        journal.append(closing(len(events) + 1))
    store = open_store(settings)
    snapshot = await store.snapshot("s-1")
    assert snapshot is not None
    state = snapshot.state
    assert (state.seq, state.ended, state.skipped.missing) == (len(events) + 1, "the client left", 0)
    assert await standing_of(store, "s-1") == snapshot
    await store.aclose()


async def test_what_is_too_old_is_removed_when_a_journal_starts(settings: Settings) -> None:
    async with writing(settings) as journal:
        await journal.commit(opening(wall_ms=time.time_ns() // 1_000_000 - 31 * 86_400_000))
    async with writing(settings) as journal:
        await journal.commit(opening("s-2", wall_ms=time.time_ns() // 1_000_000))
        await until(lambda: gone(settings))
        assert len(await kept(settings, "s-2")) == 1


@pytest.mark.usefixtures("hurried")
async def test_a_store_that_fails_is_tried_again_and_nothing_is_lost() -> None:
    async with unwell() as (journal, store):
        waiter = journal.commit(opening())
        for n in range(2, 700):
            journal.append(said(n))
        await until(lambda: journal.problem)
        assert "the disk is full" in str(journal.problem)
        assert not waiter.done()
        store.failing = False
        assert await asyncio.wait_for(waiter, 5)
        await until(lambda: len(store.got) == 699)
        assert [event.seq for event in store.got] == list(range(1, 700))
        assert journal.problem is None


@pytest.mark.usefixtures("hurried")
async def test_a_backlog_is_bounded_and_what_finds_no_room_is_counted() -> None:
    async with unwell(backlog=Backlog(room_events=100)) as (journal, store):
        for n in range(1, 1_001):
            journal.append(said(n))
        assert (len(journal.backlog), journal.backlog.lost) == (100, 900)
        waiters = [journal.commit(said(n)) for n in range(1_001, 1_101)]
        assert sum(waiter.done() and waiter.result() is False for waiter in waiters) == 75, "there is a reserve for what somebody waits for"
        assert "wait" in str(journal.problem)
        store.failing = False
        await until(lambda: len(store.got) == 125)
        assert all(await asyncio.gather(*waiters[:25]))
        journal.append(said(2_000))
        await until(lambda: len(store.got) == 126)
        assert journal.problem is None


@pytest.mark.usefixtures("hurried")
async def test_a_backlog_is_bounded_in_bytes() -> None:
    async with unwell(backlog=Backlog(room_bytes=100_000)) as (journal, _store):
        for n in range(100):
            journal.append(said(n, "x" * 10_000))
        assert 9 <= len(journal.backlog) <= 11


@pytest.mark.usefixtures("hurried")
async def test_a_store_that_never_comes_back_does_not_hold_up_the_end() -> None:
    began = time.monotonic()
    async with unwell() as (journal, _store):
        waiter = journal.commit(opening())
        await until(lambda: journal.problem)
    assert time.monotonic() - began < 5
    assert await waiter is False
    assert journal.backlog.lost == 1
    journal.append(said(2))
    assert await journal.commit(said(3)) is False
    assert journal.backlog.lost == 3


@pytest.mark.usefixtures("hurried")
async def test_a_fault_costs_the_batch_and_not_the_journal() -> None:
    async with unwell() as (journal, store):
        store.failing, store.fault = False, ValueError("a fault")
        assert await asyncio.wait_for(journal.commit(opening()), 5) is False
        assert await asyncio.wait_for(journal.commit(said(2)), 5) is True
        assert journal.backlog.lost == 1


@pytest.mark.usefixtures("hurried")
async def test_a_store_that_cannot_be_opened_is_tried_again(tmp_path: Path) -> None:
    file = tmp_path / "journal.sqlite3"
    file.write_bytes(b"this is no database, and it is long enough to be looked at" * 100)
    settings = Settings(url=f"sqlite:///{file}")
    async with writing(settings) as journal:
        waiter = journal.commit(opening())
        await until(lambda: journal.problem)
        assert "not a database" in str(journal.problem)
        file.unlink()
        assert await asyncio.wait_for(waiter, 5)


async def test_a_full_disk_keeps_what_was_acknowledged_and_goes_on_when_there_is_room(tmp_path: Path) -> None:
    settings = Settings(url=f"sqlite:///{tmp_path / 'journal.sqlite3'}")
    stores: list[SqliteStore] = []

    def small() -> Store:
        store = open_store(settings)
        assert isinstance(store, SqliteStore)
        stores.append(store)
        store.connection.execute("PRAGMA max_page_count = 40")
        return store

    journal = Journal(small, retention_days=30)
    journal.start()
    acknowledged = []
    await journal.commit(opening())
    for n in range(2, 200):
        waiter = journal.commit(said(n, "x" * 3_000))
        await until(lambda: waiter.done() or journal.problem)  # noqa: B023 - looked at before the next one
        if not waiter.done():
            break
        acknowledged.append(n)
    assert "full" in str(journal.problem)
    assert [event.seq for event in await kept(settings)][1:] == acknowledged
    assert len(acknowledged) > 10
    stores[0].connection.execute("PRAGMA max_page_count = 4000")
    assert await asyncio.wait_for(waiter, 10)
    await journal.aclose()
    assert [event.seq for event in await kept(settings)] == list(range(1, n + 1))


async def test_redis_that_is_killed_and_returns_costs_nothing(make_redis: MakeServer, tmp_path: Path) -> None:
    redis = make_redis()
    settings = Settings(url=redis.url, archive=tmp_path)
    async with writing(settings) as journal:
        assert await journal.commit(opening())
        redis.stop()
        waiter = journal.commit(said(2))
        for n in range(3, 400):
            journal.append(said(n))
        await until(lambda: journal.problem)
        redis.start()
        assert await asyncio.wait_for(waiter, 20)
        await journal.commit(said(400))
        assert journal.problem is None
        assert [event.seq for event in await kept(settings)] == list(range(1, 401))


async def test_redis_that_comes_back_empty_takes_what_follows(make_redis: MakeServer, tmp_path: Path) -> None:
    redis = make_redis("--appendonly", "no")
    settings = Settings(url=redis.url, archive=tmp_path)
    async with writing(settings) as journal:
        await journal.commit(opening())
        redis.stop()
        redis.start()
        assert await asyncio.wait_for(journal.commit(said(2)), 20)
        store = open_store(settings)
        assert (await state_of(store, "s-1")).skipped.missing == 1
        await store.aclose()


async def test_redis_that_is_full_says_so_and_recovers(make_redis: MakeServer, tmp_path: Path) -> None:
    redis = make_redis("--maxmemory", "4mb", "--maxmemory-policy", "noeviction")
    settings = Settings(url=redis.url, archive=tmp_path)
    async with writing(settings) as journal:
        await journal.commit(opening())
        acknowledged = 1
        for n in range(2, 200):
            waiter = journal.commit(said(n, "x" * 60_000))
            await until(lambda: waiter.done() or journal.problem)  # noqa: B023 - looked at before the next one
            if not waiter.done():
                break
            acknowledged = n
        assert "maxmemory" in str(journal.problem)
        assert [event.seq for event in await kept(settings)] == list(range(1, acknowledged + 1))
        from redis.asyncio import Redis

        async with Redis.from_url(redis.url) as client:
            await client.config_set("maxmemory", "64mb")
        assert await asyncio.wait_for(waiter, 20)


async def test_a_file_that_another_process_keeps_to_itself_is_waited_for(tmp_path: Path) -> None:
    file = tmp_path / "journal.sqlite3"
    settings = Settings(url=f"sqlite:///{file}")
    async with writing(settings) as journal:
        await journal.commit(opening())
        other = sqlite3.connect(file, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        waiter = journal.commit(said(2))
        began = time.perf_counter()
        journal.append(said(3))
        assert time.perf_counter() - began < 0.5, "the event loop does not wait with it"
        await asyncio.sleep(0.2)
        assert not waiter.done()
        other.execute("ROLLBACK")
        other.close()
        assert await asyncio.wait_for(waiter, 10)


async def test_a_store_that_is_not_there_is_known_before_anybody_writes(
    make_redis: MakeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_module, "CHECK_SECONDS", 0.05)
    redis = make_redis()
    async with writing(Settings(url=redis.url, archive=tmp_path)) as journal:
        assert await journal.commit(opening())
        redis.stop()
        await until(lambda: journal.problem)
        assert "Redis" in str(journal.problem)
        redis.start()
        await until(lambda: journal.problem is None)
    redis.stop()
    async with writing(Settings(url=redis.url, archive=tmp_path)) as journal:
        await until(lambda: journal.problem)


async def test_a_redis_without_its_file_is_warned_of(make_redis: MakeServer, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with writing(Settings(url=make_redis("--appendonly", "no").url, archive=tmp_path)) as journal:
        await journal.commit(opening())
    assert sum("appendonly yes" in message for message in caplog.messages) == 1
