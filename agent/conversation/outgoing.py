"""Messages to one client, in order. One that must not be told before it is written down holds up those behind it, for a moment; an interrupt waits for nothing."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final, NamedTuple

from agent.conversation.ports import Transport
from agent.protocol.envelope import Envelope
from agent.protocol.messages import Hold, Message, ServerInterrupt

PATIENCE_SECONDS: Final = 0.5
"""How long the journal may take; then the client is told all the same, for a conversation does not wait."""


class _Held(NamedTuple):
    message: Message
    gen: int
    t: int | None
    kept: asyncio.Future[bool] | None


class Outgoing:
    """One a conversation. Numbers what it passes on."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._seq = 0
        self._held: deque[_Held] = deque()
        self._patience: asyncio.TimerHandle | None = None

    def send(self, message: Message, gen: int, t: int | None, kept: asyncio.Future[bool] | None = None) -> None:
        """`kept`: done when the message is written down; it is told then."""
        if isinstance(message, ServerInterrupt | Hold):
            self.let_go()
        self._held.append(_Held(message, gen, t, kept))
        if kept is not None and not kept.done():
            kept.add_done_callback(lambda _: self._pass_on())
        self._pass_on()

    def let_go(self) -> None:
        """Wait for nothing any more."""
        while self._held:
            self._tell(self._held.popleft())
        self._calm()

    def _pass_on(self) -> None:
        while self._held and (self._held[0].kept is None or self._held[0].kept.done()):
            self._calm()
            self._tell(self._held.popleft())
        if self._held and self._patience is None:
            self._patience = asyncio.get_running_loop().call_later(PATIENCE_SECONDS, self.let_go)

    def _calm(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _tell(self, held: _Held) -> None:
        self._seq += 1
        self._transport.send(Envelope(held.message, held.gen, self._seq, held.t))
