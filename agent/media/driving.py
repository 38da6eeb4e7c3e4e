"""What a face is told ahead of the sound: shapes and words of the segment that is being heard, with the media samples at which they will be at the clock.

A batch replaces all that was told before from its own `t` on. So what moves (a hold, a word that is said again, a voice that came late) is simply told
again from where the sound goes on, and a client need not reckon. Sans I/O: asked once for each block, with the timeline as it is.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final
from weakref import WeakKeyDictionary

from agent.media.block import BLOCK_SAMPLES
from agent.media.timeline import Segment, Timeline
from agent.media.visemes import Viseme
from agent.protocol.messages import RATE
from agent.providers.timing import Source

HORIZON: Final = RATE * 3 // 2
"""So far ahead of the clock is told at most: what is told and then interrupted was in vain."""
REFILL: Final = RATE * 7 // 10
"""When less than this is known to the client, the next batch goes out."""


@dataclass(frozen=True, slots=True)
class Line:
    """A piece of the answer's text from content sample `at` on, with its words: content sample, first character, characters."""

    at: int
    number: int
    """Counts the lines of the segment."""
    text: str
    words: tuple[tuple[int, int, int], ...]


@dataclass(frozen=True, slots=True)
class Batch:
    """Shapes from media sample `t` on, for `dur` samples; they replace what was told from `t` on. `at` of each is a media sample."""

    gen: int
    t: int
    dur: int
    source: Source
    visemes: tuple[Viseme, ...]
    lines: tuple[Line, ...]
    """Lines that begin in this batch, or are going on at a place that has moved; their samples are media samples."""


@dataclass(slots=True)
class _Plan:
    visemes: list[Viseme] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    source: Source = "tts"
    known: int = 0
    """Content samples up to which shapes are known."""
    base: int | None = None
    """Media sample of content sample 0, as the client was told."""
    told: int = 0
    """Content samples up to which the client was told."""


class Driving:
    """One a session."""

    def __init__(self) -> None:
        self._plans: WeakKeyDictionary[Segment, _Plan] = WeakKeyDictionary()
        self.dropped = 0
        """Shapes that came out of order, or for what has been told already."""

    def shapes(self, segment: Segment, visemes: Sequence[Viseme], known: int, source: Source) -> None:
        """Shapes of a segment, at content samples, behind those that are there; they are all there are up to content sample `known`.

        One for a sample that the client has been told of comes as soon as it can.
        """
        if segment.dropped:
            return
        plan = self._plans.setdefault(segment, _Plan())
        last = plan.visemes[-1].at if plan.visemes else -1
        for viseme in visemes:
            at = max(viseme.at, plan.told)
            if at <= last:
                self.dropped += 1
                if at < last:
                    continue
                plan.visemes.pop()
            plan.visemes.append(viseme._replace(at=at))
            last = at
        plan.known = max(plan.known, known, last + 1)
        plan.source = source

    def line(self, segment: Segment, line: Line) -> None:
        """A line of text of a segment, at content samples, behind those that are there."""
        if not segment.dropped:
            self._plans.setdefault(segment, _Plan()).lines.append(line)

    def again(self) -> None:
        """The client was told to forget what comes (a hold): all of it is told again."""
        for plan in self._plans.values():
            plan.base = None

    def due(self, timeline: Timeline) -> Batch | None:
        """What is to be told now, if anything: before the block that was just pulled is sent."""
        segment = timeline.current
        plan = None if segment is None else self._plans.get(segment)
        if segment is None or plan is None:
            return None
        base = segment.base(timeline.t - BLOCK_SAMPLES)
        if base is None:
            return None  # held, or the voice is late: where it goes on is not known
        moved = base != plan.base
        if not moved and plan.told - segment.pulled >= REFILL:
            return None
        begin = max(0, segment.pulled - BLOCK_SAMPLES) if moved else plan.told
        end = min(plan.known, segment.pulled + HORIZON)
        if end <= begin:
            return None
        anew, plan.base, plan.told = plan.base is None, base, end
        return Batch(
            segment.gen,
            base + begin,
            end - begin,
            plan.source,
            _moved(plan.visemes, base, begin, end, anew),
            _lines(plan, base, begin, end, moved),
        )


def _moved(visemes: list[Viseme], base: int, begin: int, end: int, anew: bool) -> tuple[Viseme, ...]:
    """The shapes within, and where the client knows of none, the one that is there at the beginning."""
    first = bisect_left(visemes, begin, key=lambda viseme: viseme.at)
    last = bisect_left(visemes, end, key=lambda viseme: viseme.at)
    within = [viseme._replace(at=base + viseme.at) for viseme in visemes[first:last]]
    if anew and first > 0 and (not within or within[0].at > base + begin):
        within.insert(0, visemes[first - 1]._replace(at=base + begin))
    return tuple(within)


def _lines(plan: _Plan, base: int, begin: int, end: int, moved: bool) -> tuple[Line, ...]:
    """The lines that begin within, and where the sound has moved the rest of the one that is going on."""
    starting = [line for line in plan.lines if begin <= line.at < end]
    if moved and (going_on := [line for line in plan.lines if line.at < begin]):
        last = going_on[-1]
        rest = tuple(word for word in last.words if word[0] >= begin)
        if rest:
            starting.insert(0, Line(begin, last.number, last.text, rest))
    return tuple(
        Line(base + line.at, line.number, line.text, tuple((base + at, first, n) for at, first, n in line.words)) for line in starting
    )
