"""No door at all: the conversation in this process."""

from __future__ import annotations

import asyncio
from typing import Any

from agent.conversation.conversation import Conversation
from agent.conversation.host import Busy, ConversationHost, NotReady, UnknownPersona
from agent.conversation.ports import DoorKind
from agent.media.block import Block
from agent.protocol.envelope import Envelope
from agent.protocol.frames import Frame
from agent.protocol.messages import ClientHello, ErrorMessage, Message
from agent.talk.door import DoorError, Listener


class LocalTransport:
    """Implements `ports.Transport` for a listener in the same process."""

    kind: DoorKind = "local"
    ahead_seconds = 0.0

    def __init__(self, listener: Listener) -> None:
        self._listener = listener

    def send(self, envelope: Envelope[Any]) -> None:
        self._listener.message(envelope)

    def show(self, frame: Frame) -> None:
        pass

    async def play(self, block: Block) -> None:
        self._listener.sound(block.pcm, asyncio.get_running_loop().time())

    def clear(self) -> None:
        pass

    async def close(self, error: ErrorMessage | None) -> None:
        self._listener.closed("" if error is None else error.message)


class LocalDoor:
    def __init__(self, host: ConversationHost, listener: Listener) -> None:
        self._host = host
        self._listener = listener
        self._conversation: Conversation | None = None
        self._seq = 0

    async def connect(self, hello: ClientHello) -> None:
        try:
            self._conversation = await self._host.open(LocalTransport(self._listener), hello)
        except (Busy, NotReady, UnknownPersona) as error:
            raise DoorError(str(error)) from None

    async def speak(self, pcm: bytes) -> None:
        assert self._conversation is not None
        self._conversation.hear(pcm)

    async def send(self, message: Message) -> None:
        assert self._conversation is not None
        self._seq += 1
        self._conversation.receive(Envelope(message, 0, self._seq))

    async def aclose(self) -> None:
        if self._conversation is not None:
            await self._conversation.aclose("the client left")
