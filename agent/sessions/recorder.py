"""The thread that writes recordings: one for all conversations of a process. Nothing ever waits for it."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from typing import Final

from agent.sessions.ogg_opus import Disk
from agent.sessions.recordings import Recordings
from agent.sessions.take import OpenDisk, Take, Told

logger = logging.getLogger("visavis.sessions")

TICK_SECONDS: Final = 0.1
CLOSE_SECONDS: Final = 5.0
"""How long the end may take; what is not written then is lost."""


class Recorder:
    """Made once a process; all methods are called on its event loop."""

    def __init__(self, recordings: Recordings, open_disk: OpenDisk = Disk) -> None:
        self._recordings = recordings
        self._open_disk = open_disk
        self._takes: list[Take] = []
        self._problem: str | None = None
        self._work = threading.Event()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="visavis-recorder", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def problem(self) -> str | None:
        """What keeps conversations from being recorded, in plain words; None: all is well, as far as the last one could tell."""
        return self._problem

    def start(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._thread.start()

    def open(self, session: str, told: Told) -> Take:
        """Record a conversation, from its first block on. `told` is called on the event loop when there is something in its file, unless the conversation has ended."""

        def tell(file: str, t0: int, wall_ms: int) -> None:
            if take.recorded:
                told(file, t0, wall_ms)

        def pass_on(file: str, t0: int, wall_ms: int) -> None:
            if self._loop is not None and not self._loop.is_closed():
                self._loop.call_soon_threadsafe(tell, file, t0, wall_ms)

        take = Take(session, self._recordings, pass_on, self._open_disk)
        self._takes.append(take)
        self._work.set()
        return take

    async def aclose(self) -> None:
        """End all recordings and write what is left, for a few seconds at most. May be called twice."""
        for take in list(self._takes):
            take.close()
        self._over.set()
        self._work.set()
        if self._thread.is_alive():
            await asyncio.to_thread(self._thread.join, CLOSE_SECONDS)
        if self._thread.is_alive():
            logger.error("recordings could not be written to their end: the disk takes too long")

    # ------------------------------------------------------------------------------------------------------- in the thread

    def _run(self) -> None:
        while True:
            self._work.wait()
            over = self._over.wait(TICK_SECONDS)
            self._work.clear()
            for take in list(self._takes):
                self._serve(take)
                if take.over:
                    self._takes.remove(take)
                time.sleep(0)  # the event loop goes first
            if over:
                return
            if self._takes:
                self._work.set()

    def _serve(self, take: Take) -> None:
        try:
            take.work()
            if take.frames:
                self._problem = None
        except OSError as error:
            self._fail(f"conversations are not recorded: {error}")
        except Exception:
            logger.exception("a fault of the program ends a recording")
            self._fail("conversations are not recorded: a fault of the program")

    def _fail(self, problem: str) -> None:
        if self._problem is None:
            logger.error("%s; they go on without", problem)
        self._problem = problem
