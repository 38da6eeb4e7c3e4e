"""Sessions that have left Redis."""

import gzip
import os
from pathlib import Path

import pytest
from redis.asyncio import Redis

from agent.config import Journal as Settings
from agent.sessions.archive import Archive
from agent.sessions.events import UNREADABLE
from agent.sessions.redis_streams import ABANDONED_MS
from agent.sessions.store import events_of, state_of
from agent.sessions.stores import open_store
from tests.sessions.conftest import MakeServer
from tests.sessions.makers import NOW_MS, closing, opening, said

EVENTS = [opening(), said(2), said(3), closing(4)]


def test_what_is_put_away_twice_is_there_once_and_more_may_follow(tmp_path: Path) -> None:
    archive = Archive(tmp_path / "archive")
    archive.add("s-1", EVENTS[:2])
    archive.add("s-1", EVENTS[:2])
    archive.add("s-1", EVENTS)
    assert archive.read("s-1") == EVENTS
    assert archive.read("s-1", 2, 2) == EVENTS[1:3]
    assert archive.sessions() == ["s-1"]
    info = archive.info("s-1")
    assert info is not None
    assert (info.user, info.events, info.ended) == ("ann", 4, "the client left")
    (file,) = (tmp_path / "archive").iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    assert [line.encode() for line in gzip.decompress(file.read_bytes()).decode().splitlines()] == [
        event.line().encode() for event in EVENTS
    ]


@pytest.mark.parametrize("left", [0.3, 0.6, 0.9])
def test_a_file_that_was_broken_off_is_read_as_far_as_it_goes(tmp_path: Path, left: float) -> None:
    archive = Archive(tmp_path)
    many = [opening(), *(said(n, os.urandom(40).hex()) for n in range(2, 300))]
    archive.add("s-1", many)
    (file,) = tmp_path.iterdir()
    content = file.read_bytes()
    file.write_bytes(content[: int(len(content) * left)])
    read = archive.read("s-1")
    whole = [event for event in read if event.type != UNREADABLE]
    assert 10 < len(whole) < len(many)
    assert whole == many[: len(whole)]
    assert len(read) - len(whole) <= 1


@pytest.mark.parametrize("session", ["../x", "", ".hidden", "a/b", "x" * 100])
def test_a_strange_name_reaches_no_file(tmp_path: Path, session: str) -> None:
    archive = Archive(tmp_path / "archive")
    archive.add(session, EVENTS)
    assert archive.read(session) == []
    assert not archive.remove(session)
    assert list(tmp_path.iterdir()) == []


async def test_a_session_that_ended_leaves_redis_after_its_time_and_is_still_found(make_redis: MakeServer, tmp_path: Path) -> None:
    settings = Settings(url=make_redis().url, archive=tmp_path, live_minutes=1)
    store = open_store(settings)
    await store.append(EVENTS)
    await store.end("s-1")
    async with Redis.from_url(settings.url) as redis:
        assert 0 < await redis.ttl("visavis:journal:events:s-1") <= 60
        await redis.delete("visavis:journal:events:s-1", "visavis:journal:snapshot:s-1")
    assert [event async for event in events_of(store, "s-1")] == EVENTS
    assert (await state_of(store, "s-1")).ended == "the client left"
    assert [info.session for info in await store.sessions("ann")] == ["s-1"]
    assert await store.forget("s-1")
    assert list(tmp_path.iterdir()) == []  # noqa: ASYNC240 - a handful of files
    await store.aclose()


async def test_a_redis_that_has_lost_everything_leaves_what_was_put_away(make_redis: MakeServer, tmp_path: Path) -> None:
    settings = Settings(url=make_redis().url, archive=tmp_path)
    store = open_store(settings)
    await store.append(EVENTS)
    await store.end("s-1")
    async with Redis.from_url(settings.url) as redis:
        await redis.flushall()
    assert [info.user for info in await store.sessions()] == ["ann"]
    assert [event async for event in events_of(store, "s-1")] == EVENTS
    await store.aclose()


async def test_a_session_that_was_never_closed_is_put_away_and_may_go_on(make_redis: MakeServer, tmp_path: Path) -> None:
    settings = Settings(url=make_redis().url, archive=tmp_path)
    store = open_store(settings)
    await store.append(EVENTS[:2])
    assert await store.sweep(NOW_MS + ABANDONED_MS + 1, 30 * 86_400_000) == 0
    assert Archive(tmp_path).read("s-1") == EVENTS[:2]
    await store.append(EVENTS[2:])
    async with Redis.from_url(settings.url) as redis:
        assert await redis.ttl("visavis:journal:events:s-1") == -1, "it goes on, so it stays"
    await store.end("s-1")
    assert Archive(tmp_path).read("s-1") == EVENTS
    await store.aclose()
