"""The store that the configuration names."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from agent import config
from agent.config import ConfigError
from agent.sessions.archive import Archive
from agent.sessions.redis_streams import RedisStore
from agent.sessions.sqlite import SqliteStore
from agent.sessions.store import Store

SQLITE: Final = "sqlite:///"


def open_store(settings: config.Journal) -> Store:
    """Open it; a Redis is connected to when it is first used. Raises `StoreError`, and `ConfigError` for an address that cannot be one."""
    if settings.url.startswith(SQLITE):
        return SqliteStore(config.data_home() / Path(settings.url.removeprefix(SQLITE)))
    archive = Archive(settings.archive or config.data_home() / "journal")
    try:
        return RedisStore(settings.url, archive, settings.live_minutes * 60)
    except ValueError as error:
        raise ConfigError(f"journal.url: {error}") from None
