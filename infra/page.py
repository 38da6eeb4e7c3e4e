"""The page: built from `web_client` when its sources have changed. The examples of the SDK are built likewise, see `infra.examples`."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path

from infra.console import Failure, locked, run, say, step
from infra.paths import TOOLS, WEB_CLIENT
from infra.toolchain import node_environment

BUILT = Path("app") / "dist"
_MADE = {"node_modules", "dist", "test-results", "coverage", ".vite"}
"""Folders that tools make and no source is in."""
_APART = {"examples"}
"""Folders of packages of their own, which the page does not need."""


def ensure(folder: Path = WEB_CLIENT) -> None:
    """Bring `web_client/app/dist` up to date. Raises `Failure`."""
    if not (folder / "package.json").is_file():
        say("• there is no web_client/package.json: no page to build")
        return
    build(folder, BUILT, "page", lambda: digest(sources(folder), folder))


def build(folder: Path, built: Path, name: str, inputs: Callable[[], str]) -> None:
    """Run the build script of `folder` when what it is made of, `inputs`, has changed or `built` is gone; `name` is for people. Raises `Failure`."""
    stamp = TOOLS / f"{name}.stamp"
    index = folder / built / "index.html"

    def is_built() -> bool:
        return index.is_file() and _read(stamp) == inputs()

    if is_built():
        return
    with locked(TOOLS / f"{name}.lock", f"building the {name}"):
        if is_built():
            return
        env = packages(folder, name)
        with step(f"building the {name}"):
            before = inputs()
            run(["npm", "run", "--silent", "build"], what=f"building the {name}", cwd=folder, env=env)
        if not index.is_file():
            raise Failure(f"building the {name} left no {index}; look at the build script of {folder.name}/package.json")
        stamp.write_text(before, encoding="utf-8")


def packages(folder: Path = WEB_CLIENT, name: str = "page") -> dict[str, str]:
    """Install the packages of `folder` from their lock; returns the environment in which npm runs. Raises `Failure`."""
    env = {**node_environment(os.environ), "PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD": "1", "NPM_CONFIG_UPDATE_NOTIFIER": "false"}
    wanted = digest(_manifests(folder), folder)
    stamp = folder / "node_modules" / ".visavis"
    if _read(stamp) != wanted:
        if not (folder / "package-lock.json").is_file():
            raise Failure(f"{folder.name}/package-lock.json is missing, and packages are installed from a lock only; run `make lock`")
        what = f"installing the packages of the {name}"
        with step(what):
            # their install scripts are not needed, so that they are not run
            run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], what=what, cwd=folder, env=env)
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
    """Every file below `folder` that a person wrote, in a fixed order, without packages apart."""
    found: list[Path] = []
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in _MADE | _APART)
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


def _read(stamp: Path) -> str:
    try:
        return stamp.read_text(encoding="utf-8")
    except OSError:
        return ""
