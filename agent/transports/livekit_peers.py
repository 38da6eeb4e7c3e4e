"""The other workers that serve the same rooms: told that we are alive, and asked for their free places and their rooms, every second."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from agent.sessions.roster import Peer, Roster
from agent.sessions.store import StoreError

logger = logging.getLogger("visavis.livekit")

BEAT_SECONDS: Final = 1.0
LENGTH_MS: Final = 3_000
"""Who was not heard of for so long is dead."""
ANSWER_SECONDS: Final = 5.0


class Peers:
    """One a worker. `free` and `rooms` tell its own free places and the rooms that it has an agent in. While the store fails there are no others."""

    def __init__(self, roster: Roster, free: Callable[[], int], rooms: Callable[[], frozenset[str]]) -> None:
        self.worker: Final = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
        self._roster = roster
        self._free = free
        self._rooms = rooms
        self._others: list[Peer] = []
        self._changed = asyncio.Event()
        self._trouble = False

    @property
    def free(self) -> int:
        """Places that the others had when they were heard of last."""
        return sum(max(0, peer.free) for peer in self._others)

    def attends(self, room: str) -> bool:
        """Whether another worker has an agent in the room."""
        return any(room in peer.rooms for peer in self._others)

    def changed(self) -> None:
        """Our own places or rooms have: tell it now."""
        self._changed.set()

    async def run(self) -> None:
        """Until it is cancelled."""
        while True:
            self._changed.clear()
            await self.look()
            with suppress(TimeoutError):
                async with asyncio.timeout(BEAT_SECONDS):
                    await self._changed.wait()

    async def look(self) -> None:
        """Tell and ask now. Raises nothing."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await self._roster.present(Peer(self.worker, self._free(), self._rooms()), LENGTH_MS)
                self._others = [peer for peer in await self._roster.workers() if peer.worker != self.worker]
            self._trouble = False
        except (StoreError, TimeoutError) as error:
            self._others = []
            if not self._trouble:
                logger.warning("other workers cannot be heard of: %s", error or "the store took too long")
            self._trouble = True

    async def aclose(self) -> None:
        """We are gone; after `run` was cancelled."""
        with suppress(StoreError, TimeoutError):
            async with asyncio.timeout(ANSWER_SECONDS):
                await self._roster.gone(self.worker)
        await self._roster.aclose()
