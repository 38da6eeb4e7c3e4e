"""Who speaks for a session, with real stores and real time: renewed, stopped, stalled, with a store that is away, locked, full or emptied."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from agent.config import Journal as Settings
from agent.sessions import holding as holding_module
from agent.sessions.clock import steady_ms
from agent.sessions.holding import Holding, Taken
from agent.sessions.lease import Granted
from agent.sessions.ownership import Ownership
from agent.sessions.secrets import Ring
from agent.sessions.store import Store, StoreError
from agent.sessions.stores import is_local, open_store, opener
from agent.sessions.tenure import ALONE, Terms
from infra.paths import ROOT
from tests.sessions.conftest import MakeServer
from tests.sessions.test_journal import until

TERMS = Terms(length_ms=900, beat_ms=100, margin_ms=100)
Own = Callable[..., Ownership]


@pytest.fixture
async def owner_of() -> AsyncIterator[Own]:
    """Makes owners of a store; each is a process of its own, as far as the store can see."""
    async with AsyncExitStack() as stack:

        def make(settings: Settings, terms: Terms = TERMS) -> Ownership:
            ownership = Ownership(opener(settings, hurried=True), terms=terms, local=is_local(settings))
            ownership.start()
            stack.push_async_callback(ownership.aclose)
            return ownership

        yield make


@pytest.fixture
def own(settings: Settings, owner_of: Own) -> Own:
    """The same, for each of the stores."""
    return partial(owner_of, settings)


@asynccontextmanager
async def looking(settings: Settings) -> AsyncIterator[Store]:
    store = open_store(settings)
    try:
        yield store
    finally:
        await store.aclose()


def losses(holding: Holding) -> list[str]:
    told: list[str] = []
    holding.on_lost = lambda: told.append(holding.session)
    return told


@contextmanager
def stalled(ownership: Ownership) -> Iterator[None]:
    """Its thread does nothing, as if the machine had forgotten it."""
    go_on, stopped = threading.Event(), threading.Event()

    def stall() -> None:
        stopped.set()
        go_on.wait(20)

    ownership._loop.call_soon_threadsafe(stall)
    assert stopped.wait(5)
    try:
        yield
    finally:
        go_on.set()


async def test_an_owner_keeps_its_sessions_as_long_as_it_lives(own: Own) -> None:
    owner, other = own(), own()
    held = [await owner.take(f"s-{n}", adoptable=True) for n in range(20)]
    began = steady_ms()
    while steady_ms() - began < 2 * TERMS.length_ms:
        assert all(holding.may_act() for holding in held)
        with pytest.raises(Taken) as taken:
            await other.take("s-7", adoptable=True)
        assert 0 < taken.value.retry_ms <= TERMS.length_ms
        await asyncio.sleep(0.02)


async def test_what_is_given_back_is_the_next_ones_at_once(own: Own) -> None:
    owner, other = own(), own()
    first = await owner.take("s-1", adoptable=False)
    told = losses(first)
    waiting = asyncio.create_task(other.take("s-1", adoptable=False, patience_seconds=20))
    await asyncio.sleep(0.02)
    await owner.release(first)
    assert not first.may_act()
    began = steady_ms()
    second = await waiting
    assert steady_ms() - began < TERMS.length_ms
    assert second.token > first.token
    assert second.may_act()
    assert told == [], "it was not lost"


async def test_a_process_takes_over_from_itself(own: Own) -> None:
    owner = own()
    first = await owner.take("s-1", adoptable=False)
    with pytest.raises(Taken):
        await owner.take("s-1", adoptable=False)
    await owner.release(first)
    second = await owner.take("s-1", adoptable=False)
    assert (first.may_act(), second.may_act()) == (False, True)


async def test_a_stalled_owner_is_none_by_its_own_clock(own: Own, monkeypatch: pytest.MonkeyPatch) -> None:
    holding = await own().take("s-1", adoptable=True)
    assert holding.may_act()
    monkeypatch.setattr(holding_module, "steady_ms", lambda: steady_ms() + 5_000)
    assert not holding.may_act(), "on the first call, before any thread has noticed"


async def test_who_was_replaced_is_told_once_and_acts_no_more(own: Own) -> None:
    owner, other = own(), own()
    first = await owner.take("s-1", adoptable=True)
    told = losses(first)
    with stalled(owner):
        second = await other.take("s-1", adoptable=True, patience_seconds=20)
        assert not first.may_act()
    await until(lambda: told)
    assert second.may_act()
    assert first.lost
    assert not first.may_act()
    assert not await first.still_owns(first.token)
    await owner.release(first)
    assert told == ["s-1"]
    late = losses(first)
    await until(lambda: late)
    assert second.may_act(), "what was lost is not given back"


async def test_who_was_stalled_and_not_replaced_goes_on_with_a_new_token(own: Own) -> None:
    owner = own()
    holding = await owner.take("s-1", adoptable=True)
    told, old = losses(holding), holding.token
    with stalled(owner):
        await until(lambda: not holding.may_act())
        await asyncio.sleep(TERMS.margin_ms * 2 / 1_000)
    await until(holding.may_act)
    assert holding.token > old
    assert told == []
    assert await holding.still_owns(old), "there is a newer one"


async def test_orphans_are_adopted(own: Own) -> None:
    owner, other = own(), own()
    kept = await owner.take("s-kept", adoptable=True)
    handed = await owner.take("s-handed", adoptable=True)
    await owner.take("s-mine", adoptable=False)
    await owner.release(handed, orphan=True)
    assert await other.ask(lambda store: store.orphans()) == ["s-handed"]
    adopted = await other.take("s-handed", adoptable=True)
    assert await other.ask(lambda store: store.orphans()) == []
    await owner.aclose()
    assert not kept.may_act()
    assert await other.ask(lambda store: store.orphans()) == ["s-kept"], "a process that ends hands over what may be adopted"
    assert adopted.may_act()
    with pytest.raises(StoreError):
        await owner.take("s-kept", adoptable=True)


async def test_an_owner_that_dies_leaves_orphans(own: Own) -> None:
    owner, other = own(), own()
    await owner.take("s-1", adoptable=True)
    await owner.take("s-2", adoptable=False)
    with stalled(owner):

        async def orphaned() -> bool:
            return await other.ask(lambda store: store.orphans()) == ["s-1"]

        await until(orphaned)
        await other.take("s-1", adoptable=True, patience_seconds=5)


async def test_who_stops_waiting_for_a_session_does_not_own_it(own: Own, settings: Settings) -> None:
    owner, other = own(), own()
    first = await owner.take("s-1", adoptable=False)
    waiting = asyncio.create_task(other.take("s-1", adoptable=False, patience_seconds=20))
    await asyncio.sleep(0.02)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await owner.release(first)
    async with looking(settings) as store:
        await asyncio.sleep(0.1)
        reply = await store.acquire("s-1", "x", 60_000, adoptable=False)
        assert isinstance(reply, Granted)
        assert reply.after == "", "nobody has had it since"


async def test_a_new_session_is_ours_although_the_store_is_away(make_redis: MakeServer, owner_of: Own, tmp_path: Path) -> None:
    redis = make_redis()
    redis.stop()
    owner = owner_of(Settings(url=redis.url, archive=tmp_path))
    holding = await owner.begin("s-1", adoptable=True)
    told = losses(holding)
    assert holding.may_act()
    assert holding.token == 0
    with pytest.raises(StoreError):
        await owner.take("s-2", adoptable=True)
    redis.start()
    await until(lambda: holding.token)
    assert holding.may_act()
    assert told == []


# ------------------------------------------------------------------------------------------------------- a store that is away


async def test_redis_that_restarts_ends_no_conversation(make_redis: MakeServer, owner_of: Own, tmp_path: Path) -> None:
    """What others could adopt is silent until it is back; what only its own client could take goes on."""
    redis = make_redis()
    settings = Settings(url=redis.url, archive=tmp_path)
    owner, other = owner_of(settings), owner_of(settings)
    adoptable, mine = await owner.take("s-1", adoptable=True), await owner.take("s-2", adoptable=False)
    told = losses(adoptable), losses(mine)
    redis.stop()
    await until(lambda: not adoptable.may_act())
    limit = steady_ms() + TERMS.length_ms
    while steady_ms() < limit:
        assert not adoptable.may_act(), "another worker may reach the store, for all it knows"
        assert mine.may_act()
        await asyncio.sleep(0.01)
    redis.start()
    taken = asyncio.create_task(other.take("s-1", adoptable=True, patience_seconds=1.5))
    await until(adoptable.may_act)
    await until(mine.may_act)  # what has run out is asked for anew, which takes a moment; its answer is held meanwhile
    with pytest.raises(Taken):
        await taken
    assert await other.ask(lambda store: store.orphans()) == []
    assert told == ([], [])


async def test_redis_that_is_emptied_ends_no_conversation(make_redis: MakeServer, owner_of: Own, tmp_path: Path) -> None:
    redis = make_redis()
    settings = Settings(url=redis.url, archive=tmp_path)
    holding = await owner_of(settings).take("s-1", adoptable=True)
    told, old = losses(holding), holding.token
    async with looking(settings) as store:
        await store._redis.flushall()  # type: ignore[attr-defined]
        assert await holding.still_owns(old)
        assert holding.token > old
        assert holding.may_act()
        assert isinstance((await store.renew({"s-1": holding.token}, TERMS.length_ms))["s-1"], Granted)
    assert told == []


async def test_redis_that_is_full_silences_nobody(make_redis: MakeServer, owner_of: Own, tmp_path: Path) -> None:
    redis = make_redis("--maxmemory-policy", "noeviction")
    settings = Settings(url=redis.url, archive=tmp_path)
    holding = await owner_of(settings).take("s-1", adoptable=True)
    async with looking(settings) as store:
        await store._redis.config_set("maxmemory", "1mb")  # type: ignore[attr-defined]
    token, limit = holding.token, steady_ms() + 2 * TERMS.length_ms
    while steady_ms() < limit:
        assert holding.may_act()
        await asyncio.sleep(0.01)
    assert holding.token == token


async def test_a_file_that_another_process_keeps_silences_nobody(owner_of: Own, tmp_path: Path) -> None:
    settings = Settings(url=f"sqlite:///{tmp_path / 'journal.sqlite3'}")
    holding = await owner_of(settings, ALONE).take("s-1", adoptable=True)
    told = losses(holding)
    other = sqlite3.connect(tmp_path / "journal.sqlite3", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    limit = steady_ms() + ALONE.length_ms + 1_000
    while steady_ms() < limit:
        assert holding.may_act(), "nobody can write into it, and so nobody can take the session"
        await asyncio.sleep(0.01)
    other.execute("ROLLBACK")
    other.close()
    async with looking(settings) as store:

        async def ours() -> bool:
            reply = (await store.renew({"s-1": holding.token}, ALONE.length_ms))["s-1"]
            return isinstance(reply, Granted)

        await until(ours)
    assert holding.may_act()
    assert told == []


async def test_a_file_that_is_full_silences_nobody(tmp_path: Path) -> None:
    settings = Settings(url=f"sqlite:///{tmp_path / 'journal.sqlite3'}")
    opened: list[Any] = []

    def small() -> Store:
        opened.append(open_store(settings, hurried=True))
        return opened[0]  # type: ignore[no-any-return]

    ownership = Ownership(small, terms=TERMS, local=True)
    ownership.start()
    holding = await ownership.take("s-1", adoptable=False)
    (pages,) = opened[0].connection.execute("PRAGMA page_count").fetchone()
    opened[0].connection.execute(f"PRAGMA max_page_count = {pages}")

    async def fill() -> None:
        for number in range(1_000):
            await ownership.ask(lambda store, n=number: store.put_ring(Ring(f"s-{n}", "x" * 1_000), None))  # type: ignore[misc]

    with pytest.raises(StoreError, match="full"):
        await fill()
    limit = steady_ms() + 2 * TERMS.length_ms
    while steady_ms() < limit:
        assert holding.may_act()
        await asyncio.sleep(0.01)
    await ownership.aclose()


# ------------------------------------------------------------------------------------------------------- processes


class Owner:
    """`tests.sessions.owner`, line by line."""

    def __init__(self, settings: Settings, session: str) -> None:
        command = [sys.executable, "-m", "tests.sessions.owner", settings.url, str(settings.archive), session]
        self.process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.strip())

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        self._reader.join()


@pytest.fixture
def process(settings: Settings) -> Iterator[Owner]:
    owner = Owner(settings, "s-1")
    yield owner
    owner.end()


async def test_a_process_that_is_stopped_and_replaced_never_acts_again(process: Owner, own: Own, settings: Settings) -> None:
    await until(lambda: process.lines, 30)
    assert process.lines[0].startswith("now True")
    other = own(terms=Terms())
    process.process.send_signal(signal.SIGSTOP)
    holding = await other.take("s-1", adoptable=True, patience_seconds=20)
    before = len(process.lines)
    process.process.send_signal(signal.SIGCONT)
    await until(lambda: "lost" in process.lines, 30)
    assert not [line for line in process.lines[before:] if "True" in line]
    assert [line for line in process.lines[before:] if line.startswith("stalled False")], "the first look after it was stopped"
    assert holding.may_act()


async def test_a_process_that_is_stopped_and_not_replaced_goes_on(process: Owner) -> None:
    await until(lambda: process.lines, 30)
    token = process.lines[0].split()[-1]
    process.process.send_signal(signal.SIGSTOP)
    await asyncio.sleep(1.2)
    before = len(process.lines)
    process.process.send_signal(signal.SIGCONT)

    def goes_on() -> bool:
        return any("True" in line and line.split()[-1] != token for line in process.lines[before:])

    await until(goes_on, 30)
    assert f"True {token}" not in " ".join(process.lines[before:]), "not with the old token"
    assert "lost" not in process.lines


async def test_a_process_that_is_killed_is_replaced_within_a_lease(process: Owner, own: Own) -> None:
    await until(lambda: process.lines, 30)
    other = own(terms=Terms())
    began = time.monotonic()
    process.process.kill()
    await other.take("s-1", adoptable=True, patience_seconds=20)
    assert time.monotonic() - began < 2.5
