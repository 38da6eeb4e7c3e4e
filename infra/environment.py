"""The virtual environment: made from the hashed lock, stamped so that a second run has nothing to do, and safe to interrupt at any point."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import NamedTuple

from infra.console import Failure, locked, output, step
from infra.paths import PYTHON, ROOT, TOOLS, VENV
from infra.toolchain import REQUIREMENTS, run_uv, version

PYTHONS = ">=3.11,<3.13"
BUILD_HASHES = REQUIREMENTS / "build.txt"
STAMP = VENV / "visavis.json"


class Stamp(NamedTuple):
    """What a finished environment holds: with the developers' tools or not, and the digest of all that decided its content."""

    dev: bool
    digest: str


def ensure(dev: bool) -> None:
    """Bring `.venv` up to date. Raises `Failure`."""
    if _missing(dev) is None:
        return
    with locked(TOOLS / "environment.lock", "setting up"):
        level = _missing(dev)
        if level is None:
            return
        with step("installing the Python packages" + (" and the developers' tools" if level else "")):
            _install(level)
        write_stamp(STAMP, Stamp(level, digest(level)))


def missing(stamp: Stamp | None, dev: bool, digests: dict[bool, str]) -> bool | None:
    """Which level is to be installed (True: with the developers' tools), or None when `stamp` shows that all is there.

    An environment with the developers' tools serves as well where they are not asked for, and stays one.
    """
    level = dev or (stamp is not None and stamp.dev)
    return None if stamp is not None and stamp.dev == level and stamp.digest == digests[level] else level


def digest(dev: bool, root: Path = ROOT) -> str:
    """Of the lock, the project's own metadata and its place (scripts in an environment name their interpreter by its full path)."""
    state = hashlib.sha256(str(root).encode())
    for file in (lock_file(dev, root), root / "pyproject.toml", BUILD_HASHES):
        state.update(b"\0" + file.read_bytes())
    return state.hexdigest()


def lock_file(dev: bool, root: Path = ROOT) -> Path:
    return root / ("requirements-dev.txt" if dev else "requirements.txt")


def read_stamp(file: Path) -> Stamp | None:
    """The stamp, or None when there is none or it cannot be read: then everything is done again."""
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
        return Stamp(bool(found["dev"]), str(found["digest"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write_stamp(file: Path, stamp: Stamp) -> None:
    partial = file.with_name(file.name + ".partial")
    partial.write_text(json.dumps(stamp._asdict()), encoding="utf-8")
    partial.replace(file)


def _missing(dev: bool) -> bool | None:
    stamp = read_stamp(STAMP) if (VENV / "bin" / "visavis").is_file() else None
    if stamp is not None and not _usable():
        return dev or stamp.dev
    return missing(stamp, dev, {True: digest(True), False: digest(False)})


def _usable() -> bool:
    """Whether the environment's interpreter still runs: the Python that it was made from may be gone."""
    return (3, 11) <= version(output([PYTHON, "--version"])) < (3, 13)


def _install(dev: bool) -> None:
    # always afresh: uv links the packages from its cache, and what a moved clone or an interrupted run has left is gone
    run_uv(
        *("venv", "--quiet", "--clear", "--python", PYTHONS, VENV),
        what="making .venv",
        hint=f"Python {PYTHONS} is needed: install one with your system's packages, or let uv reach the place that it downloads Pythons from",
    )
    run_uv(
        *("pip", "sync", "--python", PYTHON, "--compile-bytecode", "--require-hashes", "--build-constraints", BUILD_HASHES, lock_file(dev)),
        what="installing the Python packages",
        hint="If the package index cannot be reached, set pip's or uv's own mirror setting (PIP_INDEX_URL, UV_DEFAULT_INDEX, pip.conf or uv.toml)",
    )
    run_uv(
        *("pip", "install", "--quiet", "--python", PYTHON, "--no-deps", "--build-constraints", BUILD_HASHES, "--editable", ROOT),
        what="installing Visavis itself",
    )
    if not (VENV / "bin" / "visavis").is_file():
        raise Failure(f"{VENV / 'bin' / 'visavis'} was not made; remove .venv and run this again")
