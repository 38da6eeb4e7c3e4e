"""Hands the timeline out at the pace of real time: the one place where media time meets the event loop's clock."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from agent.media.block import BLOCK_SAMPLES, Block
from agent.media.timeline import Fired, Timeline
from agent.protocol.messages import RATE

BLOCK_SECONDS: Final = BLOCK_SAMPLES / RATE
RESYNC_SECONDS: Final = 2.0
"""A pump that is later than this (a suspended machine) does not try to catch up."""


class Pump:
    """Pulls a block every 20 ms, absolute deadlines, no drift; while there is content it may run `ahead_seconds` ahead of real time.

    `play` takes the block; `fire` is told what fires in it, before it is played, and when (in loop time) its first sample is due.
    """

    def __init__(
        self,
        timeline: Timeline,
        play: Callable[[Block], Awaitable[None]],
        fire: Callable[[list[Fired], float], None],
        ahead_seconds: float = 0.0,
        before: Callable[[], None] = lambda: None,
    ) -> None:
        """`before`: called before each block is pulled, when the timeline can still be held."""
        self._timeline = timeline
        self._play = play
        self._fire = fire
        self._ahead = ahead_seconds
        self._before = before
        self._wake = asyncio.Event()
        self._origin = 0.0
        self.late = 0
        """How often the pump had to give up its deadlines."""

    def now(self) -> int:
        """The media sample that is due now; what was pulled beyond it is ahead of real time."""
        return min(self._timeline.t, round((asyncio.get_running_loop().time() - self._origin) * RATE))

    def wake(self) -> None:
        """There is new content: do not wait out the silence that was planned."""
        if self._ahead:
            self._wake.set()

    async def run(self) -> None:
        """Pump until cancelled."""
        loop = asyncio.get_running_loop()
        self._origin = loop.time() - self._timeline.t / RATE
        while True:
            due = self._origin + self._timeline.t / RATE
            ahead = self._ahead if self._timeline.flowing else 0.0
            delay = due - ahead - loop.time()
            if delay < -RESYNC_SECONDS:
                self.late += 1
                self._origin -= delay
                due = self._origin + self._timeline.t / RATE
            elif delay > 0:
                await self._sleep(delay)
                continue
            self._before()
            block, fired = self._timeline.pull()
            if fired:
                self._fire(fired, due)
            await self._play(block)

    async def _sleep(self, delay: float) -> None:
        if not self._ahead:
            await asyncio.sleep(delay)
            return
        self._wake.clear()
        if self._timeline.flowing:
            await asyncio.sleep(delay)
            return
        try:
            async with asyncio.timeout(delay):
                await self._wake.wait()
        except TimeoutError:
            pass
