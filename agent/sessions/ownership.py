"""Which sessions this process speaks for: the leases of all of them, kept in a thread of its own with a store of its own, so that neither a slow journal nor a busy event
loop delays a renewal. `tenure` decides; here its requests are carried to the store, all renewals in one call, and its verdicts to the `Holding`s.

A lease that ran out while this process was stopped, or while the store was away, is asked for again. If nobody has owned the session in between it goes on; else it is lost.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
import secrets
import socket
import threading
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import Any, Final, TypeVar

from agent.aio import Tasks
from agent.sessions.clock import steady_ms
from agent.sessions.holding import Holding, Taken
from agent.sessions.lease import Granted, Refused, Reply
from agent.sessions.store import Store, StoreError
from agent.sessions.tenure import RETRY_MS, Begin, Request, Tenure, Terms

logger = logging.getLogger("visavis.sessions")

T = TypeVar("T")

POLL_MS: Final = 50
"""Who waits for a session asks as often: it may be given back any moment."""
INSIST_MS: Final = 300
"""A store that cannot answer a new session is asked again for so long: a file may be locked for a moment."""
BEGIN_SECONDS: Final = 1.0
"""A new session does not wait any longer for its lease."""
RESOLVE_SECONDS: Final = 5.0
"""So long the journal waits to hear whether a session is lost; then it asks its store again."""
CLOSE_SECONDS: Final = 2.0
ENDED: Final = "the leases: this process ends"


class Ownership:
    """Made once a process; all methods are called on the event loop on which `start` was."""

    def __init__(self, open_store: Callable[[], Store], *, terms: Terms, local: bool) -> None:
        """`open_store` is called in the thread; the store should give up soon. `local`: it is a file of this machine, which nobody reaches when this process does not."""
        self._open_store = open_store
        self._terms = terms
        self._local = local
        self._process = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
        self._count = itertools.count(1)
        self._held: set[Holding] = set()
        self._store: Store | None = None
        self._present_ms = 0
        """When a shared store is told next that it is there."""
        self._closing = False
        self._loop: asyncio.AbstractEventLoop
        self._tasks = Tasks("leases")
        self._wake = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="visavis-leases", daemon=True)

    def start(self) -> None:
        """A store that cannot be opened now is tried again."""
        self._loop = asyncio.new_event_loop()
        self._thread.start()

    # ------------------------------------------------------------------------------------------------------- on the event loop

    async def begin(self, session: str, *, adoptable: bool) -> Holding:
        """Own a session that nobody else knows of yet. A store that is away is not waited for: the session is ours until it says otherwise. Raises nothing."""
        holding = self._holding(session, adoptable, new=True)
        with suppress(TimeoutError, StoreError):
            await asyncio.wait_for(self._there(self._begin(holding)), BEGIN_SECONDS)
        return holding

    async def take(self, session: str, *, adoptable: bool, patience_seconds: float = 0.0) -> Holding:
        """Own a session that others may own. Raises `Taken` when it is not to be had for so long, and `StoreError`."""
        holding = self._holding(session, adoptable, new=False)
        try:
            await self._there(self._take(holding, patience_seconds))
        except asyncio.CancelledError:
            holding.end()
            self._forward(self._release(holding, orphan=adoptable))
            raise
        return holding

    async def release(self, holding: Holding, *, orphan: bool = False) -> None:
        """Give it back; from here on it may not act. `orphan`: others may adopt it. A store that is away is not waited for: the lease runs out."""
        holding.end()
        with suppress(StoreError):
            await self._there(self._release(holding, orphan=orphan))

    def lapse(self, holding: Holding) -> None:
        """Let it run out: this process has written what is not in the store yet, which counts only if nobody takes the session before."""
        holding.end()
        self._forward(self._lapse(holding))

    async def ask(self, question: Callable[[Store], Awaitable[T]]) -> T:
        """What the store answers. Raises `StoreError`."""
        return await self._there(self._ask_store(question))

    async def aclose(self) -> None:
        """Give back all that is held; what is adoptable as an orphan. May be called twice."""
        if self._thread.is_alive():
            self._closing = True
            self._loop.call_soon_threadsafe(self._wake.set)
            await asyncio.to_thread(self._thread.join)

    def _holding(self, session: str, adoptable: bool, *, new: bool) -> Holding:
        tenure = Tenure(self._terms, endures=self._local or not adoptable)
        return Holding(session, f"{self._process}/{next(self._count)}", tenure, adoptable=adoptable, new=new, ask=self._still_owns)

    async def _there(self, work: Coroutine[Any, Any, T]) -> T:
        """Done in the thread, to its end, whether or not anybody waits for it. Raises `StoreError` when the thread has ended."""
        if self._loop.is_closed():
            work.close()
            raise StoreError(ENDED)
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return await asyncio.shield(asyncio.wrap_future(future))
        except asyncio.CancelledError:
            if future.cancelled():
                raise StoreError(ENDED) from None
            raise

    def _forward(self, work: Coroutine[Any, Any, None]) -> None:
        if self._loop.is_closed():
            work.close()
        else:
            asyncio.run_coroutine_threadsafe(work, self._loop)

    async def _still_owns(self, holding: Holding, token: int) -> bool:
        """Called from the journal's loop, too."""
        try:
            return await self._there(self._resolve(holding, token))
        except StoreError:
            return False

    # ------------------------------------------------------------------------------------------------------- in the thread

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._serve())
        except BaseException:
            logger.exception("the thread of the leases has failed; all its sessions are lost")
        finally:
            for holding in self._held:
                holding.lose()
            self._loop.run_until_complete(_end_all_tasks())
            self._loop.run_until_complete(self._loop.shutdown_default_executor())
            self._loop.close()

    async def _serve(self) -> None:
        try:
            while not self._closing:
                self._wake.clear()
                self._step(steady_ms())
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), self._pause_seconds(steady_ms()))
            with suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_SECONDS):
                    await asyncio.gather(*(self._release(holding, orphan=holding.adoptable) for holding in list(self._held)))
        finally:
            await self._tasks.aclose()
            if self._store is not None:
                await self._store.aclose()

    def _pause_seconds(self, now: int) -> float | None:
        wakes = [self._present_ms] if not self._local else []
        for holding in self._held:
            due = holding.tenure.wakes_ms
            wakes.append(holding.ask_ms if due is None else due)
        return max(0.0, (min(wakes) - now) / 1_000) if wakes else None

    def _step(self, now: int) -> None:
        """Do what is due. When one session is to be renewed, all are."""
        due = [holding for holding in self._held if (wakes := holding.tenure.wakes_ms) is not None and wakes <= now]
        renewals: dict[Holding, Request] = {}
        present = not self._local and now >= self._present_ms
        for holding in self._held if due or present else ():
            until = holding.tenure.until_ms
            verdicts = holding.tenure.beat(now) if until else holding.tenure.passed(now)
            holding.publish()
            if until and not holding.tenure.until_ms:
                holding.ask_ms = now
            for verdict in verdicts:
                if isinstance(verdict, Request):
                    renewals[holding] = verdict
        if renewals or present:
            self._present_ms = now + self._terms.beat_ms
            self._tasks.start(self._renew(renewals), "renew")
        for holding in self._held:
            if holding.tenure.wakes_ms is None and now >= holding.ask_ms:
                holding.ask_ms = now + RETRY_MS
                self._tasks.start(self._ask(holding), "ask again")

    def _opened(self) -> Store:
        if self._store is None:
            self._store = self._open_store()
        return self._store

    async def _ask_store(self, question: Callable[[Store], Awaitable[T]]) -> T:
        return await question(self._opened())

    async def _renew(self, renewals: dict[Holding, Request]) -> None:
        tokens: dict[str, int] = {}
        for holding, request in renewals.items():
            tokens[holding.session] = max(tokens.get(holding.session, 0), request.token)
        try:
            replies = await self._opened().renew(tokens, self._terms.length_ms)
        except StoreError as error:
            logger.debug("leases were not renewed: %s", error)
            for holding, request in renewals.items():
                holding.tenure.failed(request, steady_ms())
        else:
            for holding, request in renewals.items():
                reply = replies.get(holding.session, Refused()) if request.token == tokens[holding.session] else Refused()
                holding.tenure.replied(request, reply, steady_ms())
        for holding in renewals:
            holding.publish()
        self._wake.set()

    async def _ask(self, holding: Holding) -> None:
        """Ask for a session that is ours, or was until lately: it is if nobody else has owned it."""
        for request in holding.tenure.want(steady_ms()):
            if not isinstance(request, Request):
                continue
            try:
                reply = await self._opened().acquire(holding.session, holding.name, self._terms.length_ms, adoptable=holding.adoptable)
            except StoreError as error:
                logger.debug("%s is not asked for: %s", holding.session, error)
                holding.tenure.give_up(steady_ms())
                holding.ask_ms = steady_ms() + RETRY_MS
            else:
                await self._answered(holding, request, reply)
        self._wake.set()

    async def _answered(self, holding: Holding, request: Request, reply: Reply) -> None:
        now = steady_ms()
        if holding not in self._held:
            if isinstance(reply, Granted):
                await self._give_back(holding, reply.token, orphan=False)
            return
        unbroken = reply.after in (None, holding.name) if isinstance(reply, Granted) else reply.owner == holding.name
        if not unbroken:
            self._lose(holding)
            if isinstance(reply, Granted):
                await self._give_back(holding, reply.token, orphan=holding.adoptable)
            return
        if isinstance(reply, Refused):
            holding.ask_ms = now + min(reply.wait_ms, RETRY_MS)
        for verdict in holding.tenure.replied(request, reply, now):
            if isinstance(verdict, Begin):
                if holding.token:
                    logger.warning("%s goes on: its lease had run out, and nobody has taken it", holding.session)
                holding.token, holding.new = verdict.token, False
        holding.publish()

    def _lose(self, holding: Holding) -> None:
        logger.warning("%s belongs to another worker now", holding.session)
        self._held.discard(holding)
        holding.lose()

    async def _begin(self, holding: Holding) -> None:
        if holding.over:
            return
        self._held.add(holding)
        await self._ask(holding)
        limit = steady_ms() + INSIST_MS
        while not holding.token and not holding.over and steady_ms() < limit:
            await asyncio.sleep(POLL_MS / 1_000)
            await self._ask(holding)

    async def _take(self, holding: Holding, patience_seconds: float) -> None:
        limit = steady_ms() + round(patience_seconds * 1_000)
        while not holding.over:
            failure: StoreError | None = None
            reply: Reply = Refused(RETRY_MS)
            (request,) = holding.tenure.want(steady_ms())
            assert isinstance(request, Request)
            try:
                reply = await self._opened().acquire(holding.session, holding.name, self._terms.length_ms, adoptable=holding.adoptable)
            except StoreError as error:
                failure = error
                holding.tenure.give_up(steady_ms())
            else:
                for verdict in holding.tenure.replied(request, reply, steady_ms()):
                    if isinstance(verdict, Begin) and not holding.over:
                        holding.token = verdict.token
                        self._held.add(holding)
                        holding.publish()
                        self._wake.set()
                        return
                    await self._give_back(holding, verdict.token, orphan=holding.adoptable)
            now = steady_ms()
            wait = reply.wait_ms if isinstance(reply, Refused) else POLL_MS
            if now >= limit:
                raise failure or Taken(max(wait, POLL_MS))
            await asyncio.sleep(min(max(wait, 1), POLL_MS, limit - now) / 1_000)

    async def _resolve(self, holding: Holding, token: int) -> bool:
        """The store refuses this token: a lost session, or a newer token that the asker did not know of, or a store that was emptied."""
        with suppress(TimeoutError):
            async with asyncio.timeout(RESOLVE_SECONDS):
                while holding in self._held and holding.token == token:
                    now = steady_ms()
                    holding.tenure.replied(Request("renew", token, now), Refused(), now)
                    holding.publish()
                    holding.ask_ms = now + RETRY_MS
                    await self._ask(holding)
                    if holding.token == token and holding in self._held:
                        await asyncio.sleep(RETRY_MS / 1_000)
        return holding in self._held

    async def _release(self, holding: Holding, *, orphan: bool) -> None:
        held = holding in self._held
        self._held.discard(holding)
        holding.end()
        holding.tenure.give_up(steady_ms())
        if held and holding.token:
            await self._give_back(holding, holding.token, orphan=orphan)

    async def _lapse(self, holding: Holding) -> None:
        self._held.discard(holding)
        holding.tenure.give_up(steady_ms())

    async def _give_back(self, holding: Holding, token: int, *, orphan: bool) -> None:
        try:
            await self._opened().release(holding.session, token, orphan=orphan)
        except StoreError as error:
            logger.debug("%s is not given back, its lease runs out: %s", holding.session, error)


async def _end_all_tasks() -> None:
    """Whoever waits for one of them is told that it will not be done."""
    left = asyncio.all_tasks() - {asyncio.current_task()}
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)
