"""Binary frames: audio, or a face, as bytes behind a fixed big-endian header `ver u8, kind u8, flags u16, gen u32, seq u32, t u64`."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum, IntFlag
from typing import Final

from agent.protocol.errors import ProtocolError

_HEADER: Final = struct.Struct(">BBHIIQ")
HEADER_BYTES: Final = _HEADER.size
VERSION: Final = 1
MAX_PAYLOAD_BYTES: Final = 16 * 1024


class Kind(IntEnum):
    """What the payload is. MICROPHONE: 16 kHz mono, `t` in 16 kHz samples of the microphone. ANSWER: 24 kHz mono, `t` in 48 kHz media samples. BLENDSHAPES:
    frames a second, number of frames, then for each frame 52 bytes in ARKit's order, 255 for 1.0; the first is for media sample `t`.
    """

    MICROPHONE = 1
    ANSWER = 2
    BLENDSHAPES = 3


class Flag(IntFlag):
    """OPUS: the payload is one Opus packet; otherwise it is little-endian 16-bit PCM."""

    NONE = 0
    OPUS = 1


@dataclass(frozen=True, slots=True)
class Frame:
    """One binary frame."""

    kind: Kind
    payload: bytes
    gen: int = 0
    seq: int = 0
    t: int = 0
    flags: Flag = Flag.NONE

    def to_bytes(self) -> bytes:
        return _HEADER.pack(VERSION, self.kind, self.flags, self.gen, self.seq & 0xFFFFFFFF, self.t) + self.payload


def decode_frame(data: bytes) -> Frame:
    """Read a frame. Raises `ProtocolError` for a wrong version, kind or size."""
    if len(data) < HEADER_BYTES:
        raise ProtocolError("bad_frame", f"a frame has at least {HEADER_BYTES} bytes; this one has {len(data)}")
    if len(data) > HEADER_BYTES + MAX_PAYLOAD_BYTES:
        raise ProtocolError("bad_frame", f"a frame's payload may have {MAX_PAYLOAD_BYTES} bytes; this one has {len(data) - HEADER_BYTES}")
    version, kind, flags, gen, seq, t = _HEADER.unpack_from(data)
    if version != VERSION:
        raise ProtocolError("bad_frame", f"expected version {VERSION}, not {version}")
    if kind not in Kind.__members__.values():
        raise ProtocolError("bad_frame", f"expected kind {[int(k) for k in Kind]}, not {kind}")
    payload = data[HEADER_BYTES:]
    flag = Flag(flags & Flag.OPUS)
    if kind != Kind.BLENDSHAPES and not flag & Flag.OPUS and len(payload) % 2:
        raise ProtocolError("bad_frame", f"16-bit PCM has an even number of bytes; this payload has {len(payload)}")
    return Frame(Kind(kind), payload, gen, seq, t, flag)
