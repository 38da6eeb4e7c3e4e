"""One session's part of the journal, and all sessions of a process.

A chronicle gives its events their numbers, leaves out what is not to be written down, and knows whether the session is still this process's.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from agent import config
from agent.aio import Tasks
from agent.sessions import tickets
from agent.sessions.clock import wall_ms
from agent.sessions.content import without_content
from agent.sessions.events import Event
from agent.sessions.holding import Holding
from agent.sessions.journal import Journal
from agent.sessions.ownership import Ownership
from agent.sessions.recorder import Recorder
from agent.sessions.secrets import ResumeRefused
from agent.sessions.standing import Standing
from agent.sessions.state import START, State
from agent.sessions.store import Store, StoreError, standing_of
from agent.sessions.stores import is_local, opener, recordings_of
from agent.sessions.take import Take, Unrecorded
from agent.sessions.tenure import ALONE, Terms
from agent.sessions.tickets import Ticket
from agent.widget import state as rounds

logger = logging.getLogger("visavis.sessions")

SETTLE_SECONDS: Final = 3.0
"""A session that is given back waits so long for the store to take what was written."""
PATIENCE_SECONDS: Final = 2.0
"""A client that comes back waits so long for its session: an owner that is closing gives it back, one that died is replaced."""
OFF: Final = "no journal is kept"


@dataclass(frozen=True, slots=True)
class Owned:
    """By which a session is owned, and by which it is given back."""

    ownership: Ownership
    holding: Holding
    tasks: Tasks


class Chronicle:
    """Of one session. Media time `t` and generation `gen` are the caller's. What `d` holds is not changed afterwards by anybody."""

    def __init__(
        self,
        journal: Journal | None,
        session: str,
        *,
        words: bool,
        owned: Owned | None = None,
        after: State = START,
        recorder: Recorder | None = None,
    ) -> None:
        """`journal`: None writes nothing; `words`: whether what is said is written down; `owned`: None for a session that nobody can take, or come back to; `after`:
        where it goes on; `recorder`: None records nothing."""
        self.round = after.round
        """The number of the round, for events from now on."""
        self._journal = journal
        self._session = session
        self._words = words
        self._owned = owned
        self._owner = None if owned is None else owned.holding
        self._seq = after.seq
        self._released = False
        self._on_lost: Callable[[], None] = _nothing
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

    def may_act(self) -> bool:
        """Whether this process may speak for the session now. Costs next to nothing: to be asked before every block of sound."""
        return self._owner is None or self._owner.may_act()

    @property
    def on_lost(self) -> Callable[[], None]:
        """Called on the event loop, once, when the session belongs to another worker for good: fall silent, and end without a word in the journal."""
        return self._on_lost

    @on_lost.setter
    def on_lost(self, callback: Callable[[], None]) -> None:
        self._on_lost = callback
        if self._owner is not None:
            self._owner.on_lost = callback

    def write(self, kind: str, d: Mapping[str, Any], *, t: int, gen: int) -> None:
        """It happened. Costs the caller next to nothing, and may be lost with the process if that dies within the next moments."""
        if self._journal is not None and not self._gone:
            self._journal.append(self._event(kind, d, t, gen), self._owner)

    def commit(self, kind: str, d: Mapping[str, Any], *, t: int, gen: int) -> asyncio.Future[bool] | None:
        """It happened, and somebody relies on it: see `Journal.commit`. False: the session is another's, and nothing may come of it. None when nothing is to be waited for,
        because it is not, or cannot now be, written down."""
        if self._journal is None:
            return None
        if self._gone:
            refused: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
            refused.set_result(False)
            return refused
        kept = self._journal.commit(self._event(kind, d, t, gen), self._owner)
        return None if self._journal.problem is not None else kept

    @property
    def _gone(self) -> bool:
        return self._released or (self._owner is not None and self._owner.lost)

    async def ticket(self, user: str) -> Ticket | None:
        """A new resume secret for the user. None when nothing could be resumed: no journal is kept, or it fails, or the session is not ours."""
        owned = self._owned
        if owned is None or self._journal is None or self._journal.problem is not None or not owned.holding.token or not self.may_act():
            return None
        try:
            return await owned.ownership.ask(lambda store: tickets.issue(store, self._session, user))
        except StoreError as error:
            logger.warning("no resume secret can be given: %s", error)
            return None

    def confirm(self, number: int) -> None:
        """The client has got the secret of that number: those before it are good no more. Returns at once."""
        if self._owned is not None and not self._gone:
            self._owned.tasks.start(self._confirm(self._owned.ownership, number), "confirm a resume secret")

    async def _confirm(self, ownership: Ownership, number: int) -> None:
        try:
            await ownership.ask(lambda store: tickets.confirm(store, self._session, number))
        except StoreError as error:
            logger.warning("older resume secrets stay good for a while: %s", error)

    async def release(self, *, over: bool, orphan: bool = False) -> None:
        """Wait, for a few seconds at most, until what was written is in the store, then give the session back. `over`: nobody comes back to it. `orphan`: it goes on, and
        waits for any worker that adopts it. What is written afterwards is lost. May be called twice."""
        if self._journal is None or self._released:
            return
        self._released = True
        try:
            settled = await asyncio.wait_for(self._journal.settled(), SETTLE_SECONDS)
        except TimeoutError:
            settled = False
        self._journal.leave(self._session)
        if self._owned is None or self._owned.holding.lost:
            return
        ownership, holding = self._owned.ownership, self._owned.holding
        if not settled:
            ownership.lapse(holding)
            return
        if over:
            try:
                await ownership.ask(lambda store: store.drop_ring(self._session))
            except StoreError as error:
                logger.warning("the resume secrets of a session that is over stay until they expire: %s", error)
        await ownership.release(holding, orphan=orphan)

    def _event(self, kind: str, d: Mapping[str, Any], t: int, gen: int) -> Event:
        self._seq += 1
        event = Event(self._session, self._seq, wall_ms(), t, gen, self.round, kind, d)
        return event if self._words else without_content(event)


@dataclass(frozen=True, slots=True)
class Returned:
    """A session that goes on here: what it and its rounds had come to. `chronicle` goes on after the last event; `state.seq` is 0 where the store holds none."""

    chronicle: Chronicle
    state: State
    rounds: rounds.State


def _nothing() -> None:
    """Nobody wants to be told."""


class Chronicler:
    """Made once a process; `start` and all else are called on its event loop."""

    def __init__(self, settings: config.Journal, *, terms: Terms | None = None) -> None:
        """`terms` of the leases: by default long ones where the store is a file of this machine. Raises `ConfigError`."""
        self._words = settings.keeps_words
        recordings = recordings_of(settings)
        self.recorder = Recorder(recordings) if settings.recording else None
        self.journal: Journal | None = None
        self._ownership: Ownership | None = None
        if settings.content != "off":
            local = is_local(settings)
            self._open_store = opener(settings)
            self.journal = Journal(self._open_store, retention_days=settings.retention_days, sweep_files=recordings.sweep)
            self._ownership = Ownership(opener(settings, hurried=True), terms=terms or (ALONE if local else Terms()), local=local)
        self._tasks = Tasks("chronicles")

    def start(self) -> None:
        if self.recorder is not None:
            self.recorder.start()
        if self.journal is not None and self._ownership is not None:
            self.journal.start()
            self._ownership.start()

    def open(self, session: str) -> Chronicle:
        """Of a session that is not owned: nobody can come back to it."""
        return Chronicle(self.journal, session, words=self._words, recorder=self.recorder)

    async def begin(self, session: str, *, adoptable: bool = False) -> Chronicle:
        """Of a new session, owned by this process. `adoptable`: another worker may go on with it when this one dies. Raises nothing: a store that is away is not waited for."""
        if self._ownership is None:
            return self.open(session)
        return self._chronicle(self._ownership, await self._ownership.begin(session, adoptable=adoptable))

    async def claim(self, session: str, user: str, secret: str) -> Ticket:
        """A client shows a resume secret, and gets a new one for it. Raises `ResumeRefused` and `StoreError`."""
        if self._ownership is None:
            raise ResumeRefused("wrong")
        return await self._ownership.ask(lambda store: tickets.use(store, session, user, secret))

    async def reopen(self, session: str, *, adoptable: bool = False) -> Returned:
        """Go on with a session whose client has come back. Waits a while for an owner that is closing, or died. Raises `Taken` and `StoreError`."""
        return await self._go_on(session, adoptable, PATIENCE_SECONDS)

    async def adopt(self, session: str) -> Returned:
        """Go on with an orphan. Raises `Taken`, when another was faster, and `StoreError`."""
        return await self._go_on(session, True, 0.0)

    async def orphans(self) -> list[str]:
        """Adoptable sessions that nobody owns: the worker died, or gave them back as orphans. Raises `StoreError`."""
        return [] if self._ownership is None else await self._ownership.ask(lambda store: store.orphans())

    async def _go_on(self, session: str, adoptable: bool, patience_seconds: float) -> Returned:
        if self._ownership is None or self.journal is None:
            raise StoreError(OFF)
        holding = await self._ownership.take(session, adoptable=adoptable, patience_seconds=patience_seconds)
        try:
            standing = await asyncio.to_thread(_fold, self._open_store, session)
        except BaseException:
            self._tasks.start(self._ownership.release(holding, orphan=adoptable), "give back a session that cannot be read")
            raise
        self.journal.resume(session, standing)
        return Returned(self._chronicle(self._ownership, holding, standing.state), standing.state, standing.rounds)

    def _chronicle(self, ownership: Ownership, holding: Holding, after: State = START) -> Chronicle:
        return Chronicle(
            self.journal,
            holding.session,
            words=self._words,
            owned=Owned(ownership, holding, self._tasks),
            after=after,
            recorder=self.recorder,
        )

    def problems(self) -> list[str]:
        """What keeps the journal, or recordings, from keeping what they are told, in plain words."""
        kept = (part.problem for part in (self.journal, self.recorder) if part is not None)
        return [problem for problem in kept if problem is not None]

    async def aclose(self) -> None:
        """Write what is left, and give back what is held; after the conversations have ended."""
        await self._tasks.aclose()
        if self.recorder is not None:
            await self.recorder.aclose()
        if self.journal is not None and self._ownership is not None:
            await self.journal.aclose()
            await self._ownership.aclose()


def _fold(open_store: Callable[[], Store], session: str) -> Standing:
    """In a thread of its own, with a store of its own: neither the conversations nor the leases wait for it."""

    async def fold() -> Standing:
        store = open_store()
        try:
            return await standing_of(store, session)
        finally:
            await store.aclose()

    return asyncio.run(fold())
