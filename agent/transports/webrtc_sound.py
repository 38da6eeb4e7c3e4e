"""Sound on a peer connection, both ways, between RTP and PCM."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from fractions import Fraction
from typing import Any, Final

from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError
from aiortc.rtp import RtpPacket
from av import Packet

from agent.media.block import Block
from agent.protocol.errors import ProtocolError
from agent.protocol.messages import RATE, AudioChunk
from agent.transports.microphone import RATE as MICROPHONE_RATE
from agent.transports.microphone import Microphone
from agent.transports.opus import Decoder, Encoder, packet_samples
from agent.transports.rate import Decimator

WAITING_BLOCKS: Final = 2
"""Blocks that may wait to be sent: 40 ms. With more (the client is not connected), the oldest goes."""
MAX_SOURCES: Final = 16
"""RTP sources of one client; a browser has one, and another after each change of microphone."""


class AnswerTrack(MediaStreamTrack):
    """The answer: encodes the block that is due, and waits while there is none. A packet's `pts` is its block's media sample."""

    kind = "audio"

    def __init__(self, on_sent: Callable[[int], None]) -> None:
        super().__init__()
        self._on_sent = on_sent
        self._blocks: deque[Block] = deque(maxlen=WAITING_BLOCKS)
        self._arrived = asyncio.Event()
        self._encoder = Encoder()
        self._sent: int | None = None

    async def put(self, block: Block) -> None:
        """Queue a block. After a stall of the event loop blocks come at once: then the sender has its turn first."""
        if len(self._blocks) == WAITING_BLOCKS:
            await asyncio.sleep(0)
        self._blocks.append(block)
        self._arrived.set()

    def clear(self) -> None:
        """Forget what waits."""
        self._blocks.clear()

    def stop(self) -> None:
        super().stop()
        self._arrived.set()

    async def recv(self) -> Packet[Any]:
        """The next packet. aiortc asks for it when the one before was sent; `on_sent` is told that one's media sample."""
        if self._sent is not None:
            self._on_sent(self._sent)
        while not self._blocks:
            if self.readyState != "live":
                raise MediaStreamError
            self._arrived.clear()
            await self._arrived.wait()
        block = self._blocks.popleft()
        packet = Packet(self._encoder.encode(block.pcm))
        packet.pts = block.t
        packet.time_base = Fraction(1, RATE)
        self._sent = block.t
        return packet


class MicrophonePackets:
    """The microphone of a peer (a `visit.Uplink`): RTP packets by their timestamp. `hear` gets 16-bit PCM at 16 kHz."""

    def __init__(self, hear: Callable[[bytes], None]) -> None:
        self._hear = hear
        self.microphone = Microphone()
        self._decoder = Decoder()
        self._decimator = Decimator(RATE // MICROPHONE_RATE)
        self._source: int | None = None
        self._timestamp = 0
        self._at = 0
        self.sources: set[int] = set()

    def packet(self, packet: RtpPacket, now: float) -> None:
        """Take a packet of Opus. Raises `ProtocolError` (`bad_audio`)."""
        if not packet.payload:
            return
        try:
            samples = packet_samples(packet.payload) * MICROPHONE_RATE // RATE
        except ValueError as error:
            raise ProtocolError("bad_audio", str(error)) from None
        if packet.ssrc != self._source:
            self._change(packet)
        step = (packet.timestamp - self._timestamp) & 0xFFFFFFFF
        self._at += step if step < 1 << 31 else step - (1 << 32)
        self._timestamp = packet.timestamp
        at = self._at * MICROPHONE_RATE // RATE
        self._hear(self.microphone.push(at, packet.payload, now, samples=samples, decode=self._decode))

    def _change(self, packet: RtpPacket) -> None:
        self._hear(self.microphone.flush())
        self.microphone.restart()
        self.sources.add(packet.ssrc)
        self._source, self._timestamp = packet.ssrc, packet.timestamp

    def _decode(self, packet: bytes) -> bytes:
        return self._decimator(self._decoder.decode(packet)).tobytes()

    def frame(self, data: bytes, now: float) -> None:
        raise ProtocolError("bad_frame", "expected JSON on the data channel; sound comes by the microphone's track")

    def chunk(self, chunk: AudioChunk, now: float) -> None:
        raise ProtocolError("bad_message", "audio_chunk is for the WebSocket; sound comes by the microphone's track")

    def opened(self) -> None:
        pass

    def closed(self) -> None:
        self._hear(self.microphone.flush())
