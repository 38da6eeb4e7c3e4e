"""The system's libraries that compiled packages take for granted and a bare machine may lack."""

from __future__ import annotations

import ctypes
import shutil
import sys
from collections.abc import Mapping

from infra.console import Failure, is_root
from infra.toolchain import apt_install

NEEDED: Mapping[str, str] = {"libgomp.so.1": "libgomp1"}
"""Library: Debian's package. GNU OpenMP is what the language model computes with; it comes with a C compiler, too."""

BROWSER_TESTS: Mapping[str, str] = {"libatomic.so.1": "libatomic1"}
"""Playwright's driver is linked against it."""


def missing(needed: Mapping[str, str] = NEEDED) -> dict[str, str]:
    """Those of `needed` that the dynamic linker does not find."""
    return {library: package for library, package in needed.items() if sys.platform == "linux" and not _loads(library)}


def ensure() -> None:
    """Install what is missing where we are root on Debian; elsewhere raise `Failure` with what to install."""
    if not missing():
        return
    if is_root() and shutil.which("apt-get"):
        apt_install(*missing().values())
    if lacking := missing():
        raise Failure(refusal(lacking))


def refusal(lacking: Mapping[str, str]) -> str:
    packages = list(lacking.values())
    return (
        f"this system lacks {', '.join(lacking)}. Install it and run this again:\n"
        f"  Debian, Ubuntu, WSL2:  sudo apt-get install {' '.join(packages)}\n"
        f"  Fedora, RHEL:          sudo dnf install {' '.join(package.rstrip('1') for package in packages)}"
    )


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True
