"""The line to one participant of a room."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from agent.conversation.ports import DoorKind
from agent.media.block import Block
from agent.protocol.envelope import Envelope
from agent.protocol.frames import Frame
from agent.protocol.messages import ErrorMessage
from agent.transports.livekit_messages import Post
from agent.transports.livekit_voice import Voice


class Line:
    """Implements `ports.Transport`."""

    kind: DoorKind = "livekit"
    ahead_seconds = 0.0

    def __init__(self, post: Post, voice: Voice, identity: str, on_close: Callable[[], None]) -> None:
        self.identity: Final = identity
        self.closed = False
        self._post = post
        self._voice = voice
        self._on_close = on_close

    def send(self, envelope: Envelope[Any]) -> None:
        self._post.send(self.identity, envelope)

    def show(self, frame: Frame) -> None:
        self._post.show(self.identity, frame.to_bytes())

    async def play(self, block: Block) -> None:
        await self._voice.play(block)

    def clear(self) -> None:
        """Nothing to forget: what was played is on the wire."""

    async def close(self, error: ErrorMessage | None) -> None:
        if error is not None:
            self._post.tell(self.identity, error)
        self.closed = True
        self._on_close()
