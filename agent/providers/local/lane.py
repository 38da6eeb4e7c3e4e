"""A lane: one thread for one heavy engine, with a bounded fair queue in front of it.

Jobs are plain functions that take a `Cancel` and look at it between steps. Nothing here blocks the event loop: a job is handed over under a lock
that is only ever held for a few instructions, and its result comes back through `call_soon_threadsafe`.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Hashable
from contextlib import nullcontext
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, Final, TypeVar

from agent.providers.local.baton import Baton, Claim
from agent.providers.local.fair_queue import FairQueue, QueueFull

logger = logging.getLogger("visavis.providers.lane")

T = TypeVar("T")

CLOSE_SECONDS: Final = 10
"""A single step of any engine here is far shorter."""


class Cancelled(Exception):
    """Raised inside a job by `Cancel.check`; it never reaches the caller, whose task is cancelled already."""


class LaneFull(QueueFull):
    """The engine has more work waiting than it may."""


class LaneClosed(Exception):
    """The engine's thread has been shut down."""


class Cancel:
    """A flag that the caller raises and the job reads between steps. Safe between threads: it goes from False to True once."""

    __slots__ = ("cancelled",)

    def __init__(self) -> None:
        self.cancelled = False

    def set(self) -> None:
        self.cancelled = True

    def check(self) -> None:
        """Raises `Cancelled` when nobody waits for the result any more."""
        if self.cancelled:
            raise Cancelled


class Priority(IntEnum):
    """What goes first when both wait."""

    FINAL = 0
    PARTIAL = 1
    BACKGROUND = 2


@dataclass(slots=True, eq=False)
class _Job:
    work: Callable[[Cancel], Any]
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[Any]
    cancel: Cancel = field(default_factory=Cancel)


@dataclass(slots=True)
class LaneStats:
    """Counters since the start; `busy_seconds` is wall time spent inside jobs."""

    done: int = 0
    failed: int = 0
    cancelled: int = 0
    refused: int = 0
    busy_seconds: float = 0.0


class Lane:
    """Runs jobs one at a time on a thread of its own. Several event loops may use it."""

    def __init__(self, name: str, *, depth: int = 64, share: int = 8, baton: Baton | None = None, claim: Claim = Claim.WHATEVER) -> None:
        self.name = name
        self._baton = baton
        self._claim = claim
        self.stats = LaneStats()
        self._queue: FairQueue[_Job] = FairQueue(depth=depth, share=share)
        self._changed = threading.Condition()
        self._running: _Job | None = None
        self._closed = False
        self._thread: threading.Thread | None = None

    @property
    def waiting(self) -> int:
        """Jobs in the queue."""
        return len(self._queue)

    @property
    def busy(self) -> bool:
        return self._running is not None

    async def run(self, work: Callable[[Cancel], T], *, key: Hashable = None, priority: Priority = Priority.FINAL) -> T:
        """Run `work` on the lane's thread and return its result, or raise what it raised.

        `key` names the session: sessions take turns. When the calling task is cancelled, a waiting job is removed and a running one is told to stop.
        Raises `LaneFull` at once when the queue is full, and `LaneClosed` after `aclose`.
        """
        loop = asyncio.get_running_loop()
        job = _Job(work, loop, loop.create_future())
        with self._changed:
            if self._closed:
                raise LaneClosed(f"{self.name} has been shut down")
            try:
                self._queue.push(job, key=key, priority=priority)
            except QueueFull as error:
                self.stats.refused += 1
                raise LaneFull(f"{self.name} is overloaded: {error}; try again later, or run fewer sessions") from None
            if self._thread is None:
                self._thread = threading.Thread(target=self._serve, name=f"visavis-{self.name}", daemon=True)
                self._thread.start()
            self._changed.notify()
        foreground = self._baton is not None and priority is not Priority.BACKGROUND
        try:
            with self._baton.taking(self._claim) if foreground and self._baton is not None else nullcontext():
                return await job.future  # type: ignore[no-any-return]
        except asyncio.CancelledError:
            job.cancel.set()
            with self._changed:
                if self._queue.remove(job):
                    self.stats.cancelled += 1
            raise

    async def aclose(self) -> None:
        """Refuse new jobs, fail the waiting ones with `LaneClosed`, stop the running one and wait for the thread."""
        with self._changed:
            self._closed = True
            waiting = self._queue.drain()
            if self._running is not None:
                self._running.cancel.set()
            self._changed.notify_all()
        for job in waiting:
            _settle(job, LaneClosed(f"{self.name} has been shut down"), None)
        if self._thread is not None:
            await asyncio.to_thread(self._thread.join, CLOSE_SECONDS)
            if self._thread.is_alive():
                logger.warning(
                    "%s is still computing %d s after it was told to stop; its thread is left to the end of the process",
                    self.name,
                    CLOSE_SECONDS,
                )

    def _serve(self) -> None:
        while (job := self._next()) is not None:
            error: Exception | None = None
            result: Any = None
            started = time.perf_counter()
            try:
                job.cancel.check()
                result = job.work(job.cancel)
            except Cancelled:
                error = LaneClosed(f"{self.name} has been shut down")  # seen only by a caller that did not cancel
            except Exception as failure:
                error = failure
            with self._changed:
                self._running = None
                self.stats.busy_seconds += time.perf_counter() - started
                if job.cancel.cancelled:
                    self.stats.cancelled += 1
                elif error is not None:
                    self.stats.failed += 1
                else:
                    self.stats.done += 1
            _settle(job, error, result)
            del job, result, error  # a waiting thread must not hold the last job's audio

    def _next(self) -> _Job | None:
        with self._changed:
            while not self._queue:
                if self._closed:
                    return None
                self._changed.wait()
            self._running = self._queue.pop()
            return self._running


def _settle(job: _Job, error: Exception | None, result: Any) -> None:
    def deliver() -> None:
        if job.future.done():
            return
        if error is not None:
            job.future.set_exception(error)
        else:
            job.future.set_result(result)

    try:
        job.loop.call_soon_threadsafe(deliver)
    except RuntimeError:  # the caller's event loop has ended
        logger.debug("a result came after its event loop had closed")
