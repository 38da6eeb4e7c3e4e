"""A child process that is started again when it dies, with the last words of its standard error."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from agent.aio import Tasks
from agent.models.errors import ModelError
from agent.models.resources import does_not_fit, out_of_memory

logger = logging.getLogger("visavis.providers.llm")

START_SECONDS: Final = 180.0
STOP_SECONDS: Final = 3.0
MAX_BACKOFF_SECONDS: Final = 30.0
LINE_BYTES: Final = 1 << 20
_ROOT: Final = Path(__file__).resolve().parents[3]


class ProcessFailed(ModelError):
    """The model's process did not start; the text holds its last words."""


class Unanswered(RuntimeError):
    """The model's process gave no answer, or only a part of one. `retryable`: it may be asked again."""

    def __init__(self, message: str, *, retryable: bool) -> None:
        super().__init__(message)
        self.retryable = retryable


class SupervisedChild(ABC):
    """`python -m MODULE ARGUMENTS`, which says a first line when it is ready, and ends with its standard input."""

    def __init__(self, module: str, arguments: tuple[str, ...], environment: Mapping[str, str]) -> None:
        self._command = (sys.executable, "-m", module, *arguments)
        self._environment = environment
        self._process: asyncio.subprocess.Process | None = None
        self._begun: tuple[asyncio.subprocess.Process, asyncio.Task[None]] | None = None
        self._tasks = Tasks("language model")
        self._words: list[str] = []
        self.starts = 0

    @property
    def pid(self) -> int | None:
        return None if self._process is None else self._process.pid

    @property
    @abstractmethod
    def alive(self) -> bool:
        """Whether it can be asked; False while it is being started again."""

    @abstractmethod
    async def keep(self, messages: Sequence[tuple[str, str]]) -> float:
        """Have the beginning of conversations read, so that the first question need not wait for it. Returns the seconds that it took. Raises `Unanswered`."""

    @abstractmethod
    def _up(self, process: asyncio.subprocess.Process, first_line: bytes) -> None:
        """The child has said its first line. Raises `ValueError` or `KeyError` when that is not what it should be."""

    @abstractmethod
    async def _down(self) -> None:
        """The child is gone, or is about to be ended."""

    async def begin(self) -> None:
        """Start the process, which loads the model while its owner does something else; `start` waits until it has."""
        self._begun = await self._spawn()

    async def start(self) -> None:
        """Load the model. Raises `ProcessFailed`, `NotEnoughMemory`."""
        await self._launch()
        self._tasks.start(self._supervise(), "supervisor")

    async def _spawn(self) -> tuple[asyncio.subprocess.Process, asyncio.Task[None]]:
        """The process, and the task that listens to its last words."""
        self.starts += 1
        self._words.clear()
        path = os.pathsep.join([str(_ROOT), os.environ.get("PYTHONPATH", "")])
        pipe = asyncio.subprocess.PIPE
        process = self._process = await asyncio.create_subprocess_exec(
            *self._command,
            stdin=pipe,
            stdout=pipe,
            stderr=pipe,
            env={**os.environ, **self._environment, "PYTHONPATH": path},
            limit=LINE_BYTES,
            process_group=0,  # Ctrl-C at the terminal is for us: the child ends with its standard input, when we are done with it
        )
        return process, self._tasks.start(self._listen_to(process), "last words")

    async def _launch(self) -> None:
        process, listening = self._begun or await self._spawn()
        self._begun = None
        assert process.stdout is not None
        try:
            async with asyncio.timeout(START_SECONDS):
                line = await process.stdout.readline()
            self._up(process, line)
        except (TimeoutError, ValueError, KeyError) as error:
            late = isinstance(error, TimeoutError)
            await self._end(process)
            await asyncio.wait([listening], timeout=STOP_SECONDS)
            raise self._failed(f"it was not ready within {START_SECONDS:g} s" if late else _ending(process)) from None

    def _failed(self, ending: str) -> ModelError:
        words = " | ".join(self._words[-5:])
        if out_of_memory(words):
            logger.info("the language model's process: %s", words)
            return does_not_fit("the language model")
        return ProcessFailed(f"the language model's process did not start: {words or ending}")

    async def _listen_to(self, process: asyncio.subprocess.Process) -> None:
        assert process.stderr is not None
        while line := await process.stderr.readline():
            self._words.append(line.decode(errors="replace").strip()[:500])
            del self._words[:-20]

    async def _supervise(self) -> None:
        backoff = 0.5
        loop = asyncio.get_running_loop()
        while True:
            assert self._process is not None
            started = loop.time()
            code = await self._process.wait()
            logger.error("the language model's process ended with %s: %s", code, " | ".join(self._words[-3:]) or _ending(self._process))
            await self._down()
            if loop.time() - started > MAX_BACKOFF_SECONDS:
                backoff = 0.5
            while True:
                try:
                    await self._launch()
                    break
                except ModelError as error:
                    logger.error("%s; another attempt in %.1f s", error, backoff)
                    await asyncio.sleep(backoff)
                    backoff = min(backoff * 2, MAX_BACKOFF_SECONDS)

    @staticmethod
    async def _end(process: asyncio.subprocess.Process) -> None:
        if process.returncode is not None:
            return
        assert process.stdin is not None
        process.stdin.close()
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await process.wait()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    async def aclose(self) -> None:
        """End the process. One that still loads its model listens to nobody, and has nothing to lose."""
        loads = not self.alive
        await self._down()
        process = self._process
        await self._tasks.aclose()
        if process is not None:
            if loads and process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
            await self._end(process)


def _ending(process: asyncio.subprocess.Process) -> str:
    if process.returncode == -signal.SIGKILL:
        return "it was killed, as the system does when memory runs out; MODELS=lite needs much less"
    return "it said nothing"
