"""The environment of the plain chain, which only `make bench` needs: the project's packages and those that it is measured against."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

from infra.console import step
from infra.environment import BUILD_HASHES
from infra.paths import ROOT, TOOLS
from infra.toolchain import run_uv

LOCK: Final = ROOT / "requirements-bench.txt"
FOLDER: Final = TOOLS / "bench"
PYTHON: Final = FOLDER / "bin" / "python"
_STAMP: Final = FOLDER / "visavis.sha256"


def ensure() -> Path:
    """The interpreter of the environment, made when it is not there. Raises `Failure`."""
    digest = hashlib.sha256(LOCK.read_bytes()).hexdigest()
    if not PYTHON.is_file() or not _STAMP.is_file() or _STAMP.read_text() != digest:
        with step("installing the packages of the plain chain"):
            run_uv("venv", "--quiet", "--clear", "--python", ">=3.11,<3.13", FOLDER, what="making the bench's environment")
            run_uv(
                *("pip", "sync", "--quiet", "--python", PYTHON, "--compile-bytecode", "--require-hashes"),
                *("--build-constraints", BUILD_HASHES, LOCK),
                what="installing the packages of the plain chain",
            )
            _STAMP.write_text(digest)
    return PYTHON
