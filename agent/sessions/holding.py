"""A session that this process speaks for, as the rest of the process sees it: may it act, what does it write with, and whom to tell when it is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from agent.sessions.clock import steady_ms
from agent.sessions.tenure import Tenure

FOR_EVER: Final = 2**63
"""On any clock."""


class Taken(Exception):
    """Another owns the session. `retry_ms`: when it may be worth asking again."""

    def __init__(self, retry_ms: int) -> None:
        super().__init__(f"another worker has this session; ask again in {retry_ms} ms")
        self.retry_ms = retry_ms


class Holding:
    """Implements `backlog.Owner`. `name`: of the owner in the store, one for each holding. `token`: of the lease; 0 while a new session waits for a store that is away."""

    def __init__(
        self, session: str, name: str, tenure: Tenure, *, adoptable: bool, new: bool, ask: Callable[[Holding, int], Awaitable[bool]]
    ) -> None:
        """Made on the event loop that is told of the loss. `new`: nobody else knows of the session, so nobody but the store can take it away: by a refusal. `ask`: see
        `still_owns`."""
        self.session: Final = session
        self.name: Final = name
        self.adoptable: Final = adoptable
        self.tenure: Final = tenure
        self.token = 0
        self.lost = False
        self.new = new
        self.over = False
        """It was given back, or lost."""
        self.ask_ms = 0
        """Not asked for before that, on the steady clock, once it has run out."""
        self._until_ms = FOR_EVER if new else 0
        self._ask = ask
        self._loop = asyncio.get_running_loop()
        self._told = False
        self._on_lost: Callable[[], None] | None = None

    def may_act(self) -> bool:
        """Whether to speak, and to write. From any thread, at the price of reading a clock."""
        return steady_ms() < self._until_ms

    async def still_owns(self, token: int) -> bool:
        """The store has refused this token. Whether there is a newer one by now, or may be soon; otherwise the session is lost. From any event loop."""
        return await self._ask(self, token)

    # ------------------------------------------------------------------------------------------------------- on the event loop

    @property
    def on_lost(self) -> Callable[[], None] | None:
        """Called once, when the session belongs to somebody else for good; soon, where that is so already."""
        return self._on_lost

    @on_lost.setter
    def on_lost(self, callback: Callable[[], None]) -> None:
        self._on_lost = callback
        if self._told:
            self._loop.call_soon(self._tell)

    def _tell(self) -> None:
        self._told = True
        callback, self._on_lost = self._on_lost, None
        if callback is not None:
            callback()

    # ------------------------------------------------------------------------------------------------------- in the thread of the leases

    def publish(self) -> None:
        """What the tenure says counts from now on."""
        if not self.new and not self.over:
            self._until_ms = self.tenure.until_ms

    def end(self) -> None:
        """It is given back. From any thread."""
        self.over = True
        self._until_ms = 0

    def lose(self) -> None:
        """It belongs to somebody else."""
        if self.lost:
            return
        self.lost = True
        self.end()
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._tell)
