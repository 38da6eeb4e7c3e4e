"""Messages that are larger than one frame: cut into `part` messages, and put together again within strict bounds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from agent.protocol.envelope import MAX_FRAME_BYTES, MAX_MESSAGE_BYTES, Envelope
from agent.protocol.errors import ProtocolError
from agent.protocol.messages import Message, Part

SLICE_CHARS: Final = 3_000
"""Characters of a slice: at most four bytes each in UTF-8, more when JSON escapes them, and still one frame in the usual case."""
MAX_OPEN: Final = 4
"""Unfinished messages of one sender; the oldest is dropped."""


def split(envelope: Envelope[Message], part_id: str) -> list[Envelope[Message]]:
    """The envelope itself if it fits one frame, otherwise its parts (each with the envelope's own gen and seq)."""
    raw = envelope.to_json()
    if len(raw) <= MAX_FRAME_BYTES:
        return [envelope]
    text = raw.decode()
    slices = [text[i : i + SLICE_CHARS] for i in range(0, len(text), SLICE_CHARS)]
    if len(slices) > 64:
        raise ProtocolError("too_large", f"a message may have {64 * SLICE_CHARS} characters; this one has {len(text)}")
    return [
        Envelope(Part(id=part_id, i=i, n=len(slices), data=data), envelope.gen, envelope.seq, envelope.t) for i, data in enumerate(slices)
    ]


@dataclass
class Joiner:
    """Puts parts together. Order does not matter; a slice that comes twice counts once; what is unfinished is bounded."""

    _open: dict[str, dict[int, str]] = field(default_factory=dict)
    _size: dict[str, int] = field(default_factory=dict)

    def add(self, part: Part) -> str | None:
        """The whole message's JSON text when this part completes it. Raises `ProtocolError`."""
        if part.i >= part.n:
            raise ProtocolError("bad_message", f"part.i: expected less than n = {part.n}, not {part.i}")
        slices = self._open.setdefault(part.id, {})
        if len(self._open) > MAX_OPEN:
            self._drop(next(iter(self._open)))
        slices.setdefault(part.i, part.data)
        self._size[part.id] = sum(len(s) for s in slices.values())
        if self._size[part.id] > MAX_MESSAGE_BYTES:
            self._drop(part.id)
            raise ProtocolError("too_large", f"a message may have {MAX_MESSAGE_BYTES} bytes")
        if len(slices) < part.n:
            return None
        self._drop(part.id)
        return "".join(slices[i] for i in sorted(slices))

    def _drop(self, part_id: str) -> None:
        self._open.pop(part_id, None)
        self._size.pop(part_id, None)
