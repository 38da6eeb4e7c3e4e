"""The platforms that Visavis runs on, and a clear refusal for the others."""

from __future__ import annotations

import os
import platform
import sys
from typing import NamedTuple

GLIBC = {"x86_64": (2, 34), "aarch64": (2, 28)}
"""The oldest glibc by machine: what the compiled packages are built for."""

MACOS = (14, 0)

SUPPORTED = (
    "Supported: Linux on x86_64 (glibc 2.34 or newer: Ubuntu 22.04, Debian 12, Fedora 35, RHEL 9) and on arm64 (glibc 2.28 or newer), "
    "macOS 14 or newer on Apple silicon, and Windows through WSL2."
)


class Machine(NamedTuple):
    """What decides: `system` as `sys.platform` names it, `machine` as uname does, versions as far as they apply."""

    system: str
    machine: str
    glibc: tuple[int, int] | None = None
    macos: tuple[int, int] = (0, 0)


def this_machine() -> Machine:
    return Machine(sys.platform, platform.machine().lower(), _glibc(), _version(platform.mac_ver()[0]))


def refusal(machine: Machine) -> str | None:
    """Why Visavis cannot run on `machine`, or None when it can."""
    reason = _reason(machine)
    return f"Visavis does not run here: {reason}.\n{SUPPORTED}" if reason else None


def _reason(machine: Machine) -> str | None:
    name = {"arm64": "aarch64", "amd64": "x86_64"}.get(machine.machine, machine.machine)
    if machine.system == "darwin":
        if name != "aarch64":
            return "this Python runs on an Intel processor (on a Mac with Apple silicon, use a native python3 instead of one under Rosetta)"
        if machine.macos < MACOS:
            return "this is macOS {}.{}".format(*machine.macos)
        return None
    if machine.system != "linux":
        return f"this is {machine.system}" + ("; open a WSL2 terminal" if machine.system in ("win32", "cygwin", "msys") else "")
    if name not in GLIBC:
        return f"there are no packages for Linux on {machine.machine}"
    if machine.glibc is None:
        return "this Linux has another C library than glibc (Alpine's musl, for instance)"
    if machine.glibc < GLIBC[name]:
        return "this is glibc {}.{}, and {}.{} is needed".format(*machine.glibc, *GLIBC[name])
    return None


def _glibc() -> tuple[int, int] | None:
    try:
        text = os.confstr("CS_GNU_LIBC_VERSION") or ""
    except (AttributeError, ValueError, OSError):
        return None
    return _version(text.split()[-1]) if text.startswith("glibc") else None


def _version(text: str) -> tuple[int, int]:
    numbers = [int(part) for part in text.split(".")[:2] if part.isdigit()]
    return (numbers[0] if numbers else 0, numbers[1] if len(numbers) > 1 else 0)
