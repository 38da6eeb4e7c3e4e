"""Sessions that have left the store: a gzip file of JSON lines each, in a folder for their owner alone."""

from __future__ import annotations

import gzip
import os
import re
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from agent.sessions.events import UNREADABLE, BadEvent, Event, parse, unreadable, upcast
from agent.sessions.store import PAGE, SessionInfo, StoreError

NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:-]{0,63}")
SUFFIX: Final = ".jsonl.gz"


class Archive:
    """Every method may raise `StoreError`. A file that was broken off is read as far as it goes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StoreError(f"the archive {self._folder}: {error}") from error

    def _file(self, session: str) -> Path:
        return self._folder / f"{session}{SUFFIX}"

    def add(self, session: str, events: Sequence[Event]) -> None:
        """Put away those events of a session that are not there yet; when it returns they survive a power cut."""
        last = max((event.seq for event in self._events(session)), default=0)
        new = [event for event in events if event.seq > last and event.type != UNREADABLE]
        if not new or NAME.fullmatch(session) is None:
            return
        file = self._file(session)
        partial = file.with_name(f"{file.name}.{os.getpid()}.partial")
        with self._told():
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            with open(os.open(partial, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "wb") as out:
                with suppress(FileNotFoundError):
                    out.write(file.read_bytes())
                out.write(gzip.compress("".join(event.line() + "\n" for event in new).encode()))
                out.flush()
                os.fsync(out.fileno())
            partial.replace(file)

    def read(self, session: str, from_seq: int = 1, limit: int = PAGE) -> list[Event]:
        """As `store.Store.read`."""
        return sorted((event for event in self._events(session) if event.seq >= from_seq), key=lambda event: event.seq)[:limit]

    def _events(self, session: str) -> Iterator[Event]:
        """A line that is torn takes the number after the one before it."""
        seq = 0
        for line in self._lines(session):
            try:
                event = upcast(parse(line))
            except BadEvent as error:
                event = unreadable(session, seq + 1, str(error))
            seq = event.seq
            yield event

    def _lines(self, session: str) -> Iterator[bytes]:
        if NAME.fullmatch(session) is None:
            return
        with self._told():
            try:
                with gzip.open(self._file(session), "rb") as file:
                    yield from file
            except (FileNotFoundError, EOFError, gzip.BadGzipFile, zlib.error):
                return

    def info(self, session: str) -> SessionInfo | None:
        first = last = None
        for event in self._events(session):
            first, last = first or event, event
        if first is None or last is None:
            return None
        about = first.d if first.type == "session" else {}
        org, user, persona = (str(about.get(name, "")) for name in ("org", "user", "persona"))
        ended = str(last.d.get("reason", "")) if last.type == "session_end" else None
        return SessionInfo(session, org, user, persona, first.wall_ms, last.wall_ms, last.seq, ended)

    def sessions(self) -> list[str]:
        with self._told():
            return sorted(file.name.removesuffix(SUFFIX) for file in self._folder.glob(f"*{SUFFIX}"))

    def remove(self, session: str) -> bool:
        """Returns whether there was a file."""
        if NAME.fullmatch(session) is None or not self._file(session).exists():
            return False
        with self._told():
            self._file(session).unlink(missing_ok=True)
        return True

    def sweep(self, before_ms: int) -> int:
        """Remove files that were written before. Returns how many."""
        with self._told():
            old = [s for s in self.sessions() if self._file(s).stat().st_mtime * 1000 < before_ms]
        return sum(self.remove(session) for session in old)
