"""A program that runs beside us: its output line by line, its last words, and an end in good order."""

from __future__ import annotations

import asyncio
import codecs
import ctypes
import signal
import sys
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

LAST_WORDS: Final = 40
"""How many lines of its output a child is remembered by."""

LONGEST_LINE: Final = 16_384
"""Characters; a longer line is told in pieces."""

_PR_SET_PDEATHSIG: Final = 1
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


class Child:
    """A running program, in a process group of its own so that Ctrl-C at the terminal reaches us alone and the end keeps its order.

    On Linux the kernel ends it when we are killed ourselves.
    """

    def __init__(self, name: str, process: asyncio.subprocess.Process, on_line: Callable[[str], None] | None) -> None:
        self.name: Final = name
        self.last_words: Final[deque[str]] = deque(maxlen=LAST_WORDS)
        self._process = process
        self._on_line = on_line
        self._reading = asyncio.create_task(self._read(), name=f"output of {name}")

    @classmethod
    async def start(
        cls,
        name: str,
        command: Sequence[str | Path],
        *,
        env: Mapping[str, str],
        cwd: Path | None = None,
        on_line: Callable[[str], None] | None = None,
    ) -> Child:
        """Start `command`; `on_line` is called with each line that it prints, to either of its outputs. Raises `OSError`."""
        process = await asyncio.create_subprocess_exec(
            *(str(part) for part in command),
            env=dict(env),
            cwd=cwd,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            process_group=0,
            preexec_fn=die_with_parent if _libc is not None else None,
        )
        return cls(name, process, on_line)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        return self._process.returncode

    async def wait(self) -> int:
        """Until it has ended and its output was read; returns its exit code, negative for a signal."""
        code = await self._process.wait()
        # a grandchild may hold the pipe open for longer than we care
        await asyncio.wait([self._reading], timeout=1)
        return code

    async def stop(self, *, insist_after_seconds: float = 5, kill_after_seconds: float = 10) -> int:
        """SIGTERM, a second one for those who wait for their clients, then SIGKILL; the times count from the beginning. Returns the exit code."""
        try:
            for wait_seconds in (insist_after_seconds, max(0.0, kill_after_seconds - insist_after_seconds)):
                if self.returncode is not None:
                    break
                with suppress(ProcessLookupError):
                    self._process.terminate()
                with suppress(TimeoutError):
                    return await asyncio.wait_for(self.wait(), wait_seconds)
        finally:
            if self.returncode is None:
                with suppress(ProcessLookupError):
                    self._process.kill()
        return await self.wait()

    async def _read(self) -> None:
        assert self._process.stdout is not None
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        rest = ""
        while chunk := await self._process.stdout.read(65_536):
            *lines, rest = (rest + decoder.decode(chunk)).replace("\r", "\n").split("\n")
            for line in lines:
                self._tell(line)
            while len(rest) > LONGEST_LINE:
                self._tell(rest[:LONGEST_LINE])
                rest = rest[LONGEST_LINE:]
        self._tell(rest)

    def _tell(self, line: str) -> None:
        if not line.strip():
            return
        self.last_words.append(line)
        if self._on_line is not None:
            self._on_line(line)


def die_with_parent() -> None:
    """Run in a child before its program: on Linux the kernel ends it when we are killed ourselves."""
    assert _libc is not None
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
