"""The page: built from `web_client` when its sources have changed."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from pathlib import Path

from infra.console import Failure, locked, run, say, step
from infra.paths import TOOLS, WEB_CLIENT
from infra.toolchain import node_environment

BUILT = Path("app") / "dist"
_MADE = {"node_modules", "dist", "test-results", "coverage", ".vite"}
"""Folders that tools make and no source is in."""


def ensure(folder: Path = WEB_CLIENT) -> None:
    """Bring `web_client/app/dist` up to date. Raises `Failure`."""
    if not (folder / "package.json").is_file():
        say("• there is no web_client/package.json: no page to build")
        return
    stamp = TOOLS / "page.stamp"
    if _is_built(folder, stamp):
        return
    with locked(TOOLS / "page.lock", "building the page"):
        if _is_built(folder, stamp):
            return
        env = packages(folder)
        with step("building the page"):
            before = digest(sources(folder), folder)
            run(["npm", "run", "--silent", "build"], what="building the page", cwd=folder, env=env)
        if not (folder / BUILT / "index.html").is_file():
            raise Failure(f"building the page left no {folder / BUILT / 'index.html'}; look at the build script of web_client/package.json")
        stamp.write_text(before, encoding="utf-8")


def packages(folder: Path = WEB_CLIENT) -> dict[str, str]:
    """Install the page's packages from their lock; returns the environment in which npm runs. Raises `Failure`."""
    env = {**node_environment(os.environ), "PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD": "1", "NPM_CONFIG_UPDATE_NOTIFIER": "false"}
    wanted = digest(_manifests(folder), folder)
    stamp = folder / "node_modules" / ".visavis"
    if _read(stamp) != wanted:
        if not (folder / "package-lock.json").is_file():
            raise Failure("web_client/package-lock.json is missing, and packages are installed from a lock only; run `make lock`")
        with step("installing the page's packages"):
            # their install scripts are not needed, so that they are not run
            run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], what="installing the page's packages", cwd=folder, env=env)
        stamp.parent.mkdir(exist_ok=True)
        stamp.write_text(wanted, encoding="utf-8")
    return env


def has_script(name: str, folder: Path = WEB_CLIENT) -> bool:
    """Whether web_client/package.json has the script `name`."""
    try:
        return name in json.loads((folder / "package.json").read_text(encoding="utf-8")).get("scripts", {})
    except (OSError, ValueError):
        return False


def sources(folder: Path) -> list[Path]:
    """Every file below `folder` that a person wrote, in a fixed order."""
    found: list[Path] = []
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in _MADE)
        found.extend(Path(place) / name for name in sorted(files) if not name.startswith(".DS_"))
    return found


def digest(files: Iterable[Path], folder: Path) -> str:
    """Of names and contents."""
    state = hashlib.sha256()
    for file in files:
        content = hashlib.sha256(file.read_bytes()).hexdigest()
        state.update(f"{file.relative_to(folder).as_posix()}\0{content}\n".encode())
    return state.hexdigest()


def _manifests(folder: Path) -> list[Path]:
    return [file for file in sources(folder) if file.name in ("package.json", "package-lock.json", ".npmrc")]


def _is_built(folder: Path, stamp: Path) -> bool:
    return (folder / BUILT / "index.html").is_file() and _read(stamp) == digest(sources(folder), folder)


def _read(stamp: Path) -> str:
    try:
        return stamp.read_text(encoding="utf-8")
    except OSError:
        return ""
