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


def opener(settings: config.Journal) -> Callable[[], Store]:
    """What opens the store, whenever that may be. Raises `ConfigError` at once for an address that cannot be one."""
    if not settings.url.startswith(SQLITE):
        try:
            parse_url(settings.url)
        except ValueError as error:
            raise ConfigError(f"journal.url: {error}") from None
    return partial(open_store, settings)


def recordings_of(settings: config.Journal) -> Recordings:
    """Where recordings are kept: beside the SQLite file, or beside the files of sessions that have left Redis."""
    if settings.url.startswith(SQLITE):
        return Recordings((config.data_home() / Path(settings.url.removeprefix(SQLITE))).parent / "recordings")
    return Recordings((settings.archive or config.data_home() / "journal") / "recordings")


def open_store(settings: config.Journal) -> Store:
    """Open it; a Redis is connected to when it is first used. Raises `StoreError`."""
    if settings.url.startswith(SQLITE):
        return SqliteStore(config.data_home() / Path(settings.url.removeprefix(SQLITE)))
    archive = Archive(settings.archive or config.data_home() / "journal")
    return RedisStore(settings.url, archive, settings.live_minutes * 60)
