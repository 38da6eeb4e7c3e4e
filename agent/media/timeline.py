"""The sample clock and everything that hangs on it. Pure arithmetic: no time is read and nothing waits.

Sound is appended in segments (one stretch of speech each, of one generation); events hang on content samples of a segment. `pull` hands out the next
20 ms: content while there is some, silence otherwise, so that the clock never stops and never skips. An event fires with the block that holds its
sample, once, in order; after a segment was dropped nothing of it fires any more.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from agent.media.block import BLOCK_SAMPLES, SILENCE, Block, Pcm

CLOSING_SAMPLES: Final = BLOCK_SAMPLES * 10
"""A segment ends with 200 ms of silence, which carries what hangs on its end."""


@dataclass(frozen=True, slots=True)
class Fired:
    """An event whose sample is in the block just pulled; `t` is the exact media sample."""

    t: int
    segment: Segment
    event: Any


@dataclass(frozen=True, slots=True)
class Started:
    """The first content sample of a segment is in this block."""


@dataclass(frozen=True, slots=True)
class Ended:
    """The last sample of a segment, its closing silence included, was pulled."""


@dataclass(eq=False)
class Segment:
    """A stretch of speech of generation `gen`. Counters are 48 kHz samples of content."""

    gen: int
    appended: int = 0
    pulled: int = 0
    started_t: int | None = None
    closed: bool = False
    dropped: bool = False
    _chunks: deque[Pcm] = field(default_factory=deque)
    _head: int = 0
    _events: deque[tuple[int, Any]] = field(default_factory=deque)

    @property
    def waiting(self) -> int:
        """Content samples that were appended and not pulled."""
        return self.appended - self.pulled

    def _take(self, n: int) -> Pcm:
        """Exactly `n` samples, which must be waiting."""
        first = self._chunks[0]
        if self._head == 0 and len(first) == n:
            self._chunks.popleft()
            return first
        out = np.empty(n, np.int16)
        done = 0
        while done < n:
            chunk = self._chunks[0]
            part = chunk[self._head : self._head + n - done]
            out[done : done + len(part)] = part
            done += len(part)
            self._head += len(part)
            if self._head == len(chunk):
                self._chunks.popleft()
                self._head = 0
        return out


class Timeline:
    """The clock of one session. `t` is the media sample of the next block."""

    def __init__(self, t: int = 0) -> None:
        self.t = t
        self.late = 0
        """Samples of silence within segments that had begun: their sound was not there in time."""
        self._segments: deque[Segment] = deque()

    @property
    def current(self) -> Segment | None:
        """The segment being heard, or next to be heard."""
        return self._segments[0] if self._segments else None

    @property
    def waiting(self) -> int:
        """Content samples that wait to be pulled, of all segments."""
        return sum(segment.waiting for segment in self._segments)

    def open(self, gen: int) -> Segment:
        """Begin a segment behind those that are there."""
        segment = Segment(gen)
        self._segments.append(segment)
        return segment

    def append(self, segment: Segment, pcm: Pcm) -> None:
        """Add sound to a segment. Sound for a dropped segment is thrown away; for a closed one it is an error."""
        if segment.dropped or len(pcm) == 0:
            return
        if segment.closed:
            raise ValueError("the segment is closed; nothing can be appended to it")
        segment._chunks.append(pcm)
        segment.appended += len(pcm)

    def hang(self, segment: Segment, offset: int, event: Any) -> None:
        """Let `event` fire at content sample `offset`, which must not be smaller than that of the events that hang there already."""
        if segment.dropped:
            return
        if segment._events and offset < segment._events[-1][0]:
            raise ValueError(f"events hang in order: expected at least {segment._events[-1][0]}, not {offset}")
        segment._events.append((offset, event))

    def close(self, segment: Segment) -> None:
        """Nothing more will be appended: the segment gets its closing silence, and what hangs beyond its end fires at its end."""
        if segment.closed or segment.dropped:
            return
        if segment.appended:
            self.append(segment, np.zeros(CLOSING_SAMPLES, np.int16))
        segment.closed = True

    def drop(self, keep: Callable[[Segment], bool] | None = None) -> list[Segment]:
        """Forget what was not pulled, and every event on it. Returns the segments that were cut or never heard, oldest first."""
        dropped = [segment for segment in self._segments if keep is None or not keep(segment)]
        for segment in dropped:
            segment.dropped = True
            segment._chunks.clear()
            segment._events.clear()
        self._segments = deque(segment for segment in self._segments if not segment.dropped)
        return dropped

    def pull(self) -> tuple[Block, list[Fired]]:
        """The next 20 ms and what fires in them."""
        t0, fired = self.t, list[Fired]()
        pcm: Pcm | None = None
        gen, filled = 0, 0
        while filled < BLOCK_SAMPLES and (segment := self.current) is not None:
            n = min(segment.waiting, BLOCK_SAMPLES - filled)
            if n:
                part = segment._take(n)
                if n == BLOCK_SAMPLES:
                    pcm = part
                else:
                    pcm = np.zeros(BLOCK_SAMPLES, np.int16) if pcm is None else pcm
                    pcm[filled : filled + n] = part
                if segment.started_t is None:
                    segment.started_t = t0 + filled
                    fired.append(Fired(t0 + filled, segment, Started()))
                gen = segment.gen
            end = segment.pulled + n
            while segment._events and (segment._events[0][0] < end or (segment.closed and end == segment.appended)):
                offset, event = segment._events.popleft()
                place = min(max(offset, segment.pulled), end)
                fired.append(Fired(t0 + filled + place - segment.pulled, segment, event))
            segment.pulled = end
            filled += n
            if segment.closed and segment.waiting == 0:
                fired.append(Fired(t0 + filled, segment, Ended()))
                self._segments.popleft()
                continue
            if segment.started_t is not None and not segment.closed:
                self.late += BLOCK_SAMPLES - filled
            break
        self.t = t0 + BLOCK_SAMPLES
        return Block(t0, SILENCE if pcm is None else pcm, gen, pcm is None), fired
