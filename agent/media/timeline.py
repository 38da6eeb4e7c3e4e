"""The sample clock and everything that hangs on it. Pure arithmetic: no time is read and nothing waits.

Sound is appended in segments (one stretch of speech each, of one generation); events hang on content samples of a segment. `pull` hands out the next
20 ms: content while there is some, silence otherwise, so that the clock never stops and never skips. An event fires with the block that holds its
sample, once, in order; after a segment was dropped nothing of it fires any more.

While the timeline is *held* it hands out silence and nothing fires; what follows shifts. A resume may go back by a little, so that a word that was broken
off is said again: its sound comes twice, its events do not.
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
CLOSING: Final[Pcm] = np.zeros(CLOSING_SAMPLES, np.int16)
CLOSING.setflags(write=False)
KEPT_BLOCKS: Final = 75
"""Blocks of a segment that are kept after they were pulled (1.5 s): how far a resume can go back."""


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
    speech: int = 0
    """Content samples without the closing silence."""
    earliest: int = 0
    """The media sample at which it may begin, unless it is closed before."""
    until: int = 0
    """Content samples that it lasts at least: commands take their time, and blank audio fills it."""
    _chunks: deque[Pcm] = field(default_factory=deque)
    _head: int = 0
    _kept: deque[Pcm] = field(default_factory=lambda: deque(maxlen=KEPT_BLOCKS))
    _events: deque[tuple[int, Any]] = field(default_factory=deque)
    _runs: list[tuple[int, int, int]] = field(default_factory=list)
    """Stretches without a gap: media sample, and content samples from and to."""

    @property
    def waiting(self) -> int:
        """Content samples that were appended and not pulled."""
        return self.appended - self.pulled

    def ready(self, t: int) -> int:
        """Content samples that may be pulled at media sample `t`. It does not begin with less than a block: a voice's first frame is often a scrap."""
        begins = self.closed or (t >= self.earliest and self.waiting >= BLOCK_SAMPLES)
        return self.waiting if self.started_t is not None or begins else 0

    def heard(self, t: int) -> int:
        """Content samples that came before media sample `t`."""
        return max((min(start + t - at, end) for at, start, end in self._runs if at < t), default=0)

    def base(self, t: int) -> int | None:
        """The media sample at which content sample 0 would have to lie for what was pulled last, if that came after media sample `t`; else None."""
        if not self._runs:
            return None
        at, start, end = self._runs[-1]
        return at - start if at + end - start > t else None

    def _take(self, n: int) -> Pcm:
        """Exactly `n` samples, which must be waiting."""
        part = self._cut(n)
        self._kept.append(part)
        return part

    def _cut(self, n: int) -> Pcm:
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

    def _go_back(self, n: int) -> None:
        """The last `n` content samples that were pulled come again, or as many of them as are kept."""
        if self._head:
            self._chunks[0] = self._chunks[0][self._head :]
            self._head = 0
        while n > 0 and self._kept:
            part = self._kept.pop()
            again = part[-n:]
            if len(again) < len(part):
                self._kept.append(part[:-n])
            self._chunks.appendleft(again)
            self.pulled -= len(again)
            n -= len(again)

    def _note(self, t: int, n: int) -> None:
        """`n` content samples, from `pulled` on, come at media sample `t`."""
        at, start, end = self._runs[-1] if self._runs else (0, 0, -1)
        if self._runs and end == self.pulled and at + end - start == t:
            self._runs[-1] = (at, start, end + n)
        else:
            self._runs.append((t, self.pulled, self.pulled + n))


class Timeline:
    """The clock of one session. `t` is the media sample of the next block."""

    def __init__(self, t: int = 0) -> None:
        self.t = t
        self.late = 0
        """Samples of silence within segments that had begun: their sound was not there in time."""
        self.held = False
        self._segments: deque[Segment] = deque()

    @property
    def current(self) -> Segment | None:
        """The segment being heard, or next to be heard."""
        return self._segments[0] if self._segments else None

    @property
    def waiting(self) -> int:
        """Content samples that wait to be pulled, of all segments."""
        return sum(segment.waiting for segment in self._segments)

    @property
    def flowing(self) -> bool:
        """Whether the next block is full of content, or ends a segment. Any other has to wait until it is due: the rest of it may be about to come."""
        if self.held or (segment := self.current) is None:
            return False
        ready = segment.ready(self.t)
        return ready >= BLOCK_SAMPLES or (segment.closed and ready > 0)

    def open(self, gen: int, wait: int = 0) -> Segment:
        """Begin a segment behind those that are there. It is not heard within the next `wait` samples, unless all of it is there before."""
        segment = Segment(gen, earliest=self.t + wait)
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
        segment.speech += len(pcm)

    def hang(self, segment: Segment, offset: int, event: Any, lasting: int = 0) -> None:
        """Let `event` fire at content sample `offset`, which must not be smaller than that of the events that hang there already.

        An event that takes its time (an animation) is `lasting` samples: the segment ends no earlier, blank audio fills what the speech does not.
        """
        if segment.dropped:
            return
        if segment._events and offset < segment._events[-1][0]:
            raise ValueError(f"events hang in order: expected at least {segment._events[-1][0]}, not {offset}")
        segment._events.append((offset, event))
        if lasting:
            segment.until = max(segment.until, offset + lasting)

    def close(self, segment: Segment) -> None:
        """Nothing more will be appended: the segment gets its closing silence, and what hangs beyond its end fires at its end."""
        if segment.closed or segment.dropped:
            return
        if segment.appended or segment.until:
            lacking = segment.until - segment.appended
            blank = CLOSING if lacking <= CLOSING_SAMPLES else np.zeros(lacking, np.int16)
            segment._chunks.append(blank)
            segment.appended += len(blank)
        segment.closed = True

    def hold(self) -> None:
        """Silence, until `resume` or a drop of everything."""
        self.held = True

    def resume(self, back: int = 0) -> int:
        """Go on, `back` content samples (at most 1.5 s) before the place of the hold. Returns the media sample at which sound goes on."""
        self.held = False
        if back > 0 and (segment := self.current) is not None:
            segment._go_back(back)
        return self.t

    def drop(self, keep: Callable[[Segment], bool] | None = None) -> list[Segment]:
        """Forget what was not pulled, and every event on it. Returns the segments that were cut or never heard, oldest first."""
        dropped = [segment for segment in self._segments if keep is None or not keep(segment)]
        for segment in dropped:
            segment.dropped = True
            segment._chunks.clear()
            segment._kept.clear()
            segment._events.clear()
        self._segments = deque(segment for segment in self._segments if not segment.dropped)
        if not self._segments:
            self.held = False
        return dropped

    def pull(self) -> tuple[Block, list[Fired]]:
        """The next 20 ms and what fires in them."""
        t0, fired = self.t, list[Fired]()
        if self.held:
            self.t = t0 + BLOCK_SAMPLES
            return Block(t0, SILENCE, 0, True), fired
        pcm: Pcm | None = None
        gen, filled = 0, 0
        while filled < BLOCK_SAMPLES and (segment := self.current) is not None:
            n = min(segment.ready(t0), BLOCK_SAMPLES - filled)
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
                segment._note(t0 + filled, n)
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
