"""One session's part of the journal: gives its events their numbers, and leaves out what is not to be written down."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from agent import config
from agent.sessions.content import without_content
from agent.sessions.events import Event
from agent.sessions.journal import Journal
from agent.sessions.recorder import Recorder
from agent.sessions.stores import opener, recordings_of
from agent.sessions.take import Take, Unrecorded


class Chronicle:
    """Of one session. Media time `t` and generation `gen` are the caller's. What `d` holds is not changed afterwards by anybody."""

    def __init__(self, journal: Journal | None, session: str, *, words: bool, recorder: Recorder | None = None) -> None:
        """`journal`: None writes nothing; `words`: whether what is said is written down; `recorder`: None records nothing."""
        self._journal = journal
        self._session = session
        self._words = words
        self._seq = 0
        self._recorder = recorder

    @cached_property
    def sound(self) -> Take | Unrecorded:
        """Where the sound of both sides is recorded, if it is. It is to be closed."""
        return Unrecorded() if self._recorder is None else self._recorder.open(self._session, self._recorded)

    def _recorded(self, file: str, t0: int, wall_ms: int) -> None:
        self.write("recording", {"file": file, "t0": t0, "wall_ms": wall_ms}, t=t0, gen=0)

    @property
    def stored(self) -> bool:
        """Whether what is said now is written down beyond the session: not while the journal cannot."""
        return self._journal is not None and self._words and self._journal.problem is None

    def write(self, kind: str, d: Mapping[str, Any], *, t: int, gen: int) -> None:
        """It happened. Costs the caller next to nothing, and may be lost with the process if that dies within the next moments."""
        if self._journal is not None:
            self._journal.append(self._event(kind, d, t, gen))

    def commit(self, kind: str, d: Mapping[str, Any], *, t: int, gen: int) -> asyncio.Future[bool] | None:
        """It happened, and somebody relies on it: see `Journal.commit`. None when nothing is to be waited for, because it is not, or cannot now be, written down."""
        if self._journal is None:
            return None
        kept = self._journal.commit(self._event(kind, d, t, gen))
        return None if self._journal.problem is not None else kept

    def _event(self, kind: str, d: Mapping[str, Any], t: int, gen: int) -> Event:
        self._seq += 1
        event = Event(self._session, self._seq, time.time_ns() // 1_000_000, t, gen, 0, kind, d)
        return event if self._words else without_content(event)


def unwritten(session: str) -> Chronicle:
    """Of a session of which nothing is written down."""
    return Chronicle(None, session, words=False)


class Chronicler:
    """Made once a process: its journal, as configured, and a chronicle for each session."""

    def __init__(self, settings: config.Journal) -> None:
        """Raises `ConfigError`."""
        self._words = settings.keeps_words
        off = settings.content == "off"
        recordings = recordings_of(settings)
        self.journal = None if off else Journal(opener(settings), retention_days=settings.retention_days, sweep_files=recordings.sweep)
        self.recorder = Recorder(recordings) if settings.recording else None

    def start(self) -> None:
        if self.recorder is not None:
            self.recorder.start()
        if self.journal is not None:
            self.journal.start()

    def open(self, session: str) -> Chronicle:
        return Chronicle(self.journal, session, words=self._words, recorder=self.recorder)

    def problems(self) -> list[str]:
        """What keeps the journal, or recordings, from keeping what they are told, in plain words."""
        kept = (part.problem for part in (self.journal, self.recorder) if part is not None)
        return [problem for problem in kept if problem is not None]

    async def aclose(self) -> None:
        """Write what is left; after the conversations have ended."""
        if self.recorder is not None:
            await self.recorder.aclose()
        if self.journal is not None:
            await self.journal.aclose()
