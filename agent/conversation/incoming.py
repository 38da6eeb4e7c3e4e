"""What a client says beside sound: each message to the part that it is for, and an error where it is for none."""

from __future__ import annotations

import time
from typing import Any, Protocol

from agent.conversation.client import Client
from agent.conversation.context import PageContext
from agent.conversation.continuity import Continuity
from agent.conversation.ear import Ear
from agent.conversation.floor import Floor
from agent.conversation.listening import Listening
from agent.conversation.telling import Telling
from agent.media.timeline import Timeline
from agent.protocol.errors import ProtocolError
from agent.protocol.messages import (
    MAX_TEXT,
    AsrFinal,
    ClientHello,
    ClientInterrupt,
    ContextAck,
    ContextUpdate,
    Goodbye,
    InterruptReason,
    PageState,
    Ping,
    Playout,
    Pong,
    ResumeConfirm,
    Settings,
    StartListen,
    StopListen,
    TextInput,
    UiEvent,
)


class IncomingHost(Protocol):
    """The conversation, as what is said to it sees it."""

    def greet(self) -> None:
        """Tell the client who is here, and what it does."""

    def interrupt(self, reason: InterruptReason) -> None: ...

    def answer(self, text: str) -> None: ...

    def leave(self) -> None:
        """The user has ended it."""


class Incoming:
    """One a conversation. `open` tells whether the microphone is listened to."""

    def __init__(
        self,
        host: IncomingHost,
        client: Client,
        ear: Ear,
        listening: Listening,
        telling: Telling,
        floor: Floor,
        context: PageContext,
        continuity: Continuity,
        timeline: Timeline,
    ) -> None:
        self.open = True
        self._host = host
        self._client = client
        self._ear = ear
        self._listening = listening
        self._telling = telling
        self._floor = floor
        self._context = context
        self._continuity = continuity
        self._timeline = timeline
        self._typed = 0

    def receive(self, message: Any) -> None:
        """A message that the protocol allows; one that is not for this door is answered with an error."""
        match message:
            case ClientHello() as hello:
                if not self._continuity.missed(hello, sounding=self._listening.sounding()):
                    self._host.greet()
                    self._telling.again()
            case StartListen():
                self.open = True
            case StopListen():
                self._ear.finish()
                self.open = False
            case TextInput(text=text):
                self.typed(text)
            case ClientInterrupt():
                self._host.interrupt("button")
            case Settings(language=language, interrupt=mode):
                if language is not None:
                    self._ear.language = language
                if mode is not None:
                    self._ear.switch(mode)
            case ContextUpdate() as update:
                self._page_context(update)
            case Ping(id=ping_id):
                self._client.send(Pong(id=ping_id, t=self._timeline.t))
            case Playout() as playout:
                if self._floor.report(playout):
                    self._continuity.reported(playout)
            case ResumeConfirm(number=number):
                self._continuity.tickets.confirm(number)
            case PageState() as page:
                self._page(page)
            case Goodbye():
                self._host.leave()
            case UiEvent():
                pass
            case other:
                self._client.fail("bad_message", f"{other.type} is not expected at this door")

    def typed(self, text: str) -> None:
        """The user wrote: an answer that is being given is interrupted, then this is answered."""
        text = text.strip()
        if not text:
            self._client.fail("bad_message", "text_input.text: expected something to read")
            return
        self._ear.reset()
        if self._listening.busy():
            self._host.interrupt("text")
        self._typed += 1
        self._client.send(AsrFinal(id=f"t{self._continuity.since + self._typed}", text=text, via="text"))
        self._continuity.rounds.asked("text", text)
        self._telling.asked(time.monotonic())
        self._host.answer(text)

    def chat(self, text: str) -> None:
        """The user wrote in the room's chat."""
        if len(text) > MAX_TEXT:
            self._client.fail("bad_message", f"lk.chat: expected at most {MAX_TEXT} characters, not {len(text)}")
            return
        self.typed(text)

    def _page_context(self, update: ContextUpdate) -> None:
        refused = self._context.update(update, time.monotonic())
        self._client.send(ContextAck(version=update.version, accepted=refused is None, reason=refused))
        if refused is None and update.interrupt and self._listening.busy():
            self._host.interrupt("context")

    def _page(self, page: PageState) -> None:
        try:
            why = self._continuity.page(page)
        except ProtocolError as error:
            self._client.fail(error.code, str(error))
            return
        if why is not None:
            self._client.fail("bad_message", why)
