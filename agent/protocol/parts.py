"""Messages that are larger than one frame: cut into `part` messages, and put together again within strict bounds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import pydantic_core

from agent.protocol.envelope import MAX_FRAME_BYTES, MAX_MESSAGE_BYTES, Envelope
from agent.protocol.errors import ProtocolError
from agent.protocol.messages import Message, Part

SLICE_BYTES: Final = MAX_FRAME_BYTES - 512
"""Bytes of a slice once it is a JSON string itself; the rest of the frame is for the envelope around it."""
MAX_OPEN: Final = 4
"""Unfinished messages of one sender; the oldest is dropped."""
MAX_OPEN_BYTES: Final = 2 * MAX_MESSAGE_BYTES
"""Bytes of all unfinished messages of one sender; the oldest are dropped."""


def split(envelope: Envelope[Message], part_id: str) -> list[Envelope[Message]]:
    """The envelope itself if it fits one frame, otherwise its parts (each with the envelope's own gen and seq). Raises `ProtocolError` (`too_large`)."""
    raw = envelope.to_json()
    if len(raw) <= MAX_FRAME_BYTES:
        return [envelope]
    if len(raw) > MAX_MESSAGE_BYTES:
        raise ProtocolError("too_large", f"a message may have {MAX_MESSAGE_BYTES} bytes; this one has {len(raw)}")
    slices = list(_slices(raw.decode()))
    return [
        Envelope(Part(id=part_id, i=i, n=len(slices), data=data), envelope.gen, envelope.seq, envelope.t) for i, data in enumerate(slices)
    ]


def _slices(text: str) -> Iterator[str]:
    """`text` in slices of at most `SLICE_BYTES` as they are written in JSON. What is cut is JSON already, so that only quotes and backslashes are escaped."""
    written = pydantic_core.to_json(text)[1:-1]
    begin = 0
    while begin < len(written):
        end = min(begin + SLICE_BYTES, len(written))
        while end < len(written) and written[end] & 0xC0 == 0x80:  # within a character
            end -= 1
        slice_ = written[begin:end]
        if (len(slice_) - len(slice_.rstrip(b"\\"))) % 2:  # within an escape
            slice_ = slice_[:-1]
        yield pydantic_core.from_json(b'"' + slice_ + b'"')
        begin += len(slice_)


@dataclass
class _Unfinished:
    slices: dict[int, str] = field(default_factory=dict)
    size: int = 0


@dataclass
class Joiner:
    """Puts parts together. Order does not matter; a slice that comes twice counts once; what is unfinished is bounded."""

    _open: dict[str, _Unfinished] = field(default_factory=dict)

    def add(self, part: Part) -> str | None:
        """The whole message's JSON text when this part completes it. Raises `ProtocolError`."""
        if part.i >= part.n:
            raise ProtocolError("bad_message", f"part.i: expected less than n = {part.n}, not {part.i}")
        message = self._open.setdefault(part.id, _Unfinished())
        if part.i not in message.slices:
            message.slices[part.i] = part.data
            message.size += len(part.data.encode("utf-8", "surrogatepass"))
        if message.size > MAX_MESSAGE_BYTES:
            del self._open[part.id]
            raise ProtocolError("too_large", f"a message may have {MAX_MESSAGE_BYTES} bytes")
        if len(message.slices) >= part.n:
            del self._open[part.id]
            return "".join(message.slices[i] for i in sorted(message.slices))
        while len(self._open) > MAX_OPEN or self.unfinished_bytes > MAX_OPEN_BYTES:
            del self._open[next(iter(self._open))]
        return None

    @property
    def unfinished_bytes(self) -> int:
        return sum(message.size for message in self._open.values())
