"""What a conversation and a door ask of each other. A door is an adapter around one connected client; it knows the wire and nothing of the talk."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Literal, Protocol

from agent.media.block import Block, Pcm
from agent.protocol.envelope import Envelope
from agent.protocol.frames import Frame
from agent.protocol.messages import ErrorMessage
from agent.sessions.state import State
from agent.sessions.tickets import Ticket
from agent.widget import state as rounds

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

    def absent(self) -> None:
        """The client is cut off, and may come back to this door. Nothing is said to nobody."""

    def present(self) -> None:
        """The client is here again: what it did not hear to its end is heard again."""

    def at_rest(self) -> bool:
        """Whether nobody speaks, and nothing is being prepared: what happens now between two workers is not heard."""

    async def hand_over(self, reason: str) -> None:
        """Fall silent, free everything, and leave the session to another worker. The client is told nothing. In the place of `aclose`."""

    async def aclose(self, reason: str) -> None:
        """The client has gone (or must go): end the conversation and free everything. May be called twice."""


class Sound(Protocol):
    """Where both sides of a conversation are recorded (`agent.sessions.take.Take`). `now` is the media sample that is due now. No method ever waits, or raises."""

    @property
    def recorded(self) -> bool:
        """Whether what is said now is recorded."""

    def heard(self, pcm: bytes, now: int) -> None:
        """Microphone sound, as `Guest.hear` gets it."""

    def played(self, t: int, pcm: Pcm | None, now: int) -> None:
        """The block at media sample `t` goes out; None: a blank."""

    def cut(self) -> None:
        """What went out ahead of time and is not due yet was called back."""

    def close(self) -> None:
        """The conversation is over."""


class Chronicle(Protocol):
    """Where a conversation writes down what happens (`agent.sessions.chronicle.Chronicle`). No method ever waits, or raises."""

    round: int
    """The round that events belong to from now on."""

    @property
    def stored(self) -> bool:
        """Whether what is said is written down beyond the session."""

    @property
    def sound(self) -> Sound:
        """The same one each time."""

    def write(self, kind: str, d: Mapping[str, Any], *, t: int, gen: int) -> None:
        """It happened at media sample `t`, in generation `gen`."""

    def commit(self, kind: str, d: Mapping[str, Any], *, t: int, gen: int) -> asyncio.Future[bool] | None:
        """It happened, and is to outlive everything: done when it does. None when there is nothing to wait for."""


class Tenancy(Chronicle, Protocol):
    """A session that is this process's own, and its journal."""

    on_lost: Callable[[], None]
    """Called once when it is not ours any more: fall silent, write nothing."""

    def may_act(self) -> bool:
        """Whether to speak now: asked for every block of sound."""

    async def ticket(self, user: str) -> Ticket | None:
        """A new secret for coming back; None when nobody could."""

    def confirm(self, number: int) -> None:
        """The client has got the secret of that number."""

    async def release(self, *, over: bool, orphan: bool = False) -> None:
        """Give it back, when everything is written. `over`: nobody comes back to it; `orphan`: another worker is to go on with it."""


class Returned(Protocol):
    """A session that goes on, folded from its journal."""

    @property
    def chronicle(self) -> Tenancy: ...
    @property
    def state(self) -> State: ...
    @property
    def rounds(self) -> rounds.State: ...


class Sessions(Protocol):
    """All sessions' journals, and whose they are (`agent.sessions.chronicle.Chronicler`)."""

    async def begin(self, session: str, *, adoptable: bool = False) -> Tenancy:
        """A new session. `adoptable`: another worker can go on with it."""

    async def claim(self, session: str, user: str, secret: str) -> Ticket:
        """Somebody shows a secret to come back. Raises `ResumeRefused`, `StoreError`."""

    async def reopen(self, session: str, *, adoptable: bool = False) -> Returned:
        """Go on with a session that was claimed. Raises `Taken`, `StoreError`."""

    async def adopt(self, session: str) -> Returned:
        """Go on with a session whose worker has died. Raises `Taken`, `StoreError`."""
