"""What waits to be written to one client. Sans I/O.

Messages go first, in their order; then sound, in its order: a message tells of sound by its media time, so it may arrive early but never late, and an
interrupt never waits behind the sound that it makes void. `seq` counts where things leave, so that it has no gaps: whatever the door itself says is counted
along with what the conversation says.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from typing import Any, Final

from agent.protocol.envelope import Envelope
from agent.protocol.messages import ServerInterrupt
from agent.protocol.parts import split

MAX_BYTES: Final = 4 * 1024 * 1024
"""Bytes that may wait; more than a minute of sound at 24 kHz."""

SHOWN: Final = 8
"""Frames of the face that may wait."""


class SlowReader(Exception):
    """More is waiting than a client may leave unread."""


class Numbering:
    """Counts the messages of one connection and cuts large ones into parts."""

    def __init__(self) -> None:
        self._seq = 0
        self.gen = 0
        """The newest generation that was named. What the door itself says bears it, so that no client takes it for void."""

    def write(self, envelope: Envelope[Any]) -> list[bytes]:
        """The JSON texts, one a frame, that say `envelope`. Raises `ProtocolError` (`too_large`)."""
        self._seq += 1
        self.gen = max(self.gen, envelope.gen)
        pieces = split(replace(envelope, seq=self._seq), f"s{self._seq}")
        return [piece.to_json() for piece in pieces]


@dataclass(frozen=True, slots=True)
class Sound:
    """Encoded sound: `t` is the media sample of its first sample, `seq` counts the chunks that are sent."""

    gen: int
    t: int
    payload: bytes
    seq: int = 0


@dataclass(frozen=True, slots=True)
class Shown:
    """A frame of the face, as it is sent."""

    data: bytes


class Outbox:
    """Bounded: `put` and `play` raise `SlowReader` when more than `max_items` or `max_bytes` would wait."""

    def __init__(self, max_items: int, max_bytes: int = MAX_BYTES) -> None:
        self.numbering = Numbering()
        self._max_items = max_items
        self._max_bytes = max_bytes
        self._messages: deque[deque[bytes]] = deque()
        self._sound: deque[Sound] = deque()
        self._shown: deque[Shown] = deque(maxlen=SHOWN)
        self._bytes = 0
        self._chunks = 0

    def __len__(self) -> int:
        return len(self._messages) + len(self._sound)

    @property
    def waiting_bytes(self) -> int:
        return self._bytes

    def put(self, envelope: Envelope[Any]) -> None:
        """Queue a message. An interrupt throws away the sound of older generations. Raises `SlowReader`, `ProtocolError`."""
        if isinstance(envelope.message, ServerInterrupt):
            self.silence(before_gen=envelope.gen)
        texts = self.numbering.write(envelope)
        self._check(sum(map(len, texts)))
        self._messages.append(deque(texts))

    def play(self, sound: Sound) -> None:
        """Queue sound. Raises `SlowReader`."""
        self._check(len(sound.payload))
        self._sound.append(sound)

    def show(self, data: bytes) -> None:
        """Queue a frame of the face; when too many wait the oldest is lost."""
        self._shown.append(Shown(data))

    def silence(self, before_gen: int | None = None) -> None:
        """Forget the sound that waits: all of it, or that of generations before `before_gen`."""
        kept = [sound for sound in self._sound if before_gen is not None and sound.gen >= before_gen]
        self._bytes -= sum(len(sound.payload) for sound in self._sound) - sum(len(sound.payload) for sound in kept)
        self._sound = deque(kept)

    def clear(self) -> None:
        """Forget everything that waits."""
        self._messages.clear()
        self._sound.clear()
        self._shown.clear()
        self._bytes = 0

    def pop(self) -> bytes | Shown | Sound | None:
        """What is to be written next: the JSON text of a message, a frame of the face, or sound."""
        if self._messages:
            text = self._messages[0].popleft()
            if not self._messages[0]:
                self._messages.popleft()
            self._bytes -= len(text)
            return text
        if self._shown:
            return self._shown.popleft()
        if self._sound:
            sound = self._sound.popleft()
            self._bytes -= len(sound.payload)
            self._chunks += 1
            return replace(sound, seq=self._chunks)
        return None

    def _check(self, size: int) -> None:
        if len(self) >= self._max_items or self._bytes + size > self._max_bytes:
            raise SlowReader(f"{len(self)} messages of {self._bytes} bytes are waiting to be read")
        self._bytes += size
