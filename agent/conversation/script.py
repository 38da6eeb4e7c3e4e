"""What is said in a stretch of speech: pieces of text, each at its content sample, so that captions and memory follow what is heard and not what was written."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from agent.config import CommandSpec
from agent.media.driving import Driving, Line
from agent.media.timeline import Segment, Timeline
from agent.media.visemes import Viseme
from agent.protocol.messages import RATE
from agent.providers.timing import Source


@dataclass(frozen=True, slots=True)
class Caption:
    """The next piece of text; hangs on the timeline at its first sample."""

    script: Script
    text: str


@dataclass(frozen=True, slots=True)
class Mood:
    """The face takes on an emotion; hangs on the timeline like a caption."""

    emotion: str


@dataclass(frozen=True, slots=True)
class Action:
    """Something happens beside the sound, `spec` tells how; hangs on the timeline like a caption, and its time is kept free."""

    name: str
    value: str
    spec: CommandSpec


Event: TypeAlias = Caption | Mood | Action
Words: TypeAlias = Sequence[tuple[int, int, int]]
"""Of a line: of each its content sample, its first character, its characters."""


@dataclass(eq=False)
class Script:
    """The text of one segment. It is written while sound is made, possibly long before the segment exists; `attach` joins the two."""

    speech: object = None
    """The engine's answer that this is part of."""
    wait: int = 0
    """Samples by which it is heard later than it could be, unless all of it is there before."""
    pieces: list[tuple[int, str]] = field(default_factory=list)
    shown: int = 0
    """Pieces whose sample has come."""
    _timeline: Timeline | None = None
    _segment: Segment | None = None
    _driving: Driving | None = None
    _hanging: list[tuple[int, Event, int]] = field(default_factory=list)
    _told: list[Callable[[Driving, Segment], None]] = field(default_factory=list)
    """What the face is to be told when the segment is open."""
    acts: int = 0
    """Actions that hang on it."""
    _count: int = 0
    _last: int = 0

    @property
    def text(self) -> str:
        """Everything written so far."""
        return "".join(text for _, text in self.pieces)

    def write(self, offset: int, text: str) -> None:
        """`text` begins at content sample `offset` (48 kHz)."""
        self.pieces.append((offset, text))
        self._hang(offset, Caption(self, text))

    def feel(self, offset: int, emotion: str) -> None:
        """From content sample `offset` on the text is said in this mood; not before the last piece that was written."""
        self._hang(offset, Mood(emotion))

    def act(self, offset: int, action: Action) -> None:
        """`action` happens at content sample `offset`, or with what hangs behind that already."""
        self.acts += 1
        self._hang(max(offset, self._last), action, action.spec.dur_ms * RATE // 1000)

    def _hang(self, offset: int, event: Event, lasting: int = 0) -> None:
        self._last = offset
        if self._timeline is not None and self._segment is not None:
            self._timeline.hang(self._segment, offset, event, lasting)
        else:
            self._hanging.append((offset, event, lasting))

    def shape(self, visemes: list[Viseme], known: int, source: Source) -> None:
        """The face has these shapes, at content samples; they are all there are up to content sample `known`."""
        self._tell(lambda driving, segment: driving.shapes(segment, visemes, known, source))

    def reshape(self, visemes: list[Viseme], begin: int, end: int, source: Source) -> None:
        """Better shapes, in place of all those from content sample `begin` to `end`."""
        self._tell(lambda driving, segment: driving.replace(segment, visemes, begin, end, source))

    def line(self, offset: int, text: str, words: Words = ()) -> int:
        """`text` is shown from content sample `offset` on. Returns its number."""
        line = Line(offset, self._count, text, tuple(words))
        self._count += 1
        self._tell(lambda driving, segment: driving.line(segment, line))
        return line.number

    def words(self, number: int, words: Words) -> None:
        """The words of the line of that number have become known."""
        self._tell(lambda driving, segment: driving.words(segment, number, tuple(words)))

    def _tell(self, tell: Callable[[Driving, Segment], None]) -> None:
        if self._driving is not None and self._segment is not None:
            tell(self._driving, self._segment)
        else:
            self._told.append(tell)

    def attach(self, timeline: Timeline, driving: Driving, segment: Segment) -> None:
        """The segment that this text belongs to is open."""
        self._timeline, self._driving, self._segment = timeline, driving, segment
        for hanging in self._hanging:
            timeline.hang(segment, *hanging)
        for tell in self._told:
            tell(driving, segment)
        self._hanging, self._told = [], []

    def ahead(self, samples: int) -> int:
        """Samples until the ear will have heard `samples` content samples, which were made."""
        if self._segment is None or self._timeline is None:
            return samples + self.wait
        waits = max(0, self._segment.earliest - self._timeline.t) if self._segment.started_t is None else 0
        return samples - self._segment.pulled + waits

    def word_start(self, samples: int, total: int) -> int:
        """The content sample at which the word begins that is said at content sample `samples` of `total`: by the word's share of its piece's time."""
        at = bisect_right([offset for offset, _ in self.pieces], samples) - 1
        if at < 0:
            return 0
        offset, text = self.pieces[at]
        end = self._end_of(at, total)
        if not text:
            return offset
        said = _first_words(text, (samples - offset) / max(end - offset, 1)) if samples < end else text
        return offset + (end - offset) * len(said) // len(text)

    def _end_of(self, piece: int, total: int) -> int:
        return self.pieces[piece + 1][0] if piece + 1 < len(self.pieces) else max(total, self.pieces[piece][0] + 1)

    def heard(self, samples: int, total: int) -> str:
        """The text within the first `samples` of `total` content samples: whole pieces, and of the last one the words that fit its share of time."""
        last = bisect_right([offset for offset, _ in self.pieces], samples) - 1
        if last < 0:
            return ""
        whole = "".join(text for _, text in self.pieces[:last])
        offset, text = self.pieces[last]
        share = (samples - offset) / max(self._end_of(last, total) - offset, 1)
        return (whole + _first_words(text, share)).rstrip()


def _first_words(text: str, share: float) -> str:
    """The words of `text` that end within `share` (0..1) of its length."""
    if share >= 1:
        return text
    cut = int(len(text) * max(share, 0.0))
    if not text.isascii():
        return text[:cut]
    return text[: text.rfind(" ", 0, cut + 1) + 1]


class Scripts:
    """The scripts that wait for their segment, oldest first, of each speech."""

    def __init__(self, on_unspoken: Callable[[str], None]) -> None:
        self._waiting: dict[object, list[Script]] = {}
        self._on_unspoken = on_unspoken

    def new(self, speech: object) -> Script:
        script = Script(speech)
        self._waiting.setdefault(speech, []).append(script)
        return script

    def take(self, speech: object) -> Script:
        """The script of the segment that begins now."""
        waiting = self._waiting.get(speech)
        return waiting.pop(0) if waiting else Script(speech)

    def discard(self, speech: object, script: Script) -> None:
        """The script will get no segment, because no sound was made of it."""
        waiting = self._waiting.get(speech, [])
        if script in waiting:
            waiting.remove(script)
            if script.text:
                self._on_unspoken(script.text)

    def forget(self, speech: object) -> None:
        self._waiting.pop(speech, None)
