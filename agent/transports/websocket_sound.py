"""Sound on a WebSocket, both ways, between the wire's coding and PCM. Sans I/O."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from typing import Final, Literal

import numpy as np

from agent.media.block import BLOCK_SAMPLES, Block, Pcm
from agent.protocol.envelope import Envelope
from agent.protocol.errors import ProtocolError
from agent.protocol.frames import Flag, Frame, Kind, decode_frame
from agent.protocol.messages import RATE, AudioChunk, ClientHello, Codec, TtsAudioChunk
from agent.transports.microphone import RATE as MICROPHONE_RATE
from agent.transports.microphone import Microphone
from agent.transports.opus import Decoder, Encoder, packet_samples
from agent.transports.outbox import Sound
from agent.transports.rate import Decimator

BINARY: Final = "binary"
"""With this in `hello.wants`, answer audio comes in binary frames; otherwise as `tts_audio_chunk`."""
PCM_RATE: Final = 24_000
PCM_BLOCKS: Final = 2
"""Blocks of 20 ms in a chunk of PCM."""


class OpusEar:
    """Opus packets to 16-bit PCM at 16 kHz."""

    def __init__(self) -> None:
        self._decoder = Decoder()
        self._decimator = Decimator(RATE // MICROPHONE_RATE)

    def __call__(self, packet: bytes) -> bytes:
        return self._decimator(self._decoder.decode(packet)).tobytes()


class MicrophoneFrames:
    """The microphone of a WebSocket client (a `visit.Uplink`): binary frames by their `t`, `audio_chunk` messages by their `seq`. `hear` gets the PCM."""

    def __init__(self, hear: Callable[[bytes], None]) -> None:
        self._hear = hear
        self.microphone = Microphone()
        self._clock: Literal["t", "seq"] | None = None
        self._opus: OpusEar | None = None

    def frame(self, data: bytes, now: float) -> None:
        frame = decode_frame(data)
        if frame.kind is not Kind.MICROPHONE:
            raise ProtocolError("bad_frame", f"expected kind {Kind.MICROPHONE} (microphone), not {frame.kind}")
        if not frame.flags & Flag.OPUS:
            self._push("t", frame.t, frame.payload, now, samples=len(frame.payload) // 2)
            return
        try:
            samples = packet_samples(frame.payload) * MICROPHONE_RATE // RATE
        except ValueError as error:
            raise ProtocolError("bad_audio", str(error)) from None
        if self._opus is None:
            self._opus = OpusEar()
        self._push("t", frame.t, frame.payload, now, samples=samples, decode=self._opus)

    def chunk(self, chunk: AudioChunk, now: float) -> None:
        if chunk.sample_rate != MICROPHONE_RATE:
            raise ProtocolError(
                "bad_audio", f"audio_chunk.sample_rate: expected {MICROPHONE_RATE}, not {chunk.sample_rate}; resample before sending"
            )
        try:
            pcm = base64.b64decode(chunk.data, validate=True)
        except (binascii.Error, ValueError):
            raise ProtocolError("bad_audio", "audio_chunk.data: expected base64") from None
        if len(pcm) % 2:
            raise ProtocolError("bad_audio", f"audio_chunk.data: 16-bit PCM has an even number of bytes; this has {len(pcm)}")
        self._push("seq", chunk.seq, pcm, now, samples=len(pcm) // 2, span=1)

    def opened(self) -> None:
        self.microphone.restart()

    def closed(self) -> None:
        self._hear(self.microphone.flush())

    def _push(
        self,
        clock: Literal["t", "seq"],
        at: int,
        payload: bytes,
        now: float,
        *,
        samples: int,
        span: int | None = None,
        decode: OpusEar | None = None,
    ) -> None:
        if clock != self._clock:
            self._hear(self.microphone.flush())
            self.microphone.restart()
            self._clock = clock
        damaged = self.microphone.damaged
        self._hear(self.microphone.push(at, payload, now, samples=samples, span=span, decode=decode))
        if self.microphone.damaged > damaged:
            raise ProtocolError("bad_audio", "an Opus packet could not be decoded; silence took its place")


class Answer:
    """Answer audio to what the client asked for in its `hello`: PCM at 24 kHz in chunks of 40 ms, or Opus packets of 20 ms; JSON or binary frames.

    Blanks are not sent: a jump of `t` is silence. The sound lies 0.7 ms (PCM, the low-pass) or 2.5 ms (Opus) behind its `t`.
    """

    def __init__(self, hello: ClientHello) -> None:
        self._binary = BINARY in hello.wants
        self._codec: Codec = hello.audio.down if hello.audio is not None else "pcm"
        self._encoder = Encoder() if self._codec == "opus" else None
        self._decimator = Decimator(RATE // PCM_RATE)
        self._waiting: list[Pcm] = []
        self._gen = 0
        self._t = 0

    def take(self, block: Block) -> list[Sound]:
        """The chunks that are complete with `block`."""
        if block.blank:
            chunks = self._flush()
            self._decimator.reset()
            return chunks
        if self._encoder is not None:
            return [Sound(block.gen, block.t, self._encoder.encode(block.pcm))]
        chunks = []
        if self._waiting and (block.gen != self._gen or block.t != self._t + len(self._waiting) * BLOCK_SAMPLES):
            chunks = self._flush()
        if not self._waiting:
            self._gen, self._t = block.gen, block.t
        self._waiting.append(self._decimator(block.pcm))
        return chunks + self._flush() if len(self._waiting) == PCM_BLOCKS else chunks

    def clear(self) -> None:
        """Forget what is not complete."""
        self._waiting.clear()
        self._decimator.reset()

    def _flush(self) -> list[Sound]:
        if not self._waiting:
            return []
        payload = np.concatenate(self._waiting).astype("<i2").tobytes()
        self._waiting.clear()
        return [Sound(self._gen, self._t, payload)]

    def frame(self, sound: Sound) -> bytes:
        """The binary frame of a chunk."""
        flags = Flag.OPUS if self._codec == "opus" else Flag.NONE
        return Frame(Kind.ANSWER, sound.payload, sound.gen, sound.seq, sound.t, flags).to_bytes()

    def message(self, sound: Sound) -> Envelope[TtsAudioChunk]:
        """The `tts_audio_chunk` of a chunk."""
        rate = RATE if self._codec == "opus" else PCM_RATE
        data = base64.b64encode(sound.payload).decode("ascii")
        return Envelope(TtsAudioChunk(codec=self._codec, sample_rate=rate, seq=sound.seq, data=data), sound.gen, 0, sound.t)

    @property
    def binary(self) -> bool:
        """Whether chunks travel as binary frames."""
        return self._binary
