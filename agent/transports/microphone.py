"""The order of microphone sound: chunks come with a place on the microphone's own clock, sound without gaps goes out.

Sans I/O: chunks and the time go in, sound comes out. Chunks that come a little out of order are put in order, those that come twice are dropped, holes up
to two seconds become silence, and a larger step in either direction is taken as a new beginning.

A place is counted in units of the sender's choice. With `t` of a binary frame or an RTP timestamp the unit is one sample and a chunk spans as many units
as it has samples; with the `seq` of `audio_chunk` a chunk spans one unit, and a missing one is taken to be as long as its successor.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from agent.protocol.errors import ProtocolError
from agent.transports.bucket import Bucket

RATE: Final = 16_000
"""Samples of microphone sound a second."""
WINDOW_SAMPLES: Final = RATE // 10
"""A missing chunk is given up when this much later sound waits for it."""
MAX_GAP_SAMPLES: Final = 2 * RATE
"""A larger hole is not filled."""
MAX_CHUNK_SAMPLES: Final = RATE // 2
BURST_SECONDS: Final = 10.0
"""Sound that may come at once, after a network that stood still."""
PACE: Final = 1.25
"""Seconds of sound a second, in the long run: real time with room for a fast clock."""

Decode = Callable[[bytes], bytes]
"""Turns a payload into 16-bit PCM at 16 kHz. Raises `ValueError` for a damaged one. Called in the order of the clock."""


@dataclass(frozen=True, slots=True)
class _Chunk:
    at: int
    span: int
    samples: int
    payload: bytes
    decode: Decode | None


@dataclass
class Microphone:
    """One microphone. The counters tell what the network did to it."""

    filled: int = 0
    """Samples of silence put into holes."""
    dropped: int = 0
    """Chunks that came twice or too late."""
    jumps: int = 0
    """Steps of the clock that were too large to fill."""
    damaged: int = 0
    """Chunks that could not be decoded; silence took their place."""
    _next: int | None = None
    _held: dict[int, _Chunk] = field(default_factory=dict)
    _budget: Bucket = field(default_factory=lambda: Bucket(PACE * RATE, BURST_SECONDS * RATE))

    def push(self, at: int, payload: bytes, now: float, *, samples: int, span: int | None = None, decode: Decode | None = None) -> bytes:
        """Take a chunk of `samples` samples at place `at`; return the sound that is complete now, 16-bit PCM.

        `payload` is PCM itself, or what `decode` turns into it. `now` is in seconds on any steady clock. Raises `ProtocolError` (`bad_audio`) for a
        chunk that is too long, and when more sound comes than a microphone can make.
        """
        if not 0 < samples <= MAX_CHUNK_SAMPLES:
            raise ProtocolError("bad_audio", f"expected 1 to {MAX_CHUNK_SAMPLES} samples (20 to 40 ms are usual), not {samples}")
        chunk = _Chunk(at, samples if span is None else span, samples, payload, decode)
        if self._next is None:
            self._next = at
        distance = at - self._next
        gap = max(0, distance) * samples // chunk.span
        jumped = abs(distance) * samples > MAX_GAP_SAMPLES * chunk.span
        if not jumped and (distance + chunk.span <= 0 or at in self._held):
            self.dropped += 1
            return b""
        if not self._budget.take(samples + (0 if jumped else gap), now):
            raise ProtocolError("bad_audio", f"more than {BURST_SECONDS:.0f} s of sound came at once; send it at the pace of real time")
        before = b""
        if jumped:
            before = self.flush()
            self.jumps += 1
            self._next = at
        self._held[at] = chunk
        return before + self._release(everything=False)

    def flush(self) -> bytes:
        """Wait no longer for what is missing: the sound that is held, holes filled. (The user closed the microphone.)"""
        return self._release(everything=True)

    def restart(self) -> None:
        """Forget the clock: the next chunk begins a new one. (The user opened the microphone.)"""
        self._held.clear()
        self._next = None

    def _release(self, *, everything: bool) -> bytes:
        out: list[bytes] = []
        while self._held and self._next is not None:
            chunk = self._held[min(self._held)]
            gap = chunk.at - self._next
            if gap > 0 and not everything and sum(held.samples for held in self._held.values()) < WINDOW_SAMPLES:
                break
            del self._held[chunk.at]
            if chunk.at + chunk.span <= self._next:
                self.dropped += 1
                continue
            pcm = self._decoded(chunk)
            if gap > 0:
                silence = gap * chunk.samples // chunk.span
                self.filled += silence
                out.append(bytes(2 * silence))
            elif gap < 0:
                pcm = pcm[2 * (-gap * chunk.samples // chunk.span) :]
            out.append(pcm)
            self._next = chunk.at + chunk.span
        return b"".join(out)

    def _decoded(self, chunk: _Chunk) -> bytes:
        if chunk.decode is None:
            return chunk.payload
        try:
            return chunk.decode(chunk.payload)[: 2 * chunk.samples].ljust(2 * chunk.samples, b"\0")
        except ValueError:
            self.damaged += 1
            return bytes(2 * chunk.samples)
