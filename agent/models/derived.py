"""Files that are made from models on this machine: a graph with an output more, a requantised file."""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import filelock

from agent.models.download import disk_error
from agent.models.errors import ModelError
from agent.models.layout import Layout

logger = logging.getLogger("visavis.models")


@dataclass(frozen=True, slots=True)
class Derived:
    """A file made once from the models `inputs` and kept.

    `make(inputs, out_path)` gets the path of each input by name and writes `out_path`, a file called `filename` or a folder. Raise `version`
    whenever `make` would write something else; what depends on the machine (its CPU, say) belongs into it, too.
    """

    name: str
    inputs: tuple[str, ...]
    version: str
    make: Callable[[Mapping[str, Path], Path], None]
    filename: str

    def key(self, identities: Mapping[str, str]) -> str:
        """Names the result by the inputs' content and the version."""
        lines = [self.name, self.version, self.filename, *(f"{name} {identities[name]}" for name in self.inputs)]
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:12]


def derived_path(derived: Derived, layout: Layout, identities: Mapping[str, str]) -> Path:
    """Where the derived file is, once it is made."""
    return layout.derived / derived.name / derived.key(identities) / derived.filename


def derive(derived: Derived, layout: Layout, inputs: Mapping[str, Path], identities: Mapping[str, str]) -> Path:
    """The derived file, made now if it is not there; other processes wait meanwhile. Blocks.

    Results of other versions and inputs are left alone: another clone may use them. Raises `ModelError`.
    """
    path = derived_path(derived, layout, identities)
    folder = path.parent
    if path.exists():
        return path
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(folder.with_suffix(".lock"), thread_local=False):
            if path.exists():
                return path
            with tempfile.TemporaryDirectory(dir=folder.parent, prefix="work-", ignore_cleanup_errors=True) as work:
                made = Path(work) / "made"
                made.mkdir()
                logger.info("making %s from %s, once", derived.filename, ", ".join(derived.inputs))
                derived.make(inputs, made / derived.filename)
                if not (made / derived.filename).exists():
                    raise ModelError(f"the maker of {derived.name} wrote nothing to {derived.filename}")
                _settle(made)
                shutil.rmtree(folder, ignore_errors=True)
                made.replace(folder)
    except OSError as error:
        raise disk_error(error, path) from error
    return path


def _settle(folder: Path) -> None:
    """Have it on the disk: it may be taken for whole after a crash, and writing a gigabyte later would disturb who measures or speaks then."""
    for file in folder.rglob("*"):
        if file.is_file():
            with file.open("rb+") as opened:
                os.fsync(opened.fileno())
