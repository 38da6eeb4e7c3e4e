"""One peer connection: from the answer to its offer until everything of it is closed."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Any, Final

from aiortc import (
    RTCBundlePolicy,
    RTCConfiguration,
    RTCDataChannel,
    RTCIceServer,
    RTCPeerConnection,
    RTCRtpReceiver,
    RTCRtpSender,
    RTCSessionDescription,
)
from aiortc.exceptions import InvalidStateError
from aiortc.rtp import RtpPacket

from agent.aio import Tasks
from agent.config import Config, Ice
from agent.conversation.host import Place
from agent.conversation.ports import DoorKind
from agent.media.block import Block
from agent.protocol.envelope import MAX_MESSAGE_BYTES, Envelope
from agent.protocol.errors import ProtocolError
from agent.protocol.frames import Frame
from agent.protocol.messages import RATE, ClientHello, Clock, ErrorMessage, Message
from agent.transports.opus import LOOKAHEAD
from agent.transports.outbox import Numbering
from agent.transports.visit import Arrivals, Host, Visit, error_message
from agent.transports.webrtc_internals import gather_loopback, guard, on_datagram, sent_timestamp, tap
from agent.transports.webrtc_offer import BadOffer, Offer
from agent.transports.webrtc_sound import MAX_SOURCES, AnswerTrack, MicrophonePackets

logger = logging.getLogger("visavis.transports.webrtc")

CHANNEL: Final = "visavis"
FAST_CHANNEL: Final = "visavis.fast"
MAX_SHOWN_BYTES: Final = 4_096
"""Frames of the face that may wait; what would wait longer is out of date."""
CONNECT_SECONDS: Final = 15.0
"""How long a place is kept for a client that was answered and has not connected."""
ANSWER_SECONDS: Final = 5.0
SILENT_SECONDS: Final = 10.0
"""A client from which nothing at all comes for this long has vanished: browsers send checks every 2.5 to 6 s, whatever else they do."""
CLOSE_SECONDS: Final = 1.0
"""How long a client may take to read its last words and go."""
MAX_ARRIVALS: Final = 512
"""Frames that may wait to be read: the parts of the largest message come at once when the first of them was lost and is sent again."""
MAX_ARRIVED_BYTES: Final = 2 * MAX_MESSAGE_BYTES
MAX_CHANNELS: Final = 8
MAX_BUFFERED_BYTES: Final = 4 * 1024 * 1024
"""Bytes of messages that may wait for a client that does not read."""
CLOCK_SAMPLES: Final = 600 * RATE
"""`clock` is told again so often that the 32 bits of RTP time stay unambiguous in a session of days."""


class Peer:
    """One peer connection (`ports.Transport`)."""

    kind: DoorKind = "peer"
    ahead_seconds = 0.0

    def __init__(self, ice: Ice) -> None:
        servers = [RTCIceServer(ice.servers, ice.username or None, ice.credential.get_secret_value() or None)] if ice.servers else []
        # An empty list: without one aiortc asks a public STUN server.
        self._connection = RTCPeerConnection(RTCConfiguration(iceServers=servers, bundlePolicy=RTCBundlePolicy.MAX_BUNDLE))
        self._connection.on("connectionstatechange", self._state_changed)
        self._connection.on("datachannel", self._channel_opened)
        self._arrivals = Arrivals(MAX_ARRIVALS, MAX_ARRIVED_BYTES)
        self._numbering = Numbering()
        self._channel: RTCDataChannel | None = None
        self._fast: RTCDataChannel | None = None
        self._channels = 0
        self._track: AnswerTrack | None = None
        self._sender: RTCRtpSender | None = None
        self._visit: Visit | None = None
        self._microphone: MicrophonePackets | None = None
        self._settled = asyncio.Event()
        self._gone = asyncio.Event()
        self._greeted = False
        self._closing = False
        self._clock_t: int | None = None
        self._heard_at = time.monotonic()
        self._tasks = Tasks("peer", lambda error: self._leave("a fault of the server"))

    # ------------------------------------------------------------------------------------------------------- connecting

    async def answer(self, offer: Offer, *, loopback: bool) -> str:
        """The SDP that answers `offer`; `loopback` lets 127.0.0.1 be among its addresses. Raises `BadOffer`."""
        connection = self._connection
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                receiver = self._add_audio() if offer.audio else None
                await connection.setRemoteDescription(RTCSessionDescription(offer.sdp, "offer"))
                assert connection.sctp is not None
                gather_loopback(connection.sctp.transport.transport, loopback=loopback)
                guard(connection.sctp, self._too_much, self._garbage)
                on_datagram(connection.sctp.transport.transport, self._heard)
                if receiver is not None:
                    tap(receiver, self._packet)
                await connection.setLocalDescription(await connection.createAnswer())
        except TimeoutError:
            raise BadOffer(f"the offer could not be answered within {ANSWER_SECONDS:g} s") from None
        except Exception as error:  # aiortc has many ways to refuse an offer
            raise BadOffer(f"the offer cannot be answered: {error!r:.200}") from error
        return connection.localDescription.sdp

    def _add_audio(self) -> RTCRtpReceiver:
        self._track = AnswerTrack(self._packet_sent)
        transceiver = self._connection.addTransceiver(self._track, "sendrecv")
        codecs = RTCRtpSender.getCapabilities("audio").codecs
        transceiver.setCodecPreferences([codec for codec in codecs if codec.mimeType.lower() == "audio/opus"])
        self._sender = transceiver.sender
        return transceiver.receiver

    async def stay(self, host: Host, place: Place, identity: str, config: Config) -> None:
        """Wait for the client to connect, then let it stay as long as it likes. Frees the place and the connection."""
        try:
            if await self._connected():
                self._tasks.start(self._watch(), "watch")
                visit = self._visit = Visit(host, self, place, identity, config.limits)
                self._microphone = MicrophonePackets(visit.hear)
                await visit.run(self._arrivals, self._microphone)
        finally:
            place.release()
            await self._tasks.aclose()
            await self.shut()

    async def _connected(self) -> bool:
        """Wait until the client has opened its channel, or has left already."""
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await self._settled.wait()
        except TimeoutError:
            logger.info("a client that was answered did not connect within %g s", CONNECT_SECONDS)
            return False
        return True

    async def shut(self) -> None:
        """Close the connection at once."""
        self._closing = True
        self._visit = self._microphone = None
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await self._connection.close()
        except TimeoutError:
            logger.warning("a peer connection did not close within %g s", ANSWER_SECONDS)

    def _heard(self) -> None:
        self._heard_at = time.monotonic()

    async def _watch(self) -> None:
        """Notice a client that has vanished without a word."""
        while (silent := time.monotonic() - self._heard_at) < SILENT_SECONDS:  # noqa: ASYNC110 - a packet is no reason to wake
            await asyncio.sleep(SILENT_SECONDS - silent)
        self._leave(f"nothing came from it for {SILENT_SECONDS:g} s")

    def _state_changed(self) -> None:
        state = self._connection.connectionState
        if state in ("failed", "closed"):
            self._leave(f"the connection is {state}")

    def _leave(self, reason: str) -> None:
        self._arrivals.end(reason)
        self._settled.set()
        self._gone.set()

    # ------------------------------------------------------------------------------------------------------- from the client

    def _channel_opened(self, channel: RTCDataChannel) -> None:
        self._channels += 1
        if self._channels > MAX_CHANNELS:
            self._leave("it opened too many data channels")
        elif channel.label == CHANNEL and self._channel is None:
            self._channel = channel
            channel.on("message", self._message)
            channel.on("close", lambda: self._leave("the client closed the channel"))
            self._settled.set()
        elif channel.label == FAST_CHANNEL and self._fast is None:
            self._fast = channel
            channel.on("message", self._fast_message)
        else:
            channel.close()

    def _message(self, data: str | bytes) -> None:
        if not self._arrivals.offer(data):
            self._complain(ProtocolError("rate_limited", "too many messages are waiting to be read; the surplus is ignored"))

    def _fast_message(self, data: str | bytes) -> None:
        if self._greeted:
            self._message(data)

    def _packet(self, packet: RtpPacket) -> None:
        if self._microphone is None or not self._greeted:
            return
        try:
            self._microphone.packet(packet, time.monotonic())
        except ProtocolError as error:
            self._complain(error)
        if len(self._microphone.sources) > MAX_SOURCES:
            self._leave("it sent sound from too many sources")

    def _complain(self, error: ProtocolError) -> None:
        if self._visit is not None:
            self._visit.complain(error)

    def _garbage(self) -> None:
        self._complain(ProtocolError("bad_json", "expected text in UTF-8 on the data channel"))

    def _too_much(self) -> None:
        if not self._closing:
            self.tell(error_message("too_large", "a message may have 256 KiB in one piece, and 1.5 MiB in parts. The connection is closed"))
            self._leave("it sent a message without end")

    # ------------------------------------------------------------------------------------------------------- to the client

    def agree(self, hello: ClientHello) -> None:
        self._greeted = True

    def tell(self, message: Message) -> None:
        self.send(Envelope(message, self._numbering.gen))

    def send(self, envelope: Envelope[Any]) -> None:
        channel = self._channel
        if self._closing or channel is None:
            return
        try:
            for text in self._numbering.write(envelope):
                channel.send(text.decode())
        except ProtocolError as error:
            logger.error("a message of the server cannot be sent: %s", error)
        except (InvalidStateError, ValueError):  # the channel is not open any more, or its limit is absurdly small
            self._leave("the channel is closed")
        if channel.bufferedAmount > MAX_BUFFERED_BYTES:
            logger.warning("a client reads too slowly: %d bytes are waiting", channel.bufferedAmount)
            self._closing = True
            self._leave("it read too slowly")

    def show(self, frame: Frame) -> None:
        channel = self._fast
        if channel is None or self._closing or channel.readyState != "open" or channel.bufferedAmount > MAX_SHOWN_BYTES:
            return
        channel.send(frame.to_bytes())

    async def play(self, block: Block) -> None:
        if self._track is not None and not self._closing:
            await self._track.put(block)

    def clear(self) -> None:
        if self._track is not None:
            self._track.clear()

    async def close(self, error: ErrorMessage | None) -> None:
        if error is not None:
            self.tell(error)
        self._closing = True
        if not self._gone.is_set():
            try:
                async with asyncio.timeout(CLOSE_SECONDS):
                    await self._gone.wait()
            except TimeoutError:
                pass  # it had its time to read the last words
        self._leave("the door was closed")

    def _packet_sent(self, t: int) -> None:
        """The packet of media sample `t` is on the wire: now the origin of its timestamps can be told."""
        if self._sender is None or (self._clock_t is not None and t < self._clock_t + CLOCK_SAMPLES):
            return
        timestamp = sent_timestamp(self._sender)
        if timestamp is not None:
            self._clock_t = t
            # Opus gives every sample back a little later than it got it.
            self.tell(Clock(rtp=(timestamp + LOOKAHEAD) & 0xFFFFFFFF, t=t))
