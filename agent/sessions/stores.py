"""The store that the configuration names."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

from redis.asyncio.connection import parse_url

from agent import config
from agent.config import ConfigError
from agent.sessions.archive import Archive
from agent.sessions.recordings import Recordings
from agent.sessions.redis_streams import RedisStore
from agent.sessions.sqlite import SqliteStore
from agent.sessions.store import Store

SQLITE: Final = "sqlite:///"
HURRIED_SECONDS: Final = 0.25
"""For leases: a file that another process keeps longer than that, or"""
HURRIED_ANSWER_SECONDS: Final = 0.5
"""a Redis that answers later, has failed."""


def is_local(settings: config.Journal) -> bool:
    """Whether the store is a file of this machine."""
    return settings.url.startswith(SQLITE)


def opener(settings: config.Journal, *, hurried: bool = False) -> Callable[[], Store]:
    """What opens the store, whenever that may be; `hurried`: one that gives up soon. Raises `ConfigError` at once for an address that cannot be one."""
    if not is_local(settings):
        try:
            parse_url(settings.url)
        except ValueError as error:
            raise ConfigError(f"journal.url: {error}") from None
    return partial(open_store, settings, hurried=hurried)


def recordings_of(settings: config.Journal) -> Recordings:
    """Where recordings are kept: beside the SQLite file, or beside the files of sessions that have left Redis."""
    if settings.url.startswith(SQLITE):
        return Recordings((config.data_home() / Path(settings.url.removeprefix(SQLITE))).parent / "recordings")
    return Recordings((settings.archive or config.data_home() / "journal") / "recordings")


def open_store(settings: config.Journal, *, hurried: bool = False) -> Store:
    """Open it; a Redis is connected to when it is first used. Raises `StoreError`."""
    if is_local(settings):
        path = config.data_home() / Path(settings.url.removeprefix(SQLITE))
        return SqliteStore(path, HURRIED_SECONDS) if hurried else SqliteStore(path)
    archive = Archive(settings.archive or config.data_home() / "journal")
    live_seconds = settings.live_minutes * 60
    return (
        RedisStore(settings.url, archive, live_seconds, HURRIED_ANSWER_SECONDS)
        if hurried
        else RedisStore(settings.url, archive, live_seconds)
    )
