"""What a face is told ahead: whatever happens to the sound, each shape is at the sample that it belongs to."""

from __future__ import annotations

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from agent.media.block import BLOCK_SAMPLES
from agent.media.driving import HORIZON, Batch, Driving, Line
from agent.media.timeline import Segment, Timeline
from agent.media.visemes import Viseme
from tests.media.test_timeline import LAW

PIECE = BLOCK_SAMPLES * 20


def told(driving: Driving, timeline: Timeline, blocks: int) -> list[Batch]:
    batches = []
    for _ in range(blocks):
        timeline.pull()
        if (batch := driving.due(timeline)) is not None:
            batches.append(batch)
    return batches


def sounding(pieces: int = 1) -> tuple[Timeline, Driving, Segment]:
    timeline, driving = Timeline(), Driving()
    segment = timeline.open(3)
    for number in range(pieces):
        timeline.append(segment, np.ones(PIECE, np.int16))
        at = number * PIECE
        driving.shapes(segment, [Viseme(at, 1, 100), Viseme(at + 500, 10, 80), Viseme(at + PIECE - 900, 0, 0)], at + PIECE, "tts")
        driving.line(segment, Line(at, number, "two words", ((at, 0, 3), (at + PIECE // 2, 4, 5))))
    return timeline, driving, segment


def test_the_first_batch_comes_with_the_first_block_and_holds_what_is_known() -> None:
    timeline, driving, _ = sounding()
    (batch,) = told(driving, timeline, 1)
    assert (batch.gen, batch.t, batch.dur, batch.source) == (3, 0, PIECE, "tts")
    assert batch.visemes == (Viseme(0, 1, 100), Viseme(500, 10, 80), Viseme(PIECE - 900, 0, 0))
    assert batch.lines == (Line(0, 0, "two words", ((0, 0, 3), (PIECE // 2, 4, 5))),)


def test_no_more_than_the_horizon_is_told_and_nothing_is_told_twice() -> None:
    timeline, driving, _ = sounding(12)
    batches = told(driving, timeline, 12 * 20)
    assert all(batch.t + batch.dur <= heard * BLOCK_SAMPLES + HORIZON for heard, batch in zip([1, 1_000], batches, strict=False))
    assert [viseme.at for batch in batches for viseme in batch.visemes if viseme.id == 1] == [number * PIECE for number in range(12)]
    assert [line.number for batch in batches for line in batch.lines] == list(range(12))
    assert [batch.t for batch in batches[1:]] == [batch.t + batch.dur for batch in batches[:-1]]


def test_shapes_are_told_well_before_their_sound() -> None:
    timeline, driving, _ = sounding(12)
    known = 0
    for number in range(12 * 20 - 20):
        timeline.pull()
        batch = driving.due(timeline)
        known = known if batch is None else batch.t + batch.dur
        assert known - timeline.t >= 48_000 * 3 // 10, number


def test_after_a_hold_the_rest_is_told_again_where_it_is_now() -> None:
    timeline, driving, segment = sounding()
    told(driving, timeline, 12)
    timeline.hold()
    assert told(driving, timeline, 30) == []
    timeline.resume(back=BLOCK_SAMPLES * 3)
    driving.again()
    begin = segment.pulled
    (batch,) = told(driving, timeline, 1)
    base = 42 * BLOCK_SAMPLES - begin
    assert batch.t == base + begin == 42 * BLOCK_SAMPLES
    assert batch.visemes == (Viseme(batch.t, 10, 80), Viseme(base + PIECE - 900, 0, 0))
    assert batch.lines == (Line(batch.t, 0, "two words", ((base + PIECE // 2, 4, 5),)),)


def test_a_voice_that_comes_late_moves_its_shapes() -> None:
    timeline, driving, segment = sounding()
    told(driving, timeline, 25)
    timeline.append(segment, np.ones(PIECE, np.int16))
    driving.shapes(segment, [Viseme(PIECE, 6, 80)], 2 * PIECE, "tts")
    (batch,) = told(driving, timeline, 1)
    assert batch.visemes == (Viseme(25 * BLOCK_SAMPLES, 6, 80),)


def test_what_comes_out_of_order_is_dropped_and_counted() -> None:
    timeline, driving, segment = sounding()
    driving.shapes(segment, [Viseme(10, 1, 100), Viseme(PIECE + 5, 2, 100), Viseme(PIECE + 5, 3, 100)], PIECE + 100, "tts")
    assert driving.dropped == 2
    timeline.drop()
    driving.shapes(segment, [Viseme(2 * PIECE, 1, 100)], 3 * PIECE, "tts")
    assert told(driving, timeline, 3) == []


def test_a_mouth_that_closes_with_the_last_sample_told_closes() -> None:
    timeline, driving, segment = sounding()
    told(driving, timeline, 12)
    driving.shapes(segment, [Viseme(PIECE - 1, 0, 0)], PIECE, "energy")
    timeline.close(segment)
    (batch,) = told(driving, timeline, 40)
    assert [(shape.id, shape.at) for shape in batch.visemes] == [(0, PIECE)]


class Face:
    """A client that does what docs/protocol.md says, and nothing else."""

    def __init__(self) -> None:
        self.shapes: list[Viseme] = []
        self.gen = 0

    def hear(self, batch: Batch) -> None:
        assert batch.gen >= self.gen, "a ghost"
        self.gen = batch.gen
        assert all(batch.t <= viseme.at < batch.t + batch.dur for viseme in batch.visemes)
        self.shapes = [viseme for viseme in self.shapes if viseme.at < batch.t] + list(batch.visemes)

    def cut(self, t: int) -> None:
        self.shapes = [viseme for viseme in self.shapes if viseme.at < t] + [Viseme(t, 0, 0)]

    def at(self, t: int) -> int:
        return next((viseme.id for viseme in reversed(self.shapes) if viseme.at <= t), 0)


class AnythingToAFace(RuleBasedStateMachine):
    """Sound comes early or late, is held, goes on, goes back, is cut: the face shows what is heard."""

    def __init__(self) -> None:
        super().__init__()
        self.timeline, self.driving, self.face = Timeline(), Driving(), Face()
        self.segment: Segment | None = None
        self.plans: dict[Segment, list[Viseme]] = {}
        self.gen = 0
        self.count = 0

    @rule(blocks=st.integers(1, 40), odd=st.integers(0, 959), shapes=st.integers(0, 6))
    def speak(self, blocks: int, odd: int, shapes: int) -> None:
        if self.segment is None or self.segment.closed or self.segment.dropped:
            self.gen += 1
            self.segment = self.timeline.open(self.gen)
            self.plans[self.segment] = []
        segment, size = self.segment, blocks * BLOCK_SAMPLES + odd
        planned = []
        for number in range(shapes):
            self.count += 1
            planned.append(Viseme(segment.appended + size * number // shapes, 1 + self.count % 14, 100))
        self.driving.shapes(segment, planned, segment.appended + size, "tts")
        self.plans[segment] += planned
        self.timeline.append(segment, np.ones(size, np.int16))

    @precondition(lambda self: self.segment is not None and not self.segment.dropped)
    @rule()
    def end(self) -> None:
        assert self.segment is not None
        self.timeline.close(self.segment)

    @rule(blocks=st.integers(1, 30))
    def pull(self, blocks: int) -> None:
        for _ in range(blocks):
            segment = self.timeline.current
            before = segment.pulled if segment is not None else 0
            self.timeline.pull()
            batch = self.driving.due(self.timeline)
            if batch is not None:
                assert segment is not None
                self.face.hear(batch)
            if segment is None or segment.pulled == before or segment is not self.timeline.current:
                continue
            at, first, _ = segment._runs[-1]
            for sample in {before, min(segment.pulled, segment.speech) - 1}:
                if before <= sample < segment.speech:
                    self.check(segment, sample, at + sample - first)

    def check(self, segment: Segment, sample: int, t: int) -> None:
        """At media sample `t`, where content sample `sample` is, the face has the shape that was planned for it."""
        expected = next((viseme for viseme in reversed(self.plans[segment]) if viseme.at <= sample), None)
        if expected is None:
            return
        assert self.face.at(t) == expected.id

    @rule()
    def hold(self) -> None:
        if not self.timeline.held and self.timeline.current is not None:
            self.timeline.hold()
            self.face.cut(self.timeline.t)

    @precondition(lambda self: self.timeline.held)
    @rule(back=st.integers(0, 20_000))
    def resume(self, back: int) -> None:
        self.timeline.resume(back)
        self.driving.again()

    @rule()
    def interrupt(self) -> None:
        self.timeline.drop()
        self.face.cut(self.timeline.t)
        self.gen += 1
        self.face.gen = self.gen


AnythingToAFace.TestCase.settings = settings(max_examples=LAW, stateful_step_count=20, deadline=None)
TestAnythingToAFace = AnythingToAFace.TestCase
