"""What the peer door needs of aiortc 1.16 and aioice 0.13 that has no public name. Every use of their insides is here, each with the reason."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any, Final

from aioice import Candidate
from aioice.ice import StunProtocol
from aioice.stun import Message
from aiortc import RTCIceTransport, RTCRtpReceiver, RTCRtpSender, RTCSctpTransport
from aiortc.rtp import RtpPacket

LOOPBACK: Final = "127.0.0.1"
GATHER_SECONDS: Final = 2
"""How long STUN and TURN servers, where there are any, may take to answer. Local addresses are there at once."""


def gather_loopback(transport: RTCIceTransport, *, loopback: bool) -> None:
    """Let candidates include 127.0.0.1, which aioice leaves out (a machine without a network has no other), and wait less for servers."""
    connection = transport._connection
    gather = connection.get_component_candidates

    async def with_loopback(component: int, addresses: list[str], timeout: int = GATHER_SECONDS) -> list[Candidate]:
        return await gather(component, [*addresses, LOOPBACK] if loopback else addresses, timeout=timeout)

    connection.get_component_candidates = with_loopback  # type: ignore[method-assign]


class _Tap:
    """Stands in for aiortc's jitter buffer, and keeps nothing."""

    def __init__(self, on_packet: Callable[[RtpPacket], None]) -> None:
        self._on_packet = on_packet

    def add(self, packet: RtpPacket) -> tuple[bool, None]:
        self._on_packet(packet)
        return False, None


def tap(receiver: RTCRtpReceiver, on_packet: Callable[[RtpPacket], None]) -> None:
    """Get RTP packets as they come.

    aiortc's own way to a frame holds sound back by 80 ms, and by 300 ms for good once a packet was lost: its jitter buffer gives out one frame a packet.
    """
    name = "_RTCRtpReceiver__jitter_buffer"
    if not hasattr(receiver, name):
        raise RuntimeError(f"aiortc has changed: RTCRtpReceiver has no {name}")
    setattr(receiver, name, _Tap(on_packet))


def sent_timestamp(sender: RTCRtpSender) -> int | None:
    """The RTP timestamp of the packet that was sent last, None before the first. aiortc draws the stream's origin at random and tells nobody."""
    insides: dict[str, Any] = vars(sender)
    return int(insides["_RTCRtpSender__rtp_timestamp"]) if insides["_RTCRtpSender__packet_count"] else None


def on_datagram(transport: RTCIceTransport, heard: Callable[[], None]) -> None:
    """Be told of each datagram of the peer, consent checks included. aioice itself notices after half a minute that nobody answers."""
    connection = transport._connection
    data_received, request_received = connection.data_received, connection.request_received

    def data(data: bytes, component: int) -> None:
        heard()
        data_received(data, component)

    def request(message: Message, addr: tuple[str, int], protocol: StunProtocol) -> None:
        heard()
        request_received(message, addr, protocol)

    connection.data_received = data  # type: ignore[method-assign]
    connection.request_received = request  # type: ignore[method-assign]


MAX_UNFINISHED_BYTES: Final = 1088 * 1024
"""aiortc's window of 1 MiB, which may be full when one packet of a large message was lost, and a little: whoever goes beyond it heeds no window."""
MAX_UNFINISHED_CHUNKS: Final = 1_280
MAX_STREAMS: Final = 16


def guard(sctp: RTCSctpTransport, on_excess: Callable[[], None], on_garbage: Callable[[], None]) -> None:
    """Bound what a peer can make aiortc keep, and search again for each packet, of messages that are not complete: `on_excess` is to end the connection.

    And let text that is not UTF-8 cost a word (`on_garbage`) instead of the connection.
    """
    window = sctp._advertised_rwnd
    receive_chunk, receive = sctp._receive_data_chunk, sctp._data_channel_receive

    def too_much() -> bool:
        streams = sctp._inbound_streams
        return (
            window - sctp._advertised_rwnd > MAX_UNFINISHED_BYTES
            or len(streams) > MAX_STREAMS
            or len(sctp._sack_misordered) > MAX_UNFINISHED_CHUNKS
            or sum(len(stream.reassembly) for stream in streams.values()) > MAX_UNFINISHED_CHUNKS
        )

    async def bounded(chunk: Any) -> None:
        if too_much():
            on_excess()
        else:
            await receive_chunk(chunk)

    async def checked(stream_id: int, pp_id: int, data: bytes) -> None:
        try:
            await receive(stream_id, pp_id, data)
        except (ValueError, AssertionError, struct.error):
            on_garbage()

    sctp._receive_data_chunk = bounded  # type: ignore[method-assign]
    sctp._data_channel_receive = checked  # type: ignore[method-assign]
