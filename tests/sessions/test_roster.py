"""Who is alive, over a file and over a real Redis."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from agent.config import Journal as Settings
from agent.sessions.roster import Peer, Roster, roster
from agent.sessions.store import StoreError
from tests.fixtures.aio import eventually
from tests.sessions.conftest import MakeServer


@pytest.fixture
async def workers(settings: Settings) -> AsyncIterator[Roster]:
    found = roster(settings, "visavis")
    yield found
    await found.aclose()


async def test_a_worker_is_there_until_it_is_gone(workers: Roster) -> None:
    assert await workers.workers() == []
    one, two = Peer("one", 3, frozenset({"a room", "教室"})), Peer("two", 0)
    await workers.present(one, 60_000)
    await workers.present(two, 60_000)
    assert {peer.worker: peer for peer in await workers.workers()} == {"one": one, "two": two}
    await workers.present(Peer("one", 2), 60_000)
    await workers.gone("two")
    await workers.gone("nobody")
    assert await workers.workers() == [Peer("one", 2)]


async def test_a_worker_that_says_nothing_more_is_dead(workers: Roster) -> None:
    await workers.present(Peer("one", 1), 60_000)
    await workers.present(Peer("two", 1), 150)
    assert len(await workers.workers()) == 2
    living: list[Peer] = []

    async def look() -> None:
        while len(living[:] or [1, 2]) != 1:
            living[:] = await workers.workers()
            await asyncio.sleep(0.02)

    await asyncio.wait_for(look(), 5)
    assert living == [Peer("one", 1)]


async def test_workers_of_another_kind_are_others(workers: Roster, settings: Settings) -> None:
    other = roster(settings, "another")
    await workers.present(Peer("one", 1), 60_000)
    assert await other.workers() == []
    await other.aclose()


async def test_a_store_that_is_gone_is_told_as_such(make_redis: MakeServer) -> None:
    server = make_redis()
    workers = roster(Settings(url=server.url), "visavis")
    await workers.present(Peer("one", 1), 60_000)
    server.stop()
    with pytest.raises(StoreError):
        await workers.workers()
    server.start()

    async def heard() -> bool:
        try:
            await workers.present(Peer("two", 1), 60_000)
        except StoreError:
            return False
        return "two" in {peer.worker for peer in await workers.workers()}

    done = asyncio.ensure_future(heard())
    await eventually(done.done, "an answer")
    assert done.result() or await heard()
    await workers.aclose()
