"""A real Redis and a real livekit-server that may be killed and started again, for conversations that outlive their workers."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from agent.config import Journal as Settings
from infra import livekit_install, redis_server
from infra.livekit_server import Keys, LiveKitServer, Ports, configuration, running
from infra.paths import ROOT


class MortalServer:
    """A livekit-server on ports and with keys of its own, which it keeps when it comes again."""

    def __init__(self, stack: contextlib.AsyncExitStack) -> None:
        base = yaml.safe_load((ROOT / "livekit.yaml").read_text(encoding="utf-8"))
        self._stack = stack
        self._config: Any = configuration(base, Ports.free())
        self._keys = Keys.new()
        self.now: LiveKitServer

    async def start(self) -> LiveKitServer:
        self.now = await self._stack.enter_async_context(running(livekit_install.ensure(), self._config, self._keys))
        return self.now

    async def kill(self) -> None:
        """kill -9, and wait until it is gone."""
        os.kill(self.now.child.pid, signal.SIGKILL)
        await self.now.child.wait()

    async def shut_down(self) -> None:
        """SIGTERM until it throws everybody out, and wait until it is gone."""
        while self.now.child.returncode is None:
            os.kill(self.now.child.pid, signal.SIGTERM)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.now.child.wait(), 0.5)


@pytest.fixture
async def mortal_server() -> AsyncIterator[MortalServer]:
    async with contextlib.AsyncExitStack() as stack:
        server = MortalServer(stack)
        await server.start()
        yield server


@pytest.fixture
def shared_journal(tmp_path: Path) -> Any:
    """The settings of a journal in a Redis of the test's own."""
    if reason := redis_server.lacking():
        if redis_server.is_required():
            pytest.fail(reason)
        pytest.skip(reason)
    folder = tmp_path / "redis"
    folder.mkdir()
    with redis_server.running(folder) as redis:
        yield Settings(url=redis.url, archive=tmp_path / "archive")
