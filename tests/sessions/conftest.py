"""Both stores: SQLite in a folder, and a real Redis."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from agent.config import Journal as Settings
from agent.sessions.store import Store
from agent.sessions.stores import open_store
from infra import redis_server as redis
from infra.redis_server import RedisServer

MakeServer = Callable[..., RedisServer]


@pytest.fixture
def make_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MakeServer]:
    """Starts a Redis of the test's own. What it has confirmed is in its file: by its default, `everysec`, a busy disk may keep that back for two seconds.

    Without one the test is reported as not run; on a build machine that could have one it fails."""
    if reason := redis.lacking():
        if redis.is_required():
            pytest.fail(reason)
        pytest.skip(reason)
    servers: list[RedisServer] = []

    def make(*options: str) -> RedisServer:
        program = redis.find()
        assert program is not None
        servers.append(RedisServer(program, tmp_path_factory.mktemp("redis"), "--appendfsync", "always", *options))
        servers[-1].start()
        return servers[-1]

    yield make
    for server in servers:
        server.stop()


@pytest.fixture(params=["sqlite", "redis"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    """The journal's configuration, for each store."""
    url = f"sqlite:///{tmp_path / 'journal.sqlite3'}"
    if request.param == "redis":
        url = request.getfixturevalue("make_redis")().url
    return Settings(url=url, archive=tmp_path / "archive", live_minutes=1)


@pytest.fixture
async def store(settings: Settings) -> AsyncIterator[Store]:
    store = open_store(settings)
    yield store
    await store.aclose()
