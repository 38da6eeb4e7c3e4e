"""Programs that a table starts, and what they cost."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Final

import psutil  # type: ignore[import-untyped]

from bench.options import Unmeasured
from infra.children import Child
from infra.paths import ROOT

START_SECONDS: Final = 60.0
LOOK_SECONDS: Final = 0.4
RESTING_CORES: Final = 0.2
"""What two open microphones cost is less."""
REST_LOOKS: Final = 75


class Program:
    """A Python program that talks in lines on its standard output."""

    def __init__(self, name: str, lines: asyncio.Queue[str]) -> None:
        self._name = name
        self._lines = lines
        self.child: Child

    async def line(self, begins: str = "", seconds: float = START_SECONDS) -> str:
        """The rest of its next line that begins with `begins`; others are passed over. Raises `Unmeasured`."""
        ended = asyncio.create_task(self.child.wait())
        try:
            async with asyncio.timeout(seconds):
                while True:
                    line = asyncio.create_task(self._lines.get())
                    await asyncio.wait([ended, line], return_when=asyncio.FIRST_COMPLETED)
                    if not line.done():
                        line.cancel()
                        raise Unmeasured(f"{self._name} ended with exit code {self.child.returncode}:\n" + "\n".join(self.child.last_words))
                    if line.result().startswith(begins):
                        return line.result().removeprefix(begins).strip()
        except TimeoutError:
            raise Unmeasured(
                f"{self._name} did not say {begins!r} within {seconds:g} s; it said:\n" + "\n".join(self.child.last_words)
            ) from None
        finally:
            ended.cancel()


@contextlib.asynccontextmanager
async def program(
    module: str, *arguments: str, env: Mapping[str, str] | None = None, command: list[str] | None = None
) -> AsyncIterator[Program]:
    """`python -m module arguments` (or `command`), stopped at the end."""
    lines: asyncio.Queue[str] = asyncio.Queue(maxsize=10_000)
    started = Program(module, lines)

    def keep(line: str) -> None:
        with contextlib.suppress(asyncio.QueueFull):
            lines.put_nowait(line)

    environment = {**os.environ, "PYTHONUNBUFFERED": "1", **(env or {})}
    words = command or [sys.executable, "-m", module, *arguments]
    started.child = await Child.start(module, words, env=environment, cwd=ROOT, on_line=keep)
    try:
        yield started
    finally:
        await started.child.stop(insist_after_seconds=1, kill_after_seconds=10)


@dataclass(frozen=True)
class Cost:
    """Processor seconds since the start and resident bytes now, of a process and its children."""

    cpu_seconds: float
    rss_bytes: int

    @classmethod
    def of(cls, pid: int) -> Cost:
        process = psutil.Process(pid)
        everyone = [process, *process.children(recursive=True)]
        times = [one.cpu_times() for one in everyone]
        return cls(sum(time.user + time.system for time in times), sum(one.memory_info().rss for one in everyone))


async def at_rest(cpu_seconds: Callable[[], float] = lambda: Cost.of(os.getpid()).cpu_seconds, look_seconds: float = LOOK_SECONDS) -> None:
    """Wait until this process and its children hardly compute: what was cut off may still be going on. Raises `Unmeasured`."""
    before = cpu_seconds()
    for _ in range(REST_LOOKS):
        await asyncio.sleep(look_seconds)
        now = cpu_seconds()
        if now - before < RESTING_CORES * look_seconds:
            return
        before = now
    raise Unmeasured(f"something of the measurement still computes after {REST_LOOKS * look_seconds:g} s")
