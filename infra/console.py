"""Talking to the person at the terminal, running other programs for them, and waiting for whoever is doing the same."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path


class Failure(Exception):
    """Something that the person can do something about; the text says what happened and what to do."""


def say(text: str) -> None:
    print(text, flush=True)


def entry(work: Callable[[], int]) -> None:
    """Run a command's `main`: a `Failure` is told without a traceback, an interruption quietly."""
    try:
        sys.exit(work())
    except Failure as failure:
        print(f"\nerror: {failure}", file=sys.stderr, flush=True)
        sys.exit(1)
    except KeyboardInterrupt:
        print("\ninterrupted; run it again to go on", file=sys.stderr, flush=True)
        sys.exit(130)


def run(
    command: Sequence[str | Path],
    *,
    what: str,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    stdin: str | None = None,
    quiet: bool = False,
    hint: str = "",
) -> None:
    """Run `command` with its output shown (errors alone when `quiet`), `stdin` as its input. Raises `Failure` when it cannot be started or ends with an error."""
    try:
        status = subprocess.run(
            [str(part) for part in command],
            cwd=cwd,
            env=env,
            input=None if stdin is None else stdin.encode(),
            stdout=subprocess.DEVNULL if quiet else None,
            check=False,
        ).returncode
    except OSError as error:
        raise Failure(f"{what} failed: {command[0]} cannot be started ({error.strerror})") from None
    if status != 0:
        raise Failure(f"{what} failed (exit code {status}); the lines above say why" + (f".\n{hint}" if hint else ""))


def output(command: Sequence[str | Path], *, timeout_seconds: float = 20, env: Mapping[str, str] | None = None) -> str | None:
    """What `command` prints, or None when it is missing, fails or takes too long: the way to ask whether a program is usable."""
    try:
        done = subprocess.run(
            [str(part) for part in command],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            stdin=subprocess.DEVNULL,
            timeout=timeout_seconds,
            env=env,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.decode("utf-8", "replace").strip() if done.returncode == 0 else None


@contextmanager
def step(title: str) -> Iterator[None]:
    """Tell what is going on, and how long it took."""
    say(f"• {title} …")
    began = time.monotonic()
    yield
    say(f"  done in {time.monotonic() - began:.0f} s")


@contextmanager
def locked(path: Path, what: str) -> Iterator[None]:
    """Hold the lock file at `path`, so that two runs at once do the work one after the other. The system lets go of it when the process ends."""
    import fcntl  # not on Windows, where the platform check has to speak first

    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"• {what} is under way in another process; waiting for it …")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def is_root() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0
