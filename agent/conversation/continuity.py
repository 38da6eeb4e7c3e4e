"""What makes a conversation outlive its connection: the secrets to come back with, the rounds that tell what was heard, and what a client gets that has come back."""

from __future__ import annotations

import asyncio
import time
import weakref
from collections.abc import Callable, Hashable
from contextlib import suppress
from typing import Final, Protocol

from livekit.agents import llm

from agent.conversation.client import Client
from agent.conversation.ports import Tenancy
from agent.conversation.returning import Past, media_time, restored, snapshot_of
from agent.conversation.rounds import Rounds
from agent.conversation.tickets import Tickets
from agent.protocol.messages import ClientHello, PageState, Playout, ResumeSecret
from agent.sessions.tickets import Ticket
from agent.widget import events
from agent.widget.effects import Restore, Send
from agent.widget.state import START

MISSED_SECONDS: Final = 1.5
"""A client that says hello again, and has not said for so long what it heard of an answer, has missed a part of it."""
ARRIVAL_SECONDS: Final = 1.0
"""A client that has come back is waited for so long, until it says that it hears something."""
KEEPS_PAGE: Final = "page_state"
"""What a client wants that reports its page at the end of each round."""


class ContinuityHost(Protocol):
    """The conversation, as what outlives it sees it."""

    session_id: str

    def greet(self) -> None:
        """Tell the client who is here, and what it does."""

    def memory(self) -> llm.ChatContext:
        """What was said, as the model remembers it."""

    def ask_again(self, request: Send) -> None:
        """The answer to this request was not heard: give it again."""

    def clear(self) -> None:
        """Nobody is here: what is being said is neither heard nor cut."""


class Continuity:
    """One a conversation; implements `rounds.RoundsHost`. `t` and `gen`: the media sample being sent and the current generation; `past`: of a session that goes on."""

    def __init__(
        self,
        host: ContinuityHost,
        client: Client,
        tenancy: Tenancy,
        hello: ClientHello,
        t: Callable[[], int],
        gen: Callable[[], int],
        past: Past | None,
    ) -> None:
        self.past = past
        self.since = 0 if past is None else past.state.seq
        """More than anything was counted before: lines, answers, commands."""
        self.back = past is not None
        """The client has been here before."""
        self.over = False
        """Nobody will come back."""
        self.wants = tuple(hello.wants)
        self.tickets = Tickets(tenancy, None if past is None else past.ticket, self._renewed)
        self.rounds = Rounds(self, client, tenancy, t, gen, START if past is None else past.rounds)
        self._host = host
        self._client = client
        self._asides: weakref.WeakSet[Hashable] = weakref.WeakSet()
        """What is said and answers no question."""
        self._reported: float | None = None
        self._hears = asyncio.Event()

    @property
    def t(self) -> int:
        """The media sample with which the conversation begins."""
        return 0 if self.past is None else media_time(self.past.state, time.time_ns() // 1_000_000)

    @property
    def generation(self) -> int:
        """The id with which it begins."""
        return 0 if self.past is None else self.past.generation

    @property
    def silent(self) -> bool:
        """Whether nothing has been said yet."""
        return self.past is None or not self.past.state.items

    @property
    def resumable(self) -> bool:
        """Whether the client can come back, and knows how."""
        return not self.over and self.tickets.confirmed

    # ------------------------------------------------------------------------------------------------------- coming and going

    def begin(self) -> None:
        """The conversation has begun."""
        self.rounds.came(keeps_page=KEEPS_PAGE in self.wants)

    def absent(self) -> None:
        """The client is cut off."""
        self.rounds.left()

    def present(self) -> None:
        """It is here again."""
        self.back = True
        self._host.greet()
        self.begin()

    def missed(self, hello: ClientHello, *, sounding: bool) -> bool:
        """A client says hello again. Whether it has missed a part of what is being said: then that is said again."""
        self.wants = tuple(hello.wants) or self.wants
        if not sounding or self._reported is None or time.monotonic() - self._reported <= MISSED_SECONDS:
            return False
        self.absent()
        self.present()
        return True

    async def arrived(self) -> None:
        """Wait, for a moment, until the client hears what is sent: a browser takes a while to begin, and what is said meanwhile is lost."""
        with suppress(TimeoutError):
            async with asyncio.timeout(ARRIVAL_SECONDS):
                await self._hears.wait()

    def close(self) -> None:
        """The connection is over."""
        self.rounds.left()
        self.rounds.close()

    # ------------------------------------------------------------------------------------------------------- from the client

    def reported(self, playout: Playout) -> None:
        """The client says what it heard."""
        self._reported = time.monotonic()
        self._hears.set()
        self.rounds.reported(playout.t_heard)

    def page(self, page: PageState) -> str | None:
        """The client reports its page. Returns why that is not expected, or None. Raises `ProtocolError`."""
        return self.rounds.page(events.PageState(page.round, snapshot_of(page)))

    # ------------------------------------------------------------------------------------------------------- from the engine

    def aside(self, speech: Hashable) -> None:
        """What is said there answers no question."""
        self._asides.add(speech)

    def began(self, gen: int, speech: object, number: int | None) -> None:
        """The first sound of a stretch of an answer goes out; in the journal it has this number."""
        if isinstance(speech, Hashable) and speech not in self._asides:
            self.rounds.began(gen, number)

    # ------------------------------------------------------------------------------------------------------- from the rounds

    def restore(self, restore: Restore, kept: asyncio.Future[bool] | None) -> None:
        if self.back:
            omitted = 0 if self.past is None else self.past.state.dropped
            unfinished = self.rounds.state.current.unfinished
            self._client.tell(restored(self._host.memory(), restore, omitted=omitted, unfinished=unfinished), kept)

    def ask_again(self, request: Send) -> None:
        self._host.ask_again(request)

    def clear(self) -> None:
        self._host.clear()

    def _renewed(self, ticket: Ticket) -> None:
        self._client.tell(ResumeSecret(secret=ticket.secret, number=ticket.number, ttl_ms=ticket.ttl_ms), None)
