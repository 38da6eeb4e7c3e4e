"""Workers as processes of their own, with `bench.marked` engines and one journal; and which of them has a room."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Final

from agent import config
from agent.sessions.roster import roster
from bench.livekit_rooms import AGENT
from bench.processes import Program, program
from bench.server import SETTINGS
from infra.livekit_server import LiveKitServer

ROOM_SECONDS: Final = 15.0


class WorkerPool:
    """`settings`: of the journal that all of them share."""

    def __init__(self, stack: contextlib.AsyncExitStack, settings: config.Journal, environment: Mapping[str, str]) -> None:
        self._stack = stack
        self._roster = roster(settings, AGENT)
        self._environment = environment
        self.workers: dict[int, Program] = {}
        """By process id; those that run."""
        self.all: list[Program] = []
        """Those that were killed, too."""

    async def start(self) -> int:
        """Another worker, that is registered. Returns its process id. Raises `Unmeasured`."""
        worker = await self._stack.enter_async_context(program("bench.server", "worker", "marked", env=self._environment))
        await worker.line("ready")
        self.workers[worker.child.pid] = worker
        self.all.append(worker)
        return worker.child.pid

    async def holder(self, room: str, *, other_than: int = 0) -> int:
        """The process that has an agent in the room. Raises `TimeoutError`."""
        async with asyncio.timeout(ROOM_SECONDS):
            while True:
                for peer in await self._roster.workers():
                    pid = int(peer.worker.split("-")[-2])
                    if room in peer.rooms and pid in self.workers and pid != other_than:
                        return pid
                await asyncio.sleep(0.05)

    def kill(self, pid: int) -> float:
        """kill -9. Returns when it was, in Unix time."""
        del self.workers[pid]
        os.kill(pid, signal.SIGKILL)
        return time.time()

    def stages(self, words: str, since: float) -> list[float]:
        """When a worker, any of them, said `words` of its way into or out of a room; those times after `since`, Unix time both, in order."""
        lines = [
            line.split(" ", 2) for worker in self.all for line in worker.child.last_words if line.startswith("stage ") and words in line
        ]
        return sorted(at for _, seconds, _ in lines if (at := float(seconds)) > since)

    async def aclose(self) -> None:
        await self._roster.aclose()


@contextlib.asynccontextmanager
async def worker_pool(server: LiveKitServer, settings: config.Journal, home: Path, count: int) -> AsyncIterator[WorkerPool]:
    """`count` workers, registered with the server, and more when they are asked for."""
    environment = {
        **SETTINGS,
        **server.environment,
        "VISAVIS_HOME": str(home),
        "VISAVIS__JOURNAL__URL": settings.url,
        "VISAVIS__JOURNAL__ARCHIVE": str(settings.archive or home / "archive"),
    }
    async with contextlib.AsyncExitStack() as stack:
        pool = WorkerPool(stack, settings, environment)
        stack.push_async_callback(pool.aclose)
        await asyncio.gather(*(pool.start() for _ in range(count)))
        yield pool
