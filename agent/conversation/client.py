"""The client, as the parts of a conversation tell it things: messages with their place, the state, errors, frames of the face."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from agent.conversation.outgoing import Outgoing
from agent.conversation.ports import Transport
from agent.media.blendshapes import Packet
from agent.protocol.errors import KINDS
from agent.protocol.frames import Frame, Kind
from agent.protocol.messages import ErrorMessage, Message, State, StateUpdate

Written = Callable[[Message, int, int | None], asyncio.Future[bool] | None]
"""Writes down what is told: a message with its generation and media sample. What is returned is done when the client may be told; None: at once."""


class Client:
    """One a conversation. `generation`: the current one."""

    def __init__(
        self, session_id: str, transport: Transport, generation: Callable[[], int], written: Written, on_event: Callable[[str, float], None]
    ) -> None:
        self.session_id = session_id
        self.state: State = "idle"
        self._transport = transport
        self._generation = generation
        self._written = written
        self._on_event = on_event
        self._outgoing = Outgoing(transport)
        self._frames = 0

    def send(self, message: Message, *, gen: int | None = None, t: int | None = None) -> None:
        """Write it down, and tell it. `gen`: the current generation where it is left out; `t`: now."""
        gen = self._generation() if gen is None else gen
        self._outgoing.send(message, gen, t, self._written(message, gen, t))

    def tell(self, message: Message, kept: asyncio.Future[bool] | None) -> None:
        """Tell what is written down by another: when `kept` is done."""
        self._outgoing.send(message, self._generation(), None, kept)

    def set_state(self, state: State, reason: str | None = None) -> None:
        """What the digital human does now."""
        if state != self.state:
            self.state = state
            self.send(StateUpdate(state=state, reason=reason))

    def fail(self, code: str, message: str) -> None:
        """Something went wrong. `code`: of the table of errors."""
        kind = KINDS[code]
        self._on_event(f"error:{code}", 1.0)
        self.send(ErrorMessage(code=kind.code, message=message, recoverable=kind.recoverable))

    def show(self, packet: Packet) -> None:
        """Frames of the face, which may be lost."""
        self._frames += 1
        self._transport.show(Frame(Kind.BLENDSHAPES, packet.payload, self._generation(), self._frames, packet.t))

    def let_go(self) -> None:
        """The end: nothing waits to be written down any more."""
        self._outgoing.let_go()
