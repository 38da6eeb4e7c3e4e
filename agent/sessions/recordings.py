"""Recordings of conversations: Ogg files in one folder, for their owner alone, named `SESSION.WALL_MS.ogg`. A session that was resumed has several."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from typing import Final

NAME: Final = re.compile(r"([A-Za-z0-9_][A-Za-z0-9_.:-]{0,63})\.(\d+)\.ogg")


class Recordings:
    """Every method may raise `OSError`."""

    def __init__(self, folder: Path) -> None:
        self.folder: Final = folder

    def create(self, session: str, wall_ms: int) -> Path:
        """A new, empty file for what begins at `wall_ms` (Unix time)."""
        file = self.folder / f"{session}.{wall_ms}.ogg"
        if NAME.fullmatch(file.name) is None:
            raise OSError(f"expected a session's id of letters, digits and _.:-, not {session[:64]!r}")
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        return file

    def all(self) -> dict[str, list[Path]]:
        """The files of each session, the oldest first."""
        found: dict[str, list[tuple[int, Path]]] = {}
        for file in self.folder.glob("*.ogg"):
            if (name := NAME.fullmatch(file.name)) is not None:
                found.setdefault(name[1], []).append((int(name[2]), file))
        return {session: [file for _, file in sorted(files)] for session, files in found.items()}

    def of(self, session: str) -> list[Path]:
        """The session's files, the oldest first."""
        return self.all().get(session, [])

    def export(self, session: str, out: Path) -> list[Path]:
        """Copy the session's recording to `out`; where there are several, to `out` with -1, -2, … behind its name. Returns what was written."""
        files = self.of(session)
        targets = [out] if len(files) == 1 else [out.with_stem(f"{out.stem}-{number}") for number in range(1, len(files) + 1)]
        for file, target in zip(files, targets, strict=True):
            with file.open("rb") as source, open(os.open(target, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "wb") as copy:
                shutil.copyfileobj(source, copy)
        return targets

    def remove(self, session: str) -> int:
        """Remove the session's files; one that is being recorded ends. Returns how many there were."""
        files = self.of(session)
        for file in files:
            file.unlink(missing_ok=True)
        return len(files)

    def sweep(self, before_ms: int) -> int:
        """Remove files that were last written before (Unix time). Returns how many."""
        old = [file for files in self.all().values() for file in files if file.stat().st_mtime * 1000 < before_ms]
        for file in old:
            file.unlink(missing_ok=True)
        return len(old)
