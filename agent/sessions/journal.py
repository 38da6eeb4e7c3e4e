"""The journal of a process: takes events on the event loop at the price of a list append, and writes them in a thread of its own.

Nothing ever waits for it but those who ask to (`commit`). What waits to be written is bounded; a store that fails is tried again, with pauses that grow, while events
gather; what finds no room is lost and counted. `problem` says so in words as long as it lasts.
"""

from __future__ import annotations

import asyncio
import logging
import math
import threading
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final, TypeVar

from agent.sessions.backlog import Backlog, Owner, Waiting
from agent.sessions.events import Event
from agent.sessions.snapshots import Snapshots
from agent.sessions.standing import Standing
from agent.sessions.store import Store, StoreError

logger = logging.getLogger("visavis.sessions")

T = TypeVar("T")

BEHIND: Final = 0.5
"""The part of the room from which on it is told that the journal is behind."""
BATCH: Final = 256
"""Events that are written at once. More would keep the interpreter, and with it the event loop, for longer than a few milliseconds."""
GATHER_SECONDS: Final = 0.05
"""How long events gather that nobody waits for: one commit for all of them."""
FIRST_PAUSE_SECONDS: Final = 0.1
LONGEST_PAUSE_SECONDS: Final = 5.0
CLOSE_SECONDS: Final = 5.0
"""How long what is left may take to be written at the end."""
CHECK_SECONDS: Final = 5.0
"""How often an idle journal looks whether its store is still there."""
SWEEP_SECONDS: Final = 3_600.0
HURRIED_SECONDS: Final = 0.25


class _TooLate(Exception):
    """The journal ends, and its store has not come back."""


class Journal:
    """Made once a process; `start` and all else are called on its event loop."""

    def __init__(
        self,
        open_store: Callable[[], Store],
        *,
        retention_days: int,
        backlog: Backlog | None = None,
        sweep_files: Callable[[int], int] = lambda before_ms: 0,
    ) -> None:
        """`open_store` is called in the journal's thread. `sweep_files` removes what is kept beside the store and is older than Unix milliseconds; returns how many."""
        self.backlog = Backlog() if backlog is None else backlog
        self._open_store = open_store
        self._sweep_files = sweep_files
        self._retention_ms = retention_days * 86_400_000
        self._awaited = False
        """Somebody waits for an event that is in the backlog."""
        self._idle = False
        self._failure: str | None = None
        self._told_behind = False
        self._closing = False
        self._snapshots = Snapshots()
        self._caller: asyncio.AbstractEventLoop
        self._loop: asyncio.AbstractEventLoop
        self._wake = asyncio.Event()
        self._over = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="visavis-journal", daemon=True)

    def start(self) -> None:
        """Begin to write. A store that cannot be opened now is tried again."""
        self._caller = asyncio.get_running_loop()
        self._loop = asyncio.new_event_loop()
        self._thread.start()

    # ------------------------------------------------------------------------------------------------------- on the event loop

    @property
    def problem(self) -> str | None:
        """What keeps the journal from keeping what it is told, in plain words; None: all is well."""
        if self._failure is not None:
            lost = f", {self.backlog.lost} are lost" if self.backlog.lost else ""
            return f"the journal does not write: {self._failure} ({len(self.backlog)} events wait{lost})"
        return f"the journal is behind: {len(self.backlog)} events wait" if self.backlog.fullness >= BEHIND else None

    def append(self, event: Event, owner: Owner | None = None) -> None:
        """Write it some time soon. Returns at once, whatever happens. `owner`: of its session; the event is lost with it."""
        self._put(event, None, owner)

    def commit(self, event: Event, owner: Owner | None = None) -> asyncio.Future[bool]:
        """Write it now. The future tells True when it is in the store (see `Store.append`), False when it is lost. While the store fails the future waits with it:
        wait for it with a time limit."""
        waiter: asyncio.Future[bool] = self._caller.create_future()
        self._put(event, waiter, owner)
        return waiter

    def settled(self) -> asyncio.Future[bool]:
        """Write all that was appended now. The future tells True when nothing of it waits any more, and snapshots that were due are kept; wait for it with a time
        limit."""
        waiter: asyncio.Future[bool] = self._caller.create_future()
        if self._closing:
            waiter.set_result(False)
        else:
            self.backlog.mark(waiter)
            self._hurry(waiter)
        return waiter

    def resume(self, session: str, standing: Standing) -> None:
        """A session goes on here that was begun elsewhere, or before: from this standing."""
        self._snapshots.resume(session, standing)

    def leave(self, session: str) -> None:
        """A session does not go on here."""
        self._snapshots.leave(session)

    def _put(self, event: Event, waiter: asyncio.Future[bool] | None, owner: Owner | None) -> None:
        if self._closing:
            self.backlog.refuse()
        if self._closing or not self.backlog.put(event, waiter, owner):
            if waiter is not None:
                waiter.set_result(False)
            return
        self._hurry(waiter)
        if not self._told_behind and self.backlog.fullness >= BEHIND:
            self._told_behind = True
            logger.error("%s", self.problem)

    def _hurry(self, waiter: asyncio.Future[bool] | None) -> None:
        """There is something to write; somebody may wait for it."""
        if waiter is not None:
            self._awaited = True
        if self._idle or waiter is not None:
            self._idle = False
            self._loop.call_soon_threadsafe(self._wake.set)

    async def aclose(self) -> None:
        """Write what is left, for a few seconds at most; what is left then is lost. May be called twice."""
        if self._thread.is_alive():
            if not self._closing:
                self._closing = True
                self._loop.call_soon_threadsafe(self._end)
            await asyncio.to_thread(self._thread.join)

    # ------------------------------------------------------------------------------------------------------- in the journal's thread

    def _end(self) -> None:
        self._over.set()
        self._wake.set()

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._serve())
        except BaseException:
            logger.exception("the journal's thread has failed")
            self._failure = "a fault of the program"
        finally:
            self._closing = True
            self._drop("the journal has ended", everything=True)
            self._loop.run_until_complete(self._loop.shutdown_default_executor())
            self._loop.close()

    async def _serve(self) -> None:
        try:
            store = await self._insist(self._open)
        except _TooLate:
            return
        await self._check(store)
        sweeping = self._loop.create_task(self._sweep(store))
        try:
            while await self._gather(store):
                await self._write(store)
        finally:
            self._over.set()
            await asyncio.gather(sweeping, return_exceptions=True)
            await store.aclose()

    async def _open(self) -> Store:
        return self._open_store()

    async def _check(self, store: Store) -> None:
        """Nobody writes, and yet it should be known whether anybody could."""
        try:
            await store.check()
        except StoreError as error:
            self._fail(error)
        else:
            self._recovered()

    async def _insist(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """What `attempt` returns, however often it takes. Raises `_TooLate` when the end has come and the store does not come back."""
        pause, deadline = FIRST_PAUSE_SECONDS, math.inf
        while True:
            try:
                return await attempt()
            except StoreError as error:
                self._fail(error)
            if self._closing:
                deadline = min(deadline, self._loop.time() + CLOSE_SECONDS)
            if self._loop.time() > deadline:
                raise _TooLate
            await self._pause(pause)
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)

    async def _gather(self, store: Store) -> bool:
        """Wait until there is something to write, and a moment longer for more. False: it is over, and nothing is left."""
        while not self.backlog.queued:
            if self._closing:
                return False
            self._wake.clear()
            self._idle = True
            if self.backlog.queued or self._closing:  # what came before `idle` was set has woken nobody
                break
            if not await self._woken(CHECK_SECONDS):
                await self._check(store)
        self._idle = False
        if not self._awaited and not self._closing and self.backlog.queued < BATCH:
            self._wake.clear()
            if not self._awaited:
                await self._woken(GATHER_SECONDS)
        return True

    async def _woken(self, seconds: float) -> bool:
        """Wait until there is something to do, but no longer. Returns whether there is."""
        try:
            await asyncio.wait_for(self._wake.wait(), seconds)
        except TimeoutError:
            return False
        return True

    async def _pause(self, seconds: float) -> None:
        """A pause before a store is tried again; short ones at the end."""
        if self._over.is_set():
            await asyncio.sleep(min(seconds, HURRIED_SECONDS))
        with suppress(TimeoutError):
            await asyncio.wait_for(self._over.wait(), seconds)

    async def _write(self, store: Store) -> None:
        """Write the next batch, however often it takes."""
        self._awaited = False
        batch = self.backlog.take(BATCH)
        try:
            written, foreign = await self._admitted(store, batch)
        except _TooLate:
            self._drop("the store did not come back in time", everything=True)
            return
        except Exception:
            logger.exception("a fault of the program: events of the journal cannot be written")
            self._drop("they cannot be written")
            return
        self._recovered()
        done = self.backlog.done()
        self._tell([waiting for waiting in done if waiting.event is not None and waiting.event.session not in foreign], True)
        if lost := [waiting for waiting in done if waiting.event is not None and waiting.event.session in foreign]:
            logger.warning("%d events are not written: %s belongs to another worker", len(lost), ", ".join(sorted(foreign)))
            self._tell(lost, False)
        await self._keep_up(store, written)
        self._tell([waiting for waiting in done if waiting.event is None], True)

    async def _admitted(self, store: Store, batch: list[Waiting]) -> tuple[list[Event], set[str]]:
        """Write a batch, with the newest token of each session's owner. Returns what was written, and the sessions that belong to others."""
        left = [(waiting.event, waiting.owner) for waiting in batch if waiting.event is not None]
        written: list[Event] = []
        foreign: set[str] = set()
        while left:
            owners = {event.session: owner for event, owner in left if owner is not None}
            foreign |= {session for session, owner in owners.items() if owner.lost}
            events = [event for event, _ in left if event.session not in foreign]
            tokens: dict[str, int] = {}

            async def attempt(
                events: list[Event] = events, owners: dict[str, Owner] = owners, tokens: dict[str, int] = tokens
            ) -> frozenset[str]:
                tokens.update({session: owner.token for session, owner in owners.items() if owner.token})
                return await store.append(events, tokens)

            fenced = await self._insist(attempt) if events else frozenset()
            written += [event for event in events if event.session not in fenced]
            foreign |= {session for session in fenced if not await owners[session].still_owns(tokens[session])}
            left = [(event, owner) for event, owner in left if event.session in fenced and event.session not in foreign]
        return written, foreign

    async def _keep_up(self, store: Store, events: list[Event]) -> None:
        """Snapshots of the sessions that have gone on, and an end to those that are over."""
        try:
            for session, standing in self._snapshots.due(events):
                await store.put_snapshot(session, standing)
            for event in events:
                if event.type == "session_end":
                    await store.end(event.session)
        except StoreError as error:
            logger.warning("a snapshot was not kept, or a session not put away: %s", error)

    async def _sweep(self, store: Store) -> None:
        """Until the end. It is not cancelled: a cancelled call of Redis' client may go on as if nothing had been said."""
        while not self._over.is_set():
            try:
                now_ms = time.time_ns() // 1_000_000
                if removed := await store.sweep(now_ms, self._retention_ms):
                    logger.info("%d sessions were removed from the journal: their time was over", removed)
                if removed := await asyncio.to_thread(self._sweep_files, now_ms - self._retention_ms):
                    logger.info("%d recordings were removed: their time was over", removed)
            except (StoreError, OSError) as error:
                logger.warning("old sessions were not removed from the journal: %s", error)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._over.wait(), SWEEP_SECONDS)

    # ------------------------------------------------------------------------------------------------------- how it goes

    def _fail(self, error: StoreError) -> None:
        if self._failure is None:
            logger.error("the journal does not write: %s; it is tried again", error)
        self._failure = str(error)

    def _recovered(self) -> None:
        if self._failure is not None:
            logger.warning("the journal writes again; %d events wait, %d are lost", len(self.backlog), self.backlog.lost)
            self._failure = None
        if self._told_behind and self.backlog.fullness < BEHIND / 2:
            self._told_behind = False

    def _drop(self, why: str, *, everything: bool = False) -> None:
        """Give up the batch, or all that waits."""
        lost = self.backlog.give_up(everything=everything)
        if count := sum(waiting.event is not None for waiting in lost):
            logger.error("%d events of the journal are lost: %s", count, why)
        self._tell(lost, False)

    def _tell(self, batch: list[Waiting], kept: bool) -> None:
        """Those who wait, all at once."""
        waiters = [waiting.waiter for waiting in batch if waiting.waiter is not None]
        if waiters and not self._caller.is_closed():
            self._caller.call_soon_threadsafe(_answer, waiters, kept)


def _answer(waiters: list[asyncio.Future[bool]], kept: bool) -> None:
    for waiter in waiters:
        if not waiter.done():
            waiter.set_result(kept)
