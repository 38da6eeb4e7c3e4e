"""A redis-server for tests and measurements: the one that is there, or Debian's where we are root.

Debian's package `redis-server` would start a service of its own. The program is in `redis-tools`, too, as `redis-check-rdb`: it is the server when it is called so.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from infra.children import die_with_parent
from infra.chromium import is_required as is_required
from infra.console import Failure, entry, is_root, output, say
from infra.paths import TOOLS
from infra.ports import free_tcp_port
from infra.toolchain import apt_install

PACKAGE = "redis-tools"
OTHER_NAME = "redis-check-rdb"
LINK = TOOLS / "redis" / "redis-server"
READY_SECONDS = 20.0


def find(environ: Mapping[str, str] = os.environ, link: Path = LINK) -> str | None:
    """The path of a redis-server that runs: VISAVIS_REDIS_SERVER, then the PATH. None when there is none. Raises `Failure` when the variable names something else."""
    if chosen := environ.get("VISAVIS_REDIS_SERVER"):
        if _runs(chosen):
            return chosen
        raise Failure(f"VISAVIS_REDIS_SERVER={chosen} does not run; name the program file of a redis-server, or unset it")
    if (found := shutil.which("redis-server", path=environ.get("PATH"))) and _runs(found):
        return found
    if other := shutil.which(OTHER_NAME, path=environ.get("PATH")):
        if not link.exists() or not link.samefile(other):
            link.parent.mkdir(parents=True, exist_ok=True)
            fresh = link.with_name(f"{link.name}.{os.getpid()}")
            fresh.symlink_to(other)
            fresh.replace(link)
        return str(link) if _runs(str(link)) else None
    return None


def ensure() -> None:
    """As root on Debian, install it when it is missing. `lacking` tells the outcome."""
    if find() is None and sys.platform == "linux" and is_root() and shutil.which("apt-get"):
        try:
            apt_install(PACKAGE)
        except Failure as failure:
            say(f"  {failure}")


def lacking() -> str | None:
    """Why tests with a Redis cannot be run, and what to do; None when they can."""
    if find() is not None:
        return None
    return (
        f"no redis-server: the tests with a Redis are not run. Install one (Debian: apt-get install {PACKAGE}; macOS: brew install redis), "
        "or name its program by VISAVIS_REDIS_SERVER"
    )


def _runs(program: str) -> bool:
    return "Redis server" in (output([program, "--version"]) or "")


class RedisServer:
    """A server on loopback, with an append-only file in a folder of its own; it may be stopped and started again."""

    def __init__(self, program: str, folder: Path, *options: str) -> None:
        self.port = free_tcp_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._folder = folder
        self._command = [program, "--bind", "127.0.0.1", "--port", str(self.port), "--dir", str(folder), "--save", ""]
        self._command += ["--appendonly", "yes", "--logfile", str(folder / "redis.log"), *options]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        return None if self._process is None else self._process.pid

    def start(self) -> None:
        """Until it answers. Raises `Failure` with what it said when it does not."""
        self._process = subprocess.Popen(
            self._command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            preexec_fn=die_with_parent if sys.platform == "linux" else None,
        )
        limit = time.monotonic() + READY_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > limit:
                self.stop()
                raise Failure(f"redis-server does not come up: {(self._folder / 'redis.log').read_text(errors='replace')[-500:]}")
            time.sleep(0.02)

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(64).startswith(b"+PONG")
        except OSError:
            return False

    def stop(self) -> None:
        """As a machine that loses its power would, but for what the system has of it."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


@contextmanager
def running(folder: Path, *options: str) -> Iterator[RedisServer]:
    """A redis-server that answers, on a free port; `options` are its own. Raises `Failure`."""
    program = find()
    if program is None:
        raise Failure(str(lacking()))
    server = RedisServer(program, folder, *options)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def main() -> int:
    ensure()
    if reason := lacking():
        raise Failure(reason)
    print(find())
    return 0


if __name__ == "__main__":
    entry(main)
