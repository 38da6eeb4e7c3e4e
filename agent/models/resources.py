"""Which set of models fits this machine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil  # type: ignore[import-untyped]

from agent.models.errors import NotEnoughMemory
from agent.models.fetch import SPARE_BYTES, free_bytes
from agent.models.manifest import SETS, SetName
from agent.models.store import ModelStore

_OUT_OF_MEMORY: Final = ("bad_alloc", "cannot allocate memory", "failed to allocate", "out of memory")
FULL_MEMORY_BYTES: Final = 4_000_000_000
"""All models of `full` take 2.1 GB (`visavis bench start`) and, while they are loaded, the size of the language model's file; the rest is for conversations and for the
machine itself."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A set, and why, in words for the user."""

    set: SetName
    reason: str


def choose(store: ModelStore, memory_bytes: int | None = None, disk_bytes: int | None = None) -> Choice:
    """`full` if memory and disk allow it, otherwise `lite`. What is free is measured unless it is passed in."""
    memory = available_memory() if memory_bytes is None else memory_bytes
    disk = free_bytes(store.root) if disk_bytes is None else disk_bytes
    plan = store.plan(SETS["full"])
    needed = plan.disk_bytes + SPARE_BYTES if plan.models else 0
    figures = f"{memory / 1e9:.1f} GB of memory are free ({FULL_MEMORY_BYTES / 1e9:.0f} GB needed for a local language model)"
    if needed:
        figures += f", and {disk / 1e9:.1f} GB of disk ({needed / 1e9:.1f} GB needed)"
    if memory >= FULL_MEMORY_BYTES and disk >= needed:
        return Choice("full", f"full: {figures}")
    return Choice("lite", f"lite, without a local language model: only {figures}. MODELS=full takes one all the same")


def out_of_memory(error: BaseException | str) -> bool:
    """Whether a native library's error, or its last words, say that memory ran out; each says it in its own."""
    text = str(error).lower()
    return isinstance(error, MemoryError) or any(word in text for word in _OUT_OF_MEMORY)


def does_not_fit(what: str) -> NotEnoughMemory:
    """The error for people: what was being loaded, how much is free, and what to do."""
    return NotEnoughMemory(
        f"{what} does not fit into memory ({available_memory() / 1e9:.1f} GB are free, unless a limit allows this program less): "
        "end other programs, or take the small set of models (MODELS=lite)"
    )


def available_memory(proc: Path = Path("/proc/self/cgroup"), groups: Path = Path("/sys/fs/cgroup")) -> int:
    """Bytes that can be taken without swapping: what the system says, or what the control group of a container still allows."""
    available = int(psutil.virtual_memory().available)
    try:
        own = next(line[3:].strip().lstrip("/") for line in proc.read_text().splitlines() if line.startswith("0::"))
    except (OSError, StopIteration):
        return available
    group = groups / own
    while True:
        available = min(available, _group_allows(group, available))
        if group == groups or groups not in group.parents:
            return available
        group = group.parent


def _group_allows(group: Path, unlimited: int) -> int:
    try:
        limit = (group / "memory.max").read_text().strip()
        if limit == "max":
            return unlimited
        used = int((group / "memory.current").read_text())
        stat = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
    except (OSError, ValueError):
        return unlimited
    return max(0, int(limit) - used + int(stat.get("inactive_file", 0)))  # clean pages of files give way
