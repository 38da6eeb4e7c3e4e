"""Opus, mono, 48 kHz: 20 ms of PCM to a packet, and a packet to PCM. (RFC 6716; libopus by PyAV.)"""

from __future__ import annotations

from fractions import Fraction
from typing import Final

import av
import numpy as np
from av import AudioFrame, Packet
from av.audio.codeccontext import AudioCodecContext

from agent.media.block import BLOCK_SAMPLES, Pcm
from agent.protocol.messages import RATE

BIT_RATE: Final = 64_000
LOOKAHEAD: Final = 120
"""Samples by which a decoder's output lags behind the encoder's input (libopus in its low-delay mode): the packet of samples t … t + 960 decodes to t - 120 …"""
SILENCE: Final = b"\xf8\xff\xfe"
"""What libopus makes of digital silence: CELT, full band, 20 ms, mono."""
SETTLED: Final = 3
"""After this many blocks of silence the encoder's state is silence too, and it need not be asked for the next."""
MAX_PACKET_SAMPLES: Final = 6 * BLOCK_SAMPLES

_TIME_BASE: Final = Fraction(1, RATE)


class Encoder:
    """One stream of 20 ms blocks. Low-delay mode (CELT) at complexity 5: 2.5 ms of delay and some 160 µs a block, where the voice mode takes 400."""

    def __init__(self) -> None:
        codec = av.CodecContext.create("libopus", "w")
        assert isinstance(codec, AudioCodecContext)
        codec.sample_rate = RATE
        codec.layout = "mono"
        codec.format = "s16"
        codec.bit_rate = BIT_RATE
        codec.time_base = _TIME_BASE
        codec.options = {"application": "lowdelay", "compression_level": "5", "frame_duration": "20"}
        self._codec = codec
        self._pts = 0
        self._silent = 0

    def encode(self, pcm: Pcm) -> bytes:
        """The packet of 960 samples."""
        if pcm.shape != (BLOCK_SAMPLES,):
            raise ValueError(f"expected {BLOCK_SAMPLES} samples, not {pcm.shape}")
        self._silent = 0 if pcm.any() else self._silent + 1
        if self._silent > SETTLED:
            return SILENCE
        frame = AudioFrame.from_ndarray(pcm[np.newaxis], format="s16", layout="mono")
        frame.sample_rate = RATE
        frame.time_base = _TIME_BASE
        frame.pts = self._pts
        self._pts += BLOCK_SAMPLES
        (packet,) = self._codec.encode(frame)
        return bytes(packet)


class Decoder:
    """One stream of packets of any of Opus' lengths; stereo is mixed down."""

    def __init__(self) -> None:
        codec = av.CodecContext.create("libopus", "r")
        assert isinstance(codec, AudioCodecContext)
        codec.sample_rate = RATE
        codec.layout = "mono"
        codec.format = "s16"
        self._codec = codec

    def decode(self, packet: bytes) -> Pcm:
        """The packet's samples at 48 kHz. Raises `ValueError` for what is no Opus packet."""
        try:
            frames = self._codec.decode(Packet(packet))
        except av.FFmpegError as error:
            raise ValueError(f"expected an Opus packet: {error}") from None
        if not frames:
            return np.zeros(0, np.int16)
        return np.concatenate([frame.to_ndarray()[0] for frame in frames])


_CELT: Final = (120, 240, 480, 960)
_HYBRID: Final = (480, 960)
_SILK: Final = (480, 960, 1920, 2880)


def packet_samples(packet: bytes) -> int:
    """Samples at 48 kHz that a packet decodes to, read from its first bytes (RFC 6716, 3.1 and 3.2). Raises `ValueError` for an impossible one."""
    if not packet:
        raise ValueError("expected an Opus packet, not an empty one")
    config, code = packet[0] >> 3, packet[0] & 3
    frame = _CELT[config & 3] if config >= 16 else _HYBRID[config & 1] if config >= 12 else _SILK[config & 3]
    if code == 3 and len(packet) < 2:
        raise ValueError("expected an Opus packet with a frame count")
    samples = frame * (1 if code == 0 else 2 if code < 3 else packet[1] & 63)
    if not 0 < samples <= MAX_PACKET_SAMPLES:
        raise ValueError(f"expected an Opus packet of at most 120 ms, not {samples * 1000 / RATE:.1f} ms")
    return samples
