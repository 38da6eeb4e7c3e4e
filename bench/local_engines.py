"""The local engines as the embedded default configures them, for the tables that need them."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

from agent.config import Config, ConfigError
from agent.engines import ConfiguredEngines
from agent.models.errors import ModelError
from agent.models.terminal import TerminalProgress
from bench.options import Unmeasured


@contextlib.asynccontextmanager
async def local_engines() -> AsyncIterator[ConfiguredEngines]:
    """Fetched, loaded and warm; freed at the end. Raises `Unmeasured`."""
    try:
        engines = ConfiguredEngines(Config())
        with TerminalProgress() as progress:
            await engines.prepare(progress.show)
    except (ConfigError, ModelError) as error:
        raise Unmeasured(str(error)) from None
    try:
        yield engines
    finally:
        await engines.aclose()
