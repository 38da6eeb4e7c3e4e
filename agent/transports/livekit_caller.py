"""The participant whom an agent talks with: what they send waits until there is a conversation, and is passed on from then on."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, Final, TypeVar

from agent.config import Config
from agent.conversation.host import UnknownPersona
from agent.conversation.ports import Guest
from agent.protocol.envelope import Envelope
from agent.protocol.messages import ClientHello, ErrorMessage, Settings, StartListen, StopListen
from agent.transports.visit import error_message

logger = logging.getLogger("visavis.livekit")

MAX_EARLY: Final = 32
"""Messages that are kept for a conversation which is being opened."""

T = TypeVar("T")


class Caller:
    """One at a time. `tell` sends them the door's own errors; `on_news`: they said hello; `on_fault`: their conversation has failed."""

    def __init__(
        self,
        name: str,
        config: Config,
        tell: Callable[[str, ErrorMessage], None],
        *,
        on_news: Callable[[], None],
        on_fault: Callable[[], None],
    ) -> None:
        self.identity: str | None = None
        """None: nobody."""
        self.hello: ClientHello | None = None
        """What they said of themselves, until somebody has read it."""
        self.guest: Guest | None = None
        """Their conversation."""
        self._name = name
        self._config = config
        self._tell = tell
        self._on_news = on_news
        self._on_fault = on_fault
        self._persona = ""
        self._early: list[Envelope[Any]] = []

    def link(self, identity: str) -> None:
        """It is they."""
        self.identity = identity

    def unlink(self) -> None:
        """It is nobody any more."""
        self.identity = self.hello = self.guest = None
        self._early.clear()

    def take_hello(self) -> ClientHello | None:
        hello, self.hello = self.hello, None
        return hello

    def talks(self, guest: Guest, persona: str) -> None:
        """They have a conversation, with this persona."""
        self.guest, self._persona = guest, persona
        for envelope in self._early:
            self.deliver(envelope)

    # ------------------------------------------------------------------------------------------------------- what they do

    def hear(self, pcm: bytes) -> None:
        """Their microphone."""
        if self.guest is not None:
            self._guarded(self.guest.hear, pcm)

    def listen(self, listen: bool) -> None:
        """A track that is muted or gone is a closed microphone: what was said until now is answered."""
        if self.guest is not None:
            self._guarded(self.guest.receive, Envelope(StartListen() if listen else StopListen()))

    def absent(self) -> None:
        if self.guest is not None:
            self._guarded(lambda guest: guest.absent(), self.guest)

    def present(self) -> None:
        if self.guest is not None:
            self._guarded(lambda guest: guest.present(), self.guest)

    def deliver(self, envelope: Envelope[Any]) -> None:
        """A message of theirs."""
        message = envelope.message
        if self.guest is None:
            if isinstance(message, ClientHello):
                self.hello = message
                self._on_news()
            elif len(self._early) < MAX_EARLY:
                self._early.append(envelope)
            return
        if isinstance(message, ClientHello):
            self._introduced_again(self.guest, message)
        self._guarded(self.guest.receive, envelope)

    def _introduced_again(self, guest: Guest, hello: ClientHello) -> None:
        """A client that was reloaded, or whose hello came late. Its language counts; its persona does when it is the one that talks."""
        if hello.language is not None:
            self._guarded(guest.receive, Envelope(Settings(language=hello.language)))
        if hello.persona is None or hello.persona == self._persona or self.identity is None:
            return
        known = self._config.personas
        if hello.persona not in known:
            error = error_message("unknown_persona", str(UnknownPersona(hello.persona, list(known))))
        else:
            error = error_message(
                "bad_message", f"hello.persona: {self._persona} is talking already; name another in the dispatch metadata"
            )
        self._tell(self.identity, error)

    def _guarded(self, call: Callable[[T], None], argument: T) -> None:
        """A fault ends this conversation and no other."""
        try:
            call(argument)
        except Exception:  # whatever it is
            logger.exception("%s: the conversation failed", self._name)
            if self.identity is not None:
                self._tell(self.identity, error_message("internal", "a fault of the server ended the session; connect again"))
            self._on_fault()
