"""Running the installed package managers."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from agent.models.errors import FetchError, Unreachable

_LAST_LINES: Final = 4


@dataclass(frozen=True, slots=True)
class Outcome:
    status: int
    stdout: str
    stderr: str

    @property
    def complaint(self) -> str:
        """The end of what it wrote to standard error, in one line."""
        lines = [line.strip() for line in self.stderr.splitlines() if line.strip()]
        return " | ".join(lines[-_LAST_LINES:]) or f"it ended with status {self.status} and said nothing"


async def run(command: Sequence[str], *, timeout_seconds: float, env: Mapping[str, str] | None = None) -> Outcome:
    """Run `command` to its end; it is killed when the time is up or the caller is cancelled. Raises `FetchError`."""
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, **(env or {})},
        )
    except OSError as error:
        raise FetchError(f"{command[0]} could not be started: {error}") from error
    try:
        async with asyncio.timeout(timeout_seconds):
            stdout, stderr = await process.communicate()
    except TimeoutError as error:
        raise Unreachable(
            f"`{' '.join(command[:4])} …` did not end within {timeout_seconds:.0f} s; check the network and the proxy settings, then try again"
        ) from error
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    assert process.returncode is not None
    return Outcome(process.returncode, stdout.decode(errors="replace"), stderr.decode(errors="replace"))
