"""What a face is told ahead of the sound: shapes and words of the segment that is being heard, with the media samples at which they will be at the clock.

A batch replaces all that was told before from its own `t` on. So what moves (a hold, a word that is said again, a voice that came late) is simply told
again from where the sound goes on, and a client need not reckon. Sans I/O: asked once for each block, with the timeline as it is.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple, TypeVar
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
SOON: Final = RATE * 3 // 10
"""What will be heard within so much is not told anew: it might come too late."""
CLOSED: Final = Viseme(-1, 0, 0)
"""A mouth before all speech."""


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
    """Of the shapes at its beginning."""
    visemes: tuple[Viseme, ...]
    lines: tuple[Line, ...]
    """Lines that begin in this batch, or are going on at a place that has moved or with words that are new; their samples are media samples."""


class _Origin(NamedTuple):
    """From content sample `at` on the shapes are known from `source`."""

    at: int
    source: Source


@dataclass(slots=True)
class _Plan:
    visemes: list[Viseme] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    origins: list[_Origin] = field(default_factory=list)
    worded: set[int] = field(default_factory=set)
    """Numbers of the lines that got their words after they were told."""
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
        if not plan.origins or plan.origins[-1].source != source:
            plan.origins.append(_Origin(plan.known, source))
        plan.known = max(plan.known, known, last + 1)

    def replace(self, segment: Segment, visemes: Sequence[Viseme], begin: int, end: int, source: Source) -> None:
        """Better shapes of a segment, at content samples, in place of all those from content sample `begin` to `end`.

        What is at the ear, or nearly, stays as it was told; the rest is told again.
        """
        if segment.dropped:
            return
        plan = self._plans.setdefault(segment, _Plan())
        begin = max(begin, min(plan.told, segment.pulled + SOON))
        if begin >= end:
            return
        behind, origins = ([], []) if end >= plan.known else (_since([CLOSED, *plan.visemes], end), _since(plan.origins, end))
        plan.visemes = [*_until(plan.visemes, begin), *_until(_since([CLOSED, *visemes], begin), end), *behind]
        plan.origins = [*_until(plan.origins, begin), _Origin(begin, source), *origins]
        plan.known = max(plan.known, end)
        plan.told = min(plan.told, begin)

    def words(self, segment: Segment, number: int, words: tuple[tuple[int, int, int], ...]) -> None:
        """The words of a line that came without them, at content samples. Where the line was told already, it is told again with those to come."""
        plan = self._plans.get(segment)
        if plan is None or segment.dropped:
            return
        plan.lines = [replace(line, words=words) if line.number == number else line for line in plan.lines]
        plan.worded.add(number)

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
            _since(plan.origins, begin)[0].source,
            _moved(plan.visemes, base, begin, end, anew),
            _lines(plan, base, begin, end, moved),
        )


_Mark = TypeVar("_Mark", Viseme, _Origin)


def _until(marks: Sequence[_Mark], at: int) -> list[_Mark]:
    """Those before."""
    return list(marks[: bisect_left(marks, at, key=lambda mark: mark.at)])


def _since(marks: Sequence[_Mark], at: int) -> list[_Mark]:
    """Those from there on; what is there from before begins there."""
    first = bisect_left(marks, at, key=lambda mark: mark.at)
    since = list(marks[first:])
    if first > 0 and (not since or since[0].at > at):
        since.insert(0, marks[first - 1]._replace(at=at))
    return since


def _moved(visemes: list[Viseme], base: int, begin: int, end: int, anew: bool) -> tuple[Viseme, ...]:
    """The shapes within, and where the client knows of none, the one that is there at the beginning."""
    since = _since(visemes, begin) if anew else visemes[bisect_left(visemes, begin, key=lambda viseme: viseme.at) :]
    return tuple(viseme._replace(at=base + viseme.at) for viseme in _until(since, end))


def _lines(plan: _Plan, base: int, begin: int, end: int, moved: bool) -> tuple[Line, ...]:
    """The lines that begin within, and what is to come of those that are going on: where the sound has moved, or the words are new."""
    before = [line for line in plan.lines if line.at < begin]
    going_on = [line for line in before if line.number in plan.worded or (moved and line is before[-1])]
    plan.worded.clear()
    rest = [Line(begin, line.number, line.text, tuple(word for word in line.words if word[0] >= begin)) for line in going_on]
    starting = [line for line in plan.lines if begin <= line.at < end]
    return tuple(
        Line(base + line.at, line.number, line.text, tuple((base + at, first, n) for at, first, n in line.words))
        for line in [*(line for line in rest if line.words), *starting]
    )
