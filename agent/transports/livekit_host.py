"""What the LiveKit door needs of those who talk."""

from __future__ import annotations

from typing import Protocol

from livekit import rtc

from agent.conversation.host import Place
from agent.conversation.ports import Guest, Returned, Transport
from agent.media.block import Pcm
from agent.protocol.messages import ClientHello, LanguageChoice
from agent.transports.livekit_absence import Places


class Host(Places, Protocol):
    """Of `agent.conversation.host.ConversationHost`."""

    def reserve(self) -> Place: ...

    async def admit(self) -> Place: ...

    async def say_busy(self, language: LanguageChoice) -> Pcm:
        """The sound (48 kHz) of the words that all places are taken; empty when they cannot be said."""

    async def open(
        self, transport: Transport, hello: ClientHello, *, place: Place | None = None, identity: str = "", room: rtc.Room | None = None
    ) -> Guest: ...

    async def adopt(
        self, transport: Transport, session: str, returned: Returned, *, place: Place, identity: str, room: rtc.Room
    ) -> Guest: ...
