"""Remembers which files were hashed and found good, by size and time of change, so that a start need not read gigabytes again."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from pathlib import Path

logger = logging.getLogger("visavis.models")


def write_stamp(stamp: Path, files: Sequence[Path]) -> None:
    """Note that `files` are good as they are now."""
    try:
        stamp.parent.mkdir(parents=True, exist_ok=True)
        temporary = stamp.with_name(f"{stamp.name}.new")
        temporary.write_text(json.dumps(_state(files)))
        temporary.replace(stamp)
    except OSError as error:  # a cache that is mounted read-only works, too
        logger.info("the check of %s cannot be remembered: %s", files[0].parent, error)


def stamp_holds(stamp: Path, files: Sequence[Path]) -> bool:
    """Whether nothing has touched `files` since `write_stamp`."""
    try:
        return bool(json.loads(stamp.read_text()) == _state(files))
    except (OSError, ValueError):
        return False


def _state(files: Sequence[Path]) -> dict[str, list[int]]:
    return {str(file): [file.stat().st_size, file.stat().st_mtime_ns] for file in files}
