"""One session's part of the journal: gives its events their numbers, leaves out what is not to be written down, and knows whether the session is still this worker's."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from agent import config
from agent.sessions.content import without_content
from agent.sessions.events import Event
from agent.sessions.journal import Journal
from agent.sessions.secrets import ResumeRefused
from agent.sessions.state import State
from agent.sessions.stores import opener
from agent.widget import state as rounds


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a client is given to come back with. `number` is no secret: by it the client tells that it has got this one. Good for `ttl_ms`."""

    secret: str
    number: int
    ttl_ms: int


class Chronicle:
    """Of one session. Media time `t` and generation `gen` are the caller's. What `d` holds is not changed afterwards by anybody."""

    def __init__(self, journal: Journal | None, session: str, *, words: bool) -> None:
        """`journal`: None writes nothing; `words`: whether what is said is written down."""
        self.round = 0
        """The number of the round, for events from now on."""
        self.on_lost: Callable[[], None] = lambda: None
        """Called on the event loop, once, when the session belongs to another worker for good: fall silent, and end without a word in the journal."""
        self._journal = journal
        self._session = session
        self._words = words
        self._seq = 0

    @property
    def stored(self) -> bool:
        """Whether what is said now is written down beyond the session: not while the journal cannot."""
        return self._journal is not None and self._words and self._journal.problem is None

    def may_act(self) -> bool:
        """Whether this worker may speak for the session now. Costs next to nothing: to be asked before every block of sound."""
        return True

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

    async def ticket(self, user: str) -> Ticket | None:
        """A new resume secret for the user. None when nothing could be resumed: no journal is kept, or it fails."""
        raise NotImplementedError

    def confirm(self, number: int) -> None:
        """The client has got the secret of that number: those before it are good no more. Returns at once."""
        raise NotImplementedError

    async def release(self, *, over: bool, orphan: bool = False) -> None:
        """Wait, for a few seconds at most, until what was written is in the store, then give the session back. `over`: nobody comes back to it. `orphan`: it goes on, and
        waits for any worker that adopts it. What is written afterwards is lost."""
        raise NotImplementedError

    def _event(self, kind: str, d: Mapping[str, Any], t: int, gen: int) -> Event:
        self._seq += 1
        event = Event(self._session, self._seq, time.time_ns() // 1_000_000, t, gen, self.round, kind, d)
        return event if self._words else without_content(event)


@dataclass(frozen=True, slots=True)
class Returned:
    """A session that goes on here: what it and its rounds had come to. `chronicle` goes on after the last event."""

    chronicle: Chronicle
    state: State
    rounds: rounds.State


def unwritten(session: str) -> Chronicle:
    """Of a session of which nothing is written down."""
    return Chronicle(None, session, words=False)


class Chronicler:
    """Made once a process: its journal, as configured, and a chronicle for each session."""

    def __init__(self, settings: config.Journal) -> None:
        """Raises `ConfigError`."""
        self._words = settings.keeps_words
        off = settings.content == "off"
        self.journal = None if off else Journal(opener(settings), retention_days=settings.retention_days)

    def start(self) -> None:
        if self.journal is not None:
            self.journal.start()

    def open(self, session: str) -> Chronicle:
        """Of a session that is not owned: nobody can come back to it."""
        return Chronicle(self.journal, session, words=self._words)

    async def begin(self, session: str, *, adoptable: bool = False) -> Chronicle:
        """Of a new session, owned by this process. `adoptable`: another worker may go on with it when this one dies. Raises nothing: a store that is away is not waited for."""
        raise NotImplementedError

    async def claim(self, session: str, user: str, secret: str) -> Ticket:
        """A client shows a resume secret, and gets a new one for it. Raises `ResumeRefused` and `StoreError`."""
        raise ResumeRefused("wrong")

    async def reopen(self, session: str, *, adoptable: bool = False) -> Returned:
        """Go on with a session whose client has come back. Waits a while for an owner that died. Raises `Taken` and `StoreError`."""
        raise NotImplementedError

    async def adopt(self, session: str) -> Returned:
        """Go on with an orphan. Raises `Taken`, when another was faster, and `StoreError`."""
        raise NotImplementedError

    async def orphans(self) -> list[str]:
        """Adoptable sessions that nobody owns: the worker died, or gave them back as orphans. Raises `StoreError`."""
        return []

    def problems(self) -> list[str]:
        """What keeps the journal from keeping what it is told, in plain words."""
        return [] if self.journal is None or self.journal.problem is None else [self.journal.problem]

    async def aclose(self) -> None:
        """Write what is left; after the conversations have ended."""
        if self.journal is not None:
            await self.journal.aclose()
