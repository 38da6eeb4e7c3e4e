"""Where model files lie: one folder for all clones and processes of a user.

MODEL/DIGEST/…      the files of a model; the folder appears whole or not at all
derived/NAME/KEY/…  files made from models on this machine
archives/           downloads that are not used up yet, `.part` while incomplete
work/               what is being put together
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from agent.models.model import Archive, Model


def default_root() -> Path:
    """`models` under VISAVIS_CACHE, or under `visavis` in the platform's cache folder."""
    if cache := os.environ.get("VISAVIS_CACHE"):
        return Path(cache).expanduser().absolute() / "models"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "visavis" / "models"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "visavis" / "models"


class Layout:
    def __init__(self, root: Path) -> None:
        self.root = root
        self.archives = root / "archives"
        self.work = root / "work"
        self.derived = root / "derived"
        self.lock = root / "fetch.lock"

    def folder(self, model: Model) -> Path:
        return self.root / model.name / model.digest

    def stamp(self, model: Model) -> Path:
        return self.folder(model) / ".stamp.json"

    def archive(self, archive: Archive) -> Path:
        return self.archives / archive.filename

    def part(self, archive: Archive) -> Path:
        return self.archives / f"{archive.filename}.part"

    def bytes_here(self, archive: Archive) -> int:
        """How much of an archive is on disk."""
        for path in (self.archive(archive), self.part(archive)):
            try:
                return path.stat().st_size
            except OSError:  # not there, or not reachable: whoever writes there will say which
                continue
        return 0
