"""Gives memory back that loading a model leaves behind."""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import Final

_DONT_NEED: Final = 4
"""MADV_DONTNEED of Linux: pages of a file come back from it when they are read again."""


def give_back_freed() -> None:
    """Return freed memory to the system: loading leaves behind as much as half of the model's size. Only glibc has a call for it."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def give_back_mapped(file: Path) -> int:
    """Let go of the pages of a mapped `file`: what is still read of it comes back, what was only copied from it does not. Tells how many bytes were let go;
    0 where the system has no /proc."""
    maps = Path("/proc/self/maps")
    if not maps.is_file():
        return 0
    advise = ctypes.CDLL(None).madvise
    advise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    given, path = 0, str(file.resolve())
    for line in maps.read_text(errors="replace").splitlines():
        span, _, *rest = line.split(maxsplit=5)
        if len(rest) == 4 and rest[-1] == path:
            start, end = (int(part, 16) for part in span.split("-"))
            given += end - start if advise(start, end - start, _DONT_NEED) == 0 else 0
    return given
