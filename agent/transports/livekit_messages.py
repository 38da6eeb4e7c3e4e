"""Messages in a LiveKit room: data packets of topics `visavis` and `visavis.fast`, text streams of topic `visavis` for what is larger than one packet."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, Final

from livekit import rtc
from livekit.rtc.participant import PublishDataError

from agent.aio import Tasks
from agent.protocol.envelope import MAX_FRAME_BYTES, MAX_MESSAGE_BYTES, Envelope
from agent.protocol.errors import ProtocolError
from agent.protocol.messages import ErrorMessage
from agent.transports.inbox import Complaints, Inbox
from agent.transports.visit import error_message

logger = logging.getLogger("visavis.livekit")

TOPIC: Final = "visavis"
FAST_TOPIC: Final = "visavis.fast"
SEND_SECONDS: Final = 15.0
"""How long one message may take; a connection that is being restored holds messages back."""
STREAM_SECONDS: Final = 15.0
SHOWN: Final = 8
"""Messages that may wait when a frame of the face is to be sent."""
MAX_STREAMS: Final = 4
"""Text streams that are being read at once in one room."""
MAX_SENDERS: Final = 16
"""Participants whose mistakes are remembered; more are ignored without a word."""


class Disobeyed(ProtocolError):
    """The sender is not the one whom the agent serves."""

    def __init__(self) -> None:
        super().__init__("forbidden", "this agent talks with another participant; it takes no messages from you")


class Post:
    """The messages of one agent in one room. `send` goes to one participant; what comes is obeyed only where `obeys` says so.

    `reachable` waits until a participant can be reached. `deliver` gets what was understood. A sender's mistakes are answered to that sender alone. `overflow` is called, once, when more is waiting than
    `send_queue`.
    """

    def __init__(
        self,
        room: rtc.Room,
        tasks: Tasks,
        *,
        reachable: Callable[[str], Awaitable[None]],
        obeys: Callable[[str], bool],
        deliver: Callable[[Envelope[Any]], None],
        overflow: Callable[[], None],
        messages_per_second: int,
        send_queue: int,
    ) -> None:
        self._room = room
        self._tasks = tasks
        self._reachable = reachable
        self._obeys = obeys
        self._deliver = deliver
        self._overflow = overflow
        self._rate = messages_per_second
        self._queue: asyncio.Queue[tuple[str, Envelope[Any] | bytes]] = asyncio.Queue(send_queue)
        self._inboxes: dict[str, Inbox] = {}
        self._complaints: dict[str, Complaints] = {}
        self._streams = 0
        self._seq = 0
        self._gen = 0
        self._overflowed = False
        room.on("data_received", self._packet)
        room.on("participant_disconnected", self._forget)
        room.register_text_stream_handler(TOPIC, self._stream)

    # ------------------------------------------------------------------------------------------------------- out

    def start(self) -> None:
        """The room is connected: what waits is sent from now on."""
        self._tasks.start(self._send_all(), "messages")

    def begin(self) -> None:
        """A conversation begins: its messages and generations are counted from the start."""
        self._seq = self._gen = 0

    def send(self, to: str, envelope: Envelope[Any]) -> None:
        """Send to participant `to`, in order, without waiting."""
        self._gen = max(self._gen, envelope.gen)
        try:
            self._queue.put_nowait((to, envelope))
        except asyncio.QueueFull:
            if not self._overflowed:
                self._overflowed = True
                self._overflow()

    def show(self, to: str, data: bytes) -> None:
        """Send a frame of the face to participant `to`, by the lossy way; it is lost at once where much is waiting."""
        if self._queue.qsize() < SHOWN:
            self._queue.put_nowait((to, data))

    def tell(self, to: str, error: ErrorMessage) -> None:
        """Send the door's own `error` to participant `to`."""
        self.send(to, Envelope(error, gen=self._gen))

    async def sent(self, seconds: float) -> None:
        """Wait until all was sent, but no longer than `seconds`."""
        try:
            async with asyncio.timeout(seconds):
                await self._queue.join()
        except TimeoutError:
            logger.debug("room %s: %d messages were not sent", self._room.name, self._queue.qsize())

    async def _send_all(self) -> None:
        while True:
            to, envelope = await self._queue.get()
            try:
                async with asyncio.timeout(SEND_SECONDS):
                    await self._reachable(to)
                    await self._send(to, envelope)
            except (PublishDataError, rtc.StreamError, TimeoutError) as error:
                logger.warning("room %s: a message to %s was not sent: %s", self._room.name, to, error or "it took too long")
            finally:
                self._queue.task_done()

    async def _send(self, to: str, envelope: Envelope[Any] | bytes) -> None:
        agent = self._room.local_participant
        if isinstance(envelope, bytes):
            await agent.publish_data(envelope, reliable=False, destination_identities=[to], topic=FAST_TOPIC)
            return
        self._seq += 1
        data = replace(envelope, seq=self._seq).to_json()
        if len(data) <= MAX_FRAME_BYTES:
            await agent.publish_data(data, reliable=True, destination_identities=[to], topic=TOPIC)
        else:
            await agent.send_text(data.decode(), topic=TOPIC, destination_identities=[to])

    # ------------------------------------------------------------------------------------------------------- in

    def _packet(self, packet: rtc.DataPacket) -> None:
        if packet.topic in (TOPIC, FAST_TOPIC) and packet.participant is not None:
            self._take(packet.participant.identity, packet.data)

    def _stream(self, reader: rtc.TextStreamReader, identity: str) -> None:
        if not self._obeys(identity):
            reader.close()
            self._complain(identity, Disobeyed())
        elif self._streams >= MAX_STREAMS:
            reader.close()
            self._complain(
                identity, ProtocolError("rate_limited", f"expected at most {MAX_STREAMS} text streams at once; the surplus is ignored")
            )
        else:
            self._streams += 1
            self._tasks.start(self._read(reader, identity), "text stream")

    async def _read(self, reader: rtc.TextStreamReader, identity: str) -> None:
        try:
            async with asyncio.timeout(STREAM_SECONDS):
                data = bytearray()
                async for chunk in reader:
                    data += chunk.encode("utf-8", "surrogatepass")
                    if len(data) > MAX_MESSAGE_BYTES:
                        raise ProtocolError("too_large", f"a message may have {MAX_MESSAGE_BYTES} bytes; this text stream has more")
            self._take(identity, bytes(data))
        except ProtocolError as error:
            self._complain(identity, error)
        except TimeoutError:
            self._complain(identity, ProtocolError("bad_message", f"a text stream did not end within {STREAM_SECONDS:g} s; it was ignored"))
        except rtc.StreamError as error:
            self._complain(identity, ProtocolError("bad_message", f"a text stream broke off: {error}"))
        finally:
            self._streams -= 1
            reader.close()

    def _take(self, identity: str, data: bytes) -> None:
        try:
            if not self._obeys(identity):
                raise Disobeyed
            inbox = self._inboxes.setdefault(identity, Inbox(self._rate))
            envelope = inbox.take(data, time.monotonic())
        except ProtocolError as error:
            self._complain(identity, error)
            return
        if envelope is not None:
            self._deliver(envelope)

    def _complain(self, identity: str, error: ProtocolError) -> None:
        if identity not in self._complaints and len(self._complaints) >= MAX_SENDERS:
            return
        complaints = self._complaints.setdefault(identity, Complaints())
        told = complaints.about(error_message(error.code, str(error)), time.monotonic())
        if told is not None:
            self.tell(identity, told)

    def _forget(self, participant: rtc.RemoteParticipant) -> None:
        self._inboxes.pop(participant.identity, None)
        self._complaints.pop(participant.identity, None)
