"""All conversations of a process: shared engines, admission, counting."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import deque
from collections.abc import Callable, Mapping
from typing import Final, get_args

import numpy as np
import soxr
from livekit import rtc
from livekit.agents import APIError

from agent.config import Config, Journal
from agent.conversation.conversation import Conversation
from agent.conversation.parts import Engines
from agent.conversation.ports import Returned, Sessions, Tenancy, Transport
from agent.conversation.returning import Past
from agent.media.block import Pcm
from agent.protocol.messages import RATE, ClientHello, ErrorMessage, Language, LanguageChoice
from agent.sessions.chronicle import Chronicler
from agent.sessions.tickets import Ticket

logger = logging.getLogger("visavis.conversation")

WAITING = 64
"""Clients that may wait for a place; more are told at once."""
BUSY_WORDS: Final[Mapping[Language, str]] = {
    "en": "I am sorry, all places are taken at the moment. Please try again in a minute.",
    "zh": "抱歉，现在所有位置都满了，请过一会儿再试。",
}
BUSY_RETRY_MS = 5_000
TAKEN_OVER: Final = ErrorMessage(code="taken_over", message="another client has resumed this session", recoverable=False)
NOT_READY_RETRY_MS = 2_000


class Busy(Exception):
    """All places are taken."""

    def __init__(self, capacity: int) -> None:
        super().__init__(f"all {capacity} places are taken; try again in {BUSY_RETRY_MS // 1000} s")
        self.retry_ms = BUSY_RETRY_MS


class NotReady(Exception):
    """The models are not ready."""

    def __init__(self, missing: list[str]) -> None:
        super().__init__("not ready yet: " + "; ".join(missing))
        self.missing = missing
        self.retry_ms = NOT_READY_RETRY_MS


class UnknownPersona(Exception):
    """No persona of that name."""

    def __init__(self, name: str, known: list[str]) -> None:
        super().__init__(f"persona {name!r} is not configured; known are {', '.join(known)}")


class Place:
    """A place that is taken: released once, by whoever holds it."""

    def __init__(self, release: Callable[[Place], None]) -> None:
        self._release = release

    def release(self) -> None:
        """Give the place back. May be called twice."""
        self._release(self)


class ConversationHost:
    """Made once a process; doors get it passed in."""

    def __init__(
        self,
        config: Config,
        engines: Engines,
        on_event: Callable[[str, float], None] = lambda name, value: None,
        sessions: Sessions | None = None,
    ) -> None:
        """`sessions`: their journals; None: nothing is written down, and nobody can come back."""
        self.config = config
        self._engines = engines
        self._on_event = on_event
        self._sessions = sessions or Chronicler(Journal(content="off"))
        self._places: set[Place] = set()
        self._waiting: deque[asyncio.Future[Place]] = deque()
        self._conversations: dict[str, Conversation] = {}
        self._deserted: list[Callable[[], None]] = []
        self._busy_sounds: dict[Language, Pcm] = {}
        self._closed = False

    @property
    def ready(self) -> bool:
        return self._engines.ready and not self._closed

    @property
    def count(self) -> int:
        """Places that are taken now."""
        return len(self._places)

    @property
    def capacity(self) -> int:
        """Conversations at once: as configured, or as many as the engines are fast enough for."""
        limit = self.config.limits.sessions
        return self._engines.capacity if limit == "auto" else limit

    def missing(self) -> list[str]:
        """What is not ready yet, in plain words."""
        return ["shutting down"] if self._closed else self._engines.missing()

    def reserve(self) -> Place:
        """Take a place before any work is done for a client. Raises `NotReady` or `Busy`."""
        if not self.ready:
            raise NotReady(self.missing())
        if len(self._places) >= self.capacity and self._deserted:
            self._deserted.pop(0)()
        if len(self._places) >= self.capacity:
            raise Busy(self.capacity)
        return self._take()

    def deserted(self, give_up: Callable[[], None]) -> None:
        """A place is kept for somebody who was cut off. When another needs it, `give_up` is called, once, unless `rejoined` was before."""
        self._deserted.append(give_up)

    def rejoined(self, give_up: Callable[[], None]) -> None:
        """The place is in use again, or is free."""
        if give_up in self._deserted:
            self._deserted.remove(give_up)

    async def admit(self) -> Place:
        """`reserve`, but when all places are taken wait for one, first come, first served, for `limits.queue_seconds`. Raises `NotReady` or `Busy`."""
        seconds = self.config.limits.queue_seconds
        try:
            return self.reserve()
        except Busy:
            if seconds <= 0 or len(self._waiting) >= WAITING:
                raise
        turn: asyncio.Future[Place] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await asyncio.wait([turn], timeout=seconds)
        except asyncio.CancelledError:
            if turn.done():
                turn.result().release()
            raise
        finally:
            if not turn.done():
                self._waiting.remove(turn)
        if not turn.done():
            raise Busy(self.capacity)
        return turn.result()

    def _take(self) -> Place:
        place = Place(self._release)
        self._places.add(place)
        return place

    def _release(self, place: Place) -> None:
        self._places.discard(place)
        while self._waiting and not self._closed and len(self._places) < self.capacity:
            self._waiting.popleft().set_result(self._take())

    async def say_busy(self, language: LanguageChoice) -> Pcm:
        """The sound (48 kHz) of the words that all places are taken, made once a language; empty when the voice fails. `auto`: English."""
        spoken: Language = "zh" if language == "zh" else "en"
        if spoken not in self._busy_sounds:
            parts = self._engines.build(self.config.personas["default"])
            try:
                async with asyncio.timeout(self.config.limits.tts_seconds):
                    frame = await parts.tts.synthesize(BUSY_WORDS[spoken]).collect()
            except (APIError, TimeoutError) as error:
                logger.warning("the voice could not say that all places are taken: %s", error)
                return np.zeros(0, np.int16)
            finally:
                await parts.aclose()
            self._busy_sounds[spoken] = soxr.resample(np.frombuffer(frame.data, np.int16), frame.sample_rate, RATE)
        return self._busy_sounds[spoken]

    async def open(
        self, transport: Transport, hello: ClientHello, *, place: Place | None = None, identity: str = "", room: rtc.Room | None = None
    ) -> Conversation:
        """Begin a conversation, or go on with one whose secret the client shows; its place is released when it ends (or here, when it cannot begin). Raises `Busy`,
        `NotReady`, `UnknownPersona`, `ResumeRefused`, `Taken`, `StoreError`."""
        taken = place or self.reserve()
        try:
            if hello.session_id is not None and hello.resume is not None:
                ticket = await self._sessions.claim(hello.session_id, identity, hello.resume)
                if (live := self._conversations.get(hello.session_id)) is not None:
                    await live.aclose("its client has come back", last_word=TAKEN_OVER)
                returned = await self._sessions.reopen(hello.session_id, adoptable=room is not None)
                return await self._go_on(hello.session_id, returned, ticket, transport, hello, taken, identity, room)
            session_id = f"s-{secrets.token_hex(8)}"
            persona_id = self._persona(hello.persona)
            tenancy = await self._sessions.begin(session_id, adoptable=room is not None)
            return await self._converse(session_id, persona_id, transport, hello, tenancy, taken, identity, room)
        except BaseException:
            taken.release()
            raise

    async def adopt(
        self, transport: Transport, session: str, returned: Returned, *, place: Place, identity: str, room: rtc.Room
    ) -> Conversation:
        """Go on with a session whose worker has died, and which was taken (`Sessions.adopt`), with its client in `room`. The place is released when it ends, or here."""
        try:
            hello = ClientHello(wants=list(returned.state.wants))
            return await self._go_on(session, returned, None, transport, hello, place, identity, room)
        except BaseException:
            place.release()
            await returned.chronicle.release(over=False)
            raise

    async def _go_on(
        self,
        session_id: str,
        returned: Returned,
        ticket: Ticket | None,
        transport: Transport,
        hello: ClientHello,
        place: Place,
        identity: str,
        room: rtc.Room | None,
    ) -> Conversation:
        state = returned.state
        persona_id = state.persona if state.persona in self.config.personas else "default"
        if hello.language is None and state.language in get_args(LanguageChoice):
            hello = hello.model_copy(update={"language": state.language})
        past = Past(state, returned.rounds, ticket)
        self._on_event("gone_on:adopted" if ticket is None else "gone_on:resumed", 1.0)
        return await self._converse(session_id, persona_id, transport, hello, returned.chronicle, place, identity, room, past)

    async def _converse(
        self,
        session_id: str,
        persona_id: str,
        transport: Transport,
        hello: ClientHello,
        tenancy: Tenancy,
        place: Place,
        identity: str,
        room: rtc.Room | None,
        past: Past | None = None,
    ) -> Conversation:
        try:
            parts = self._engines.build(self.config.personas[persona_id])
            conversation = Conversation(session_id, self.config, persona_id, transport, parts, hello, tenancy, self._on_event, past)
        except BaseException:
            await tenancy.release(over=past is None, orphan=past is not None)
            raise
        conversation.on_ended = lambda: self._ended(conversation, place)
        self._conversations[session_id] = conversation
        try:
            await conversation.start(room, identity)
        except BaseException:
            await (conversation.aclose if past is None else conversation.hand_over)("it could not begin")
            raise
        return conversation

    def _persona(self, name: str | None) -> str:
        personas = self.config.personas
        if (name or "default") not in personas:
            raise UnknownPersona(name or "default", list(personas))
        return name or "default"

    def _ended(self, conversation: Conversation, place: Place) -> None:
        if self._conversations.get(conversation.session_id) is conversation:
            del self._conversations[conversation.session_id]
        place.release()

    async def aclose(self) -> None:
        """End all conversations and refuse new ones."""
        self._closed = True
        await asyncio.gather(*(c.aclose("the server shuts down") for c in list(self._conversations.values())), return_exceptions=True)
        await self._engines.aclose()
