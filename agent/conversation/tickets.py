"""The secrets with which a conversation's client may come back: one to begin with, and a newer one every other minute."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from agent.conversation.ports import Tenancy
from agent.sessions.secrets import RENEW_MS
from agent.sessions.tickets import Ticket

RETRY_SECONDS: Final = 5.0


class Tickets:
    """One a conversation. `renewed` is told each newer one."""

    def __init__(self, tenancy: Tenancy, ticket: Ticket | None, renewed: Callable[[Ticket], None]) -> None:
        """`ticket`: the one that a client got when it came back."""
        self.current = ticket
        """None: nobody could come back."""
        self.confirmed = False
        """The client says that it has one: it knows how to come back."""
        self._tenancy = tenancy
        self._renewed = renewed

    async def begin(self, user: str) -> None:
        """Have one."""
        if self.current is None:
            self.current = await self._tenancy.ticket(user)

    async def renew(self, user: str) -> None:
        """Replace them in time, until cancelled. When none can be had the last one stays; where there is none yet it is asked for soon again."""
        while True:
            await asyncio.sleep(RENEW_MS / 1000 if self.current is not None else RETRY_SECONDS)
            if (ticket := await self._tenancy.ticket(user)) is not None:
                self.current = ticket
                self._renewed(ticket)

    def confirm(self, number: int) -> None:
        """The client has got the secret of that number: those before it are good no more."""
        self.confirmed = True
        self._tenancy.confirm(number)
