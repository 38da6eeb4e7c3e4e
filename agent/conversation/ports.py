"""What a conversation and a door ask of each other. A door is an adapter around one connected client; it knows the wire and nothing of the talk."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Literal, Protocol

from agent.media.block import Block
from agent.protocol.envelope import Envelope
from agent.protocol.frames import Frame
from agent.protocol.messages import ErrorMessage

DoorKind = Literal["peer", "livekit", "ws", "local"]


class Transport(Protocol):
    """The client, as the conversation sees it. All methods are called on the event loop."""

    kind: DoorKind
    ahead_seconds: float
    """How far ahead of real time answer audio may be handed over (0 for doors that play at once)."""

    def send(self, envelope: Envelope[Any]) -> None:
        """Send a message, in order, without waiting. A client that reads too slowly loses its connection; nothing is raised."""

    def show(self, frame: Frame) -> None:
        """Send a frame of the face, without waiting; it may be lost."""

    async def play(self, block: Block) -> None:
        """Take 20 ms of sound. Blocks come without a gap, blanks included, at the pace of real time. Must not wait longer than the wire needs."""

    def clear(self) -> None:
        """Forget answer audio that was taken and is not on the wire yet: an interrupt. The next block goes on at the clock's own pace."""

    async def close(self, error: ErrorMessage | None) -> None:
        """End the connection, with a last word where there is one. Called once, by the conversation or its host."""


class Guest(Protocol):
    """The conversation, as the door sees it (`conversation.Conversation`)."""

    session_id: str

    def hear(self, pcm: bytes) -> None:
        """Microphone sound: 16 kHz mono, little-endian 16-bit, any length, in order, gaps already filled with silence. Never blocks."""

    def receive(self, envelope: Envelope[Any]) -> None:
        """A decoded message from the client, `hello` excepted. Never blocks; a wrong one is answered with an `error` message."""

    def at_rest(self) -> bool:
        """Whether nobody speaks, and nothing is being prepared: what happens now between two workers is not heard."""

    async def hand_over(self, reason: str) -> None:
        """Fall silent, free everything, and leave the session to another worker. The client is told nothing. In the place of `aclose`."""

    async def aclose(self, reason: str) -> None:
        """The client has gone (or must go): end the conversation and free everything. May be called twice."""


class Chronicle(Protocol):
    """Where a conversation writes down what happens (`agent.sessions.chronicle.Chronicle`). No method ever waits, or raises."""

    @property
    def stored(self) -> bool:
        """Whether what is said is written down beyond the session."""

    def write(self, kind: str, d: Mapping[str, Any], *, t: int, gen: int) -> None:
        """It happened at media sample `t`, in generation `gen`."""

    def commit(self, kind: str, d: Mapping[str, Any], *, t: int, gen: int) -> asyncio.Future[bool] | None:
        """It happened, and is to outlive everything: done when it does. None when there is nothing to wait for."""
