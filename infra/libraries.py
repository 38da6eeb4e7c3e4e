"""The system's libraries that compiled packages take for granted and a bare machine may lack."""

from __future__ import annotations

import ctypes
import shutil
import sys
from collections.abc import Callable, Mapping

from infra.console import Failure, is_root
from infra.toolchain import apt_install

NEEDED: Mapping[str, str] = {"libgomp.so.1": "libgomp1"}
"""Library: Debian's package. GNU OpenMP is what the language model computes with; it comes with a C compiler, too."""


def missing(loads: Callable[[str], bool] | None = None) -> list[str]:
    """Those of `NEEDED` that the dynamic linker does not find."""
    loads = loads or _loads
    return [library for library in NEEDED if not loads(library)]


def ensure() -> None:
    """Install what is missing where we are root on Debian; elsewhere raise `Failure` with what to install."""
    if sys.platform != "linux" or not missing():
        return
    if is_root() and shutil.which("apt-get"):
        apt_install(*(NEEDED[library] for library in missing()))
    if lacking := missing():
        raise Failure(refusal(lacking))


def refusal(lacking: list[str]) -> str:
    packages = " ".join(NEEDED[library] for library in lacking)
    return (
        f"this system lacks {', '.join(lacking)}. Install it and run this again:\n"
        f"  Debian, Ubuntu, WSL2:  sudo apt-get install {packages}\n"
        "  Fedora, RHEL:          sudo dnf install libgomp"
    )


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True
