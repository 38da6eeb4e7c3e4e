"""The one way to start a task, and the watch over the event loop."""

from __future__ import annotations

import asyncio
import gc
import logging
import sys
import threading
import time
import traceback
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, Final

logger = logging.getLogger("visavis.aio")

STACK_CALLS: Final = 5
SELDOM: Final = 10


class Tasks:
    """The tasks of one owner: each is named, a failure is logged once and handed to `on_error`, and `aclose` ends them all.

    `told`: errors that `on_error` sees to it that a person is told, in a line instead of a traceback; they are not logged.
    """

    def __init__(
        self, owner: str, on_error: Callable[[BaseException], None] | None = None, told: tuple[type[BaseException], ...] = ()
    ) -> None:
        self._owner = owner
        self._on_error = on_error
        self._told = told
        self._tasks: set[asyncio.Task[Any]] = set()
        self._closed = False

    def __len__(self) -> int:
        return len(self._tasks)

    def start(self, work: Coroutine[Any, Any, Any], name: str) -> asyncio.Task[Any]:
        """Run `work` until it ends or the owner closes."""
        if self._closed:
            work.close()
            raise RuntimeError(f"{self._owner} is closed; it cannot start {name}")
        task = asyncio.get_running_loop().create_task(work, name=f"{self._owner}:{name}")
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if task.cancelled():
            return
        if (error := task.exception()) is not None:
            on_error = None if self._closed else self._on_error
            if on_error is None or not isinstance(error, self._told):
                logger.error("task %s failed", task.get_name(), exc_info=error)
            if on_error is not None:
                on_error(error)

    async def aclose(self, seconds: float | None = None) -> None:
        """Cancel what runs and wait for it, but no longer than `seconds`. May be called from one of the tasks, which is then left to end by itself."""
        self._closed = True
        current = asyncio.current_task()
        pending = [task for task in self._tasks if task is not current]
        for task in pending:
            task.cancel()
        if pending:
            _, late = await asyncio.wait(pending, timeout=seconds)
            for task in late:
                logger.error("task %s does not end", task.get_name())


@contextmanager
def without_collections() -> Iterator[None]:
    """While modules and models are loaded, which make much and drop little: a quarter of the time of our imports was the collector's."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def keep_memory_out_of_collections() -> None:
    """What lives now stays: modules and models. Python's full collections would walk over all of it again and again, and stop the event loop meanwhile."""
    gc.collect()
    gc.freeze()


def _stack(frame: FrameType) -> str:
    """The innermost calls, in one line; those of asyncio itself tell nothing."""
    stack = traceback.extract_stack(frame)
    calls = [call for call in stack if Path(call.filename).parent.name != "asyncio"] or stack
    return " → ".join(
        f"{call.name} ({Path(call.filename).parent.name}/{Path(call.filename).name}:{call.lineno})" for call in calls[-STACK_CALLS:]
    )


class LoopWatch:
    """Counts the times at which the event loop was blocked for longer than `limit_seconds`, and logs the stack that blocked it.

    A tick on the loop stamps the time; a thread looks at the stamp and, when it is overdue, takes the loop thread's stack while it is still blocked. A loop
    that was merely not scheduled by the machine is found waiting in its selector, which is counted and not logged.

    While there is nobody whom it could disturb (`somebody`), it looks a tenth as often: waiting for visitors costs little.
    """

    def __init__(self, limit_seconds: float = 0.020, somebody: Callable[[], bool] = lambda: True) -> None:
        self.limit_seconds: Final = limit_seconds
        self.blocked = 0
        """How often the loop was blocked."""
        self.longest_seconds = 0.0
        self._somebody = somebody
        self._due = 0.0
        """When the next tick should come."""
        self._stop = threading.Event()
        self._handle: asyncio.TimerHandle | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Watch the running loop."""
        loop = asyncio.get_running_loop()
        self._due = time.monotonic()
        self._tick(loop)
        self._thread = threading.Thread(target=self._watch, args=(threading.get_ident(),), name="visavis-loop-watch", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        if self._handle is not None:
            self._handle.cancel()
        if self._thread is not None:
            self._thread.join(timeout=1)

    @property
    def _patience(self) -> float:
        return self.limit_seconds if self._somebody() else SELDOM * self.limit_seconds

    def _tick(self, loop: asyncio.AbstractEventLoop) -> None:
        now, interval = time.monotonic(), self._patience / 2
        late = now - self._due
        if late > self.limit_seconds:
            self.blocked += 1
            self.longest_seconds = max(self.longest_seconds, late)
        self._due = now + interval
        self._handle = loop.call_later(interval, self._tick, loop)

    def _watch(self, loop_thread: int) -> None:
        reported = 0.0
        while not self._stop.wait(self._patience):
            late = time.monotonic() - self._due
            if late <= self.limit_seconds or self._due == reported:
                continue
            reported = self._due
            frame = sys._current_frames().get(loop_thread)
            if frame is not None and frame.f_code.co_name != "select":
                logger.warning("the event loop has been blocked for %.0f ms by %s", late * 1e3, _stack(frame))
