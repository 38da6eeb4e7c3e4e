"""livekit-server, built with Go on first use and kept in the user's cache, where all clones find it.

    python -m infra.livekit_install        prints the path of the program

What is compiled is pinned in `infra/livekit-server`: go.mod names the version, and go.sum the hash of each module, which Go checks whether or not
the public checksum database can be reached.
"""

from __future__ import annotations

import os
import queue
import re
import shutil
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path

from infra.console import Failure, entry, locked, output, say
from infra.paths import ROOT, TOOLS, cache_home
from infra.toolchain import go

MODULE = ROOT / "infra" / "livekit-server"
PACKAGE = "github.com/livekit/livekit-server/cmd/server"


def pinned_version(go_mod: str) -> str:
    """The version of livekit-server that `go_mod` (the text of the file) requires, without its `v`."""
    match = re.search(r"^\s*(?:require\s+)?github\.com/livekit/livekit-server v(\S+)", go_mod, re.MULTILINE)
    if match is None:
        raise Failure("infra/livekit-server/go.mod does not require github.com/livekit/livekit-server")
    return match[1]


def program() -> Path:
    """Where livekit-server is, or will be."""
    version = pinned_version((MODULE / "go.mod").read_text(encoding="utf-8"))
    return cache_home() / "bin" / f"livekit-server-{version}"


def ensure() -> Path:
    """The path of livekit-server, built when it is not there yet. Raises `Failure`."""
    path = program()
    if os.access(path, os.X_OK):
        return path
    with locked(path.with_name(path.name + ".lock"), "building livekit-server"):
        if not os.access(path, os.X_OK):
            _build(path)
    return path


def build_environment(environ: Mapping[str, str], private: Path | None) -> dict[str, str]:
    """Go's environment: its proxy settings are the person's; `private` is the folder for caches when Go is not the person's own."""
    result = {**environ, "CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOWORK": "off"}
    if private is not None:
        result.update(GOPATH=str(private), GOMODCACHE=str(private / "mod"), GOCACHE=str(private / "build"))
    return result


def commands(go_program: str, target: Path) -> tuple[list[str], list[str]]:
    """The two commands: fetch what is needed and list its packages; compile them. `-mod=readonly` makes go.sum the law."""
    readonly = ["-mod=readonly"]
    fetch = [go_program, "list", *readonly, "-deps", PACKAGE]
    build = [go_program, "build", *readonly, "-v", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", str(target), PACKAGE]
    return fetch, build


def _build(path: Path) -> None:
    go_program, own = go()
    private = None if own else TOOLS / "go-cache"
    env = build_environment(os.environ, private)
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    fetch, build = commands(go_program, partial)
    say(f"• building {path.name} (once, a few minutes; its sources are some 150 MB) …")
    progress = Progress(sys.stdout.isatty())
    try:
        packages = _run(fetch, env, "fetching livekit-server's sources", lambda n, _: progress.show(f"fetching its sources: {n} modules"))
        total = len(packages)
        _run(build, env, "compiling livekit-server", lambda n, _: progress.show(f"compiling: {min(n, total)} of {total} packages"))
        version = path.name.rsplit("-", 1)[1]
        if version not in (output([partial, "--version"]) or ""):
            raise Failure(f"the livekit-server that was built does not run, or is not version {version}")
        partial.replace(path)
    finally:
        progress.end()
        partial.unlink(missing_ok=True)
        if private is not None:
            _forget(private)
    say(f"  {path} ({path.stat().st_size / 1e6:.0f} MB)")


def _run(command: list[str], env: Mapping[str, str], what: str, tell: Callable[[int, str], None]) -> list[str]:
    """Run Go, telling the number of lines that it has reported so far at least once a second; returns the lines of its output. Raises `Failure`."""
    process = subprocess.Popen(command, cwd=MODULE, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace")
    reported: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    printed: list[str] = []

    def read_reports() -> None:
        assert process.stderr is not None
        for line in process.stderr:
            reported.put(line.rstrip())
        reported.put(None)

    def read_output() -> None:
        assert process.stdout is not None
        printed.extend(line.rstrip() for line in process.stdout)

    readers = [threading.Thread(target=read, daemon=True) for read in (read_reports, read_output)]
    for reader in readers:
        reader.start()
    last: deque[str] = deque(maxlen=12)
    count = 0
    try:
        while True:
            try:
                line = reported.get(timeout=1)
            except queue.Empty:
                line = ""
            if line is None:
                break
            if line:
                last.append(line)
                count += 1
            tell(count, line)
        status = process.wait()
    except BaseException:
        process.terminate()
        process.wait()
        raise
    readers[1].join()
    if status != 0:
        raise Failure(
            f"{what} failed (exit code {status}):\n  "
            + "\n  ".join(last)
            + "\nIf the Go module proxy cannot be reached, set Go's own GOPROXY. "
            "Or run a livekit-server yourself and name it by LIVEKIT_URL, LIVEKIT_API_KEY and LIVEKIT_API_SECRET."
        )
    return printed


class Progress:
    """One line that changes on a terminal, elsewhere a line every ten seconds."""

    def __init__(self, terminal: bool, clock: Callable[[], float] = time.monotonic) -> None:
        self._terminal = terminal
        self._clock = clock
        self._began = clock()
        self._told = self._began
        self._width = 0

    def show(self, text: str) -> None:
        now = self._clock()
        line = f"  {now - self._began:3.0f} s  {text}"
        if self._terminal:
            print("\r" + line.ljust(self._width), end="", flush=True)
            self._width = len(line)
        elif now - self._told >= 10:
            self._told = now
            say(line)

    def end(self) -> None:
        if self._terminal and self._width:
            print(flush=True)


def _forget(folder: Path) -> None:
    """Remove a Go cache; its modules are read-only."""

    def unlock(function: Callable[[str], object], path: str, _: object) -> None:
        os.chmod(os.path.dirname(path), 0o700)
        os.chmod(path, 0o700)
        function(path)

    shutil.rmtree(folder, onerror=unlock)


def main() -> int:
    print(ensure())
    return 0


if __name__ == "__main__":
    entry(main)
