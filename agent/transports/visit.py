"""A visit: what happens between a client's first message and its last, the same at every door that has no room of LiveKit behind it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any, Final, Protocol

from agent.config import Limits
from agent.conversation.host import Busy, NotReady, Place, UnknownPersona
from agent.conversation.ports import Guest, Transport
from agent.protocol.envelope import Envelope
from agent.protocol.errors import KINDS, ProtocolError
from agent.protocol.messages import AudioChunk, ClientHello, ErrorMessage, Message, StartListen, StopListen
from agent.sessions.holding import Taken
from agent.sessions.secrets import ResumeRefused
from agent.sessions.store import StoreError
from agent.transports.inbox import Complaints, Inbox

logger = logging.getLogger("visavis.transports")


class Host(Protocol):
    """What a door needs of `agent.conversation.host.ConversationHost`."""

    async def admit(self) -> Place: ...

    async def open(self, transport: Transport, hello: ClientHello, *, place: Place | None = None, identity: str = "") -> Guest: ...


class Client(Transport, Protocol):
    """What a visit needs of a door beside the conversation's port."""

    def agree(self, hello: ClientHello) -> None:
        """The client has said what it wants; called once, before anything is sent."""

    def tell(self, message: Message) -> None:
        """Send a message of the door's own."""


class Uplink(Protocol):
    """The client's microphone at this door. Each method may raise `ProtocolError`; what was heard is passed on before."""

    def frame(self, data: bytes, now: float) -> None:
        """A binary frame came."""

    def chunk(self, chunk: AudioChunk, now: float) -> None:
        """A message with sound came."""

    def opened(self) -> None:
        """The user opened the microphone."""

    def closed(self) -> None:
        """The user closed the microphone."""


class Gone(Exception):
    """The client has left; the text tells how."""


class TurnedAway(Exception):
    """The client cannot stay; `error` is the last word."""

    def __init__(self, error: ErrorMessage) -> None:
        super().__init__(error.message)
        self.error: Final = error


def error_message(code: str, message: str, retry_ms: int | None = None) -> ErrorMessage:
    """An `error` of the table of codes."""
    return ErrorMessage(code=code, message=message, recoverable=KINDS[code].recoverable, retry_ms=retry_ms)


REFUSALS: Final = (Busy, NotReady, UnknownPersona, ResumeRefused, Taken, StoreError)
"""Why a host does not take a client."""
STORE_RETRY_MS: Final = 2_000


def refusal(error: Exception) -> ErrorMessage:
    """What a client is told when the host does not take it, for one of `REFUSALS`."""
    match error:
        case ResumeRefused(why="taken"):
            return error_message("resume_taken", str(error), error.retry_ms)
        case ResumeRefused():
            return error_message("resume_refused", str(error))
        case Taken():
            return error_message("resume_taken", str(error), error.retry_ms)
        case StoreError():
            logger.warning("a session cannot be resumed: %s", error)
            return error_message("resume_taken", "the journal cannot be reached at the moment", STORE_RETRY_MS)
        case Busy():
            return error_message("busy", str(error), error.retry_ms)
        case NotReady():
            return error_message("not_ready", str(error), error.retry_ms)
        case _:
            return error_message("unknown_persona", str(error))


class Arrivals:
    """Frames between the network and the visit: bounded, and over at once when the client leaves."""

    def __init__(self, size: int, most_bytes: int | None = None) -> None:
        self._queue: asyncio.Queue[str | bytes] = asyncio.Queue(size)
        self._most_bytes = most_bytes
        self._bytes = 0
        self._end: str | None = None

    async def put(self, data: str | bytes) -> None:
        """Queue a frame; waits while there is no room for another one."""
        self._bytes += len(data)
        await self._queue.put(data)

    def offer(self, data: str | bytes) -> bool:
        """Queue a frame, or return False when there is no room."""
        if self._queue.full() or (self._most_bytes is not None and self._bytes + len(data) > self._most_bytes):
            return False
        self._queue.put_nowait(data)
        self._bytes += len(data)
        return True

    def end(self, reason: str) -> None:
        """The client has left (or must). Frames that were not read are forgotten. Only the first reason counts."""
        if self._end is None:
            self._end = reason
            if self._queue.empty():
                self._queue.put_nowait("")

    async def next(self) -> str | bytes:
        """The next frame. Raises `Gone`."""
        if self._end is None:
            data = await self._queue.get()
            self._bytes -= len(data)
        if self._end is not None:
            raise Gone(self._end)
        return data


class Visit:
    """One client's visit. The place was reserved before; it is released with the conversation, or here when there is none."""

    def __init__(
        self, host: Host, client: Client, place: Place, identity: str, limits: Limits, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._host = host
        self._client = client
        self._place = place
        self._identity = identity
        self._limits = limits
        self._clock = clock
        self._inbox = Inbox(limits.messages_per_second)
        self._complaints = Complaints()
        self._guest: Guest | None = None

    def hear(self, pcm: bytes) -> None:
        """Microphone sound of this client; before the conversation has begun nobody listens."""
        if self._guest is not None and pcm:
            self._guest.hear(pcm)

    def complain(self, error: ProtocolError) -> None:
        """Tell the client about a mistake that does not end its session."""
        told = self._complaints.about(error_message(error.code, str(error)), self._clock())
        if told is not None:
            self._client.tell(told)

    async def run(self, arrivals: Arrivals, uplink: Uplink) -> None:
        """Stay until the client leaves or is turned away; everything is freed afterwards."""
        reason = "the door was closed"
        try:
            hello = await self._hello(arrivals)
            self._client.agree(hello)
            self._guest = await self._open(hello)
            while True:
                self._take(await arrivals.next(), uplink)
        except Gone as gone:
            reason = str(gone)
        except TurnedAway as away:
            reason = str(away)
            await self._client.close(away.error)
        except Exception:  # whatever it is, it ends this session and no other
            logger.exception("a session failed")
            reason = "a fault of the server"
            await self._client.close(error_message("internal", "a fault of the server ended the session; connect again"))
        finally:
            if self._guest is None:
                self._place.release()
            else:
                await self._guest.aclose(reason)

    async def _hello(self, arrivals: Arrivals) -> ClientHello:
        try:
            async with asyncio.timeout(self._limits.hello_seconds):
                while True:
                    envelope = self._first(await arrivals.next())
                    if envelope is not None:
                        break
        except TimeoutError:
            seconds = self._limits.hello_seconds
            raise TurnedAway(error_message("hello_expected", f"expected hello within {seconds:g} s; nothing came")) from None
        except ProtocolError as error:
            raise TurnedAway(error_message("hello_expected", f"expected hello first; what came is wrong: {error}")) from None
        if not isinstance(envelope.message, ClientHello):
            raise TurnedAway(error_message("hello_expected", f"expected hello first, not {envelope.message.type}"))
        return envelope.message

    def _first(self, data: str | bytes) -> Envelope[Any] | None:
        if isinstance(data, bytes):
            raise ProtocolError("bad_frame", "a binary frame")
        return self._inbox.take(data, self._clock())

    async def _open(self, hello: ClientHello) -> Guest:
        try:
            return await self._host.open(self._client, hello, place=self._place, identity=self._identity)
        except REFUSALS as error:
            raise TurnedAway(refusal(error)) from None

    def _take(self, data: str | bytes, uplink: Uplink) -> None:
        assert self._guest is not None
        now = self._clock()
        try:
            if isinstance(data, bytes):
                self._inbox.count(now)
                uplink.frame(data, now)
                return
            envelope = self._inbox.take(data, now)
            if envelope is None:
                return
            match envelope.message:
                case AudioChunk() as chunk:
                    uplink.chunk(chunk, now)
                    return
                case StartListen():
                    uplink.opened()
                case StopListen():
                    uplink.closed()
            self._guest.receive(envelope)
        except ProtocolError as error:
            self.complain(error)
