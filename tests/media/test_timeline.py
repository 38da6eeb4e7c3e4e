"""The sample clock's laws, under any interleaving of what can happen to it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from agent.media.block import BLOCK_SAMPLES
from agent.media.timeline import CLOSING_SAMPLES, Ended, Fired, Segment, Started, Timeline

LAW = 2_000
"""Examples a law."""


def tone(n: int, value: int = 1) -> Any:
    return np.full(n, value, np.int16)


def drain(timeline: Timeline, blocks: int) -> tuple[np.ndarray, list[Fired]]:
    sound, fired = [], []
    for _ in range(blocks):
        block, events = timeline.pull()
        sound.append(block.pcm)
        fired += events
    return np.concatenate(sound), fired


def test_silence_runs_the_clock() -> None:
    timeline = Timeline()
    for i in range(5):
        block, fired = timeline.pull()
        assert (block.t, block.blank, fired) == (i * BLOCK_SAMPLES, True, [])
        assert not block.pcm.any()


def test_content_starts_at_once_and_ends_with_a_closing_blank() -> None:
    timeline = Timeline()
    timeline.pull()
    segment = timeline.open(7)
    timeline.append(segment, tone(1_000))
    timeline.hang(segment, 0, "a")
    timeline.hang(segment, 999, "b")
    timeline.close(segment)
    sound, fired = drain(timeline, 15)
    assert int(sound.sum()) == 1_000
    assert [(f.t, f.event) for f in fired] == [
        (960, Started()),
        (960, "a"),
        (960 + 999, "b"),
        (960 + 1_000 + CLOSING_SAMPLES, Ended()),
    ]


def test_starvation_inserts_silence_and_shifts_what_follows() -> None:
    timeline = Timeline()
    segment = timeline.open(1)
    timeline.append(segment, tone(BLOCK_SAMPLES + 100))
    timeline.hang(segment, BLOCK_SAMPLES + 150, "late")
    _, fired = drain(timeline, 3)
    assert [f.event for f in fired] == [Started()]
    timeline.append(segment, tone(100))
    _, fired = drain(timeline, 1)
    assert [(f.t, f.event) for f in fired] == [(3 * BLOCK_SAMPLES + 50, "late")]
    assert timeline.late == 3 * BLOCK_SAMPLES - 200
    timeline.close(segment)
    drain(timeline, 20)
    assert timeline.late == 3 * BLOCK_SAMPLES - 200, "the silence after an answer is nobody's fault"


def test_a_scrap_of_sound_does_not_begin_an_answer_and_a_whole_scrap_does() -> None:
    timeline = Timeline()
    segment = timeline.open(1)
    timeline.append(segment, tone(480))
    assert drain(timeline, 2)[1] == []
    timeline.append(segment, tone(BLOCK_SAMPLES))
    sound, _ = drain(timeline, 1)
    assert sound.all()
    short = timeline.open(2)
    timeline.append(short, tone(10))
    timeline.close(short)
    timeline.close(segment)
    assert [f.event for f in drain(timeline, 40)[1]] == [Ended(), Started(), Ended()]


def test_a_block_that_is_not_full_waits_until_it_is_due() -> None:
    """Whoever pulls ahead of time would tear a hole into the voice that is about to go on."""
    timeline = Timeline()
    segment = timeline.open(1)
    timeline.append(segment, tone(BLOCK_SAMPLES + 400))
    assert timeline.flowing
    drain(timeline, 1)
    assert not timeline.flowing
    timeline.append(segment, tone(BLOCK_SAMPLES - 400))
    assert timeline.flowing
    drain(timeline, 1)
    timeline.append(segment, tone(400))
    assert not timeline.flowing
    timeline.close(segment)
    assert timeline.flowing, "nothing more will come"
    drain(timeline, 30)
    assert timeline.late == 0


def test_a_segment_that_waits_begins_in_time_or_when_all_is_there() -> None:
    timeline = Timeline()
    slow, short = timeline.open(1, wait=2 * BLOCK_SAMPLES), timeline.open(2, wait=1_000 * BLOCK_SAMPLES)
    timeline.append(slow, tone(BLOCK_SAMPLES))
    timeline.hang(slow, 0, "word")
    assert not timeline.flowing
    assert drain(timeline, 2) == (pytest.approx(np.zeros(2 * BLOCK_SAMPLES)), [])
    assert timeline.flowing
    _, fired = drain(timeline, 4)
    assert [(f.t, f.event) for f in fired] == [(2 * BLOCK_SAMPLES, Started()), (2 * BLOCK_SAMPLES, "word")]
    assert timeline.late == 3 * BLOCK_SAMPLES, "waiting is not being late"
    timeline.close(slow)
    timeline.append(short, tone(BLOCK_SAMPLES))
    _, fired = drain(timeline, 30)
    assert [f.event for f in fired] == [Ended()]
    assert not timeline.flowing
    timeline.close(short)
    _, fired = drain(timeline, 30)
    assert [f.event for f in fired] == [Started(), Ended()]


def test_an_event_beyond_the_end_fires_at_the_end() -> None:
    timeline = Timeline()
    segment = timeline.open(1)
    timeline.append(segment, tone(100))
    timeline.hang(segment, 10**9, "never too late")
    timeline.close(segment)
    _, fired = drain(timeline, 12)
    assert [f.event for f in fired] == [Started(), "never too late", Ended()]


def test_events_hang_in_order() -> None:
    timeline = Timeline()
    segment = timeline.open(1)
    timeline.hang(segment, 10, "a")
    with pytest.raises(ValueError, match="at least 10"):
        timeline.hang(segment, 9, "b")


def test_a_closed_segment_takes_nothing() -> None:
    timeline = Timeline()
    segment = timeline.open(1)
    timeline.append(segment, tone(1))
    timeline.close(segment)
    with pytest.raises(ValueError, match="closed"):
        timeline.append(segment, tone(1))


def test_a_hold_is_silence_and_shifts_what_follows() -> None:
    timeline = Timeline()
    segment = timeline.open(1)
    timeline.append(segment, tone(3 * BLOCK_SAMPLES))
    timeline.hang(segment, BLOCK_SAMPLES + 5, "word")
    drain(timeline, 1)
    timeline.hold()
    sound, fired = drain(timeline, 4)
    assert not sound.any()
    assert not fired
    assert timeline.resume() == 5 * BLOCK_SAMPLES
    sound, fired = drain(timeline, 2)
    assert sound.all()
    assert [(f.t, f.event) for f in fired] == [(5 * BLOCK_SAMPLES + 5, "word")]
    assert timeline.late == 0


def test_a_resume_says_the_last_word_again_but_fires_nothing_twice() -> None:
    timeline = Timeline()
    segment = timeline.open(1)
    timeline.append(segment, np.arange(1, 4 * BLOCK_SAMPLES + 1, dtype=np.int16))
    timeline.hang(segment, BLOCK_SAMPLES + 5, "word")
    drain(timeline, 2)
    timeline.hold()
    drain(timeline, 1)
    timeline.resume(back=BLOCK_SAMPLES + 100)
    sound, fired = drain(timeline, 2)
    assert sound[0] == BLOCK_SAMPLES - 100 + 1
    assert (np.diff(sound) == 1).all()
    assert fired == []
    assert segment.heard(3 * BLOCK_SAMPLES + 1) == 2 * BLOCK_SAMPLES, "what is said again was heard before"
    assert segment.heard(5 * BLOCK_SAMPLES) == 3 * BLOCK_SAMPLES - 100


def test_a_command_that_takes_longer_than_the_speech_beside_it_is_padded() -> None:
    timeline = Timeline()
    segment = timeline.open(1)
    timeline.append(segment, tone(1_000))
    timeline.hang(segment, 500, "wave", lasting=48_000)
    timeline.close(segment)
    _, fired = drain(timeline, 60)
    assert [(f.t, f.event) for f in fired][1:] == [(500, "wave"), (48_500, Ended())]


@settings(max_examples=LAW, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["append", "pull", "hold", "resume"]), st.integers(0, 800)), max_size=40), st.integers(0, 60_000))
def test_what_was_heard_before_a_moment(actions: list[tuple[str, int]], moment: int) -> None:
    timeline = Timeline()
    segment = timeline.open(1)
    heard = [np.zeros(0, np.int16)]
    for action, n in actions:
        if action == "append":
            timeline.append(segment, np.arange(segment.appended + 1, segment.appended + n + 1).astype(np.int16))
        elif action == "pull":
            heard += [timeline.pull()[0].pcm for _ in range(n % 4)]
        elif action == "hold":
            timeline.hold()
        else:
            timeline.resume(n)
    assert segment.heard(moment) == int(np.concatenate(heard)[:moment].max(initial=0))


class AnyInterleaving(RuleBasedStateMachine):
    """Content samples carry the generation that they belong to, so that a ghost would be heard."""

    def __init__(self) -> None:
        super().__init__()
        self.timeline = Timeline()
        self.gen = 0
        self.segments: list[Segment] = []
        self.hung: dict[int, tuple[Segment, int]] = {}
        self.fired: list[Fired] = []
        self.min_gen = 0
        self.offsets: dict[Segment, int] = {}
        self.heard: dict[int, int] = {}
        self.again: dict[int, int] = {}

    @rule(wait=st.sampled_from([0, 1, 700, 4_000]))
    def open(self, wait: int) -> None:
        self.gen += 1
        self.segments.append(self.timeline.open(self.gen, wait))

    @precondition(lambda self: self.segments)
    @rule(data=st.data(), n=st.integers(0, 3_000))
    def append(self, data: st.DataObject, n: int) -> None:
        segment = data.draw(st.sampled_from(self.segments))
        if not segment.closed:
            self.timeline.append(segment, tone(n, segment.gen))

    @precondition(lambda self: self.segments)
    @rule(data=st.data(), step=st.integers(0, 2_000))
    def hang(self, data: st.DataObject, step: int) -> None:
        segment = data.draw(st.sampled_from(self.segments))
        if segment.closed:
            return
        offset = max(self.offsets.get(segment, 0), segment.pulled) + step
        self.offsets[segment] = offset
        name = len(self.hung)
        self.hung[name] = (segment, offset)
        self.timeline.hang(segment, offset, name)

    @precondition(lambda self: self.segments)
    @rule(data=st.data())
    def close(self, data: st.DataObject) -> None:
        self.timeline.close(data.draw(st.sampled_from(self.segments)))

    @rule()
    def interrupt(self) -> None:
        self.timeline.drop()
        self.gen += 1
        self.min_gen = self.gen

    @rule()
    def hold(self) -> None:
        self.timeline.hold()

    @rule(back=st.integers(0, 5_000))
    def resume(self, back: int) -> None:
        segment = self.timeline.current
        before = segment.pulled if segment is not None else 0
        assert self.timeline.resume(back) == self.timeline.t
        if segment is not None:
            assert before - back <= segment.pulled <= before
            self.again[segment.gen] = self.again.get(segment.gen, 0) + before - segment.pulled

    @rule(blocks=st.integers(1, 5))
    def pull(self, blocks: int) -> None:
        for _ in range(blocks):
            before, held = self.timeline.t, self.timeline.held
            block, fired = self.timeline.pull()
            assert not (held and (fired or block.pcm.any())), "a held timeline is silent"
            assert block.t == before
            assert len(block.pcm) == BLOCK_SAMPLES
            assert self.timeline.t == before + BLOCK_SAMPLES
            for value in np.unique(block.pcm):
                assert value == 0 or value >= self.min_gen
                self.heard[int(value)] = self.heard.get(int(value), 0) + int((block.pcm == value).sum())
            for event in fired:
                assert before <= event.t <= before + BLOCK_SAMPLES
                assert event.segment.gen >= self.min_gen
            self.fired += fired

    @invariant()
    def each_event_fires_once_and_in_order(self) -> None:
        names = [f.event for f in self.fired if isinstance(f.event, int)]
        assert len(names) == len(set(names))
        assert [f.t for f in self.fired] == sorted(f.t for f in self.fired)

    @invariant()
    def no_event_is_early(self) -> None:
        for f in self.fired:
            if isinstance(f.event, int):
                segment, offset = self.hung[f.event]
                assert segment.started_t is not None or segment.closed
                if segment.started_t is not None:
                    assert f.t >= segment.started_t + min(offset, segment.appended)

    @invariant()
    def nothing_begins_before_it_may(self) -> None:
        for segment in self.segments:
            assert segment.started_t is None or segment.closed or segment.dropped or segment.started_t >= segment.earliest

    @invariant()
    def nothing_is_heard_twice(self) -> None:
        for segment in self.segments:
            assert self.heard.get(segment.gen, 0) <= segment.pulled + self.again.get(segment.gen, 0)
            assert segment.pulled <= segment.appended

    def teardown(self) -> None:
        self.timeline.resume()
        for segment in self.segments:
            self.timeline.close(segment)
        self.pull(60 + self.timeline.waiting // BLOCK_SAMPLES)
        fired = {f.event for f in self.fired if isinstance(f.event, int)}
        kept = {name for name, (segment, _) in self.hung.items() if not segment.dropped}
        assert fired >= kept, "an event was lost"


AnyInterleaving.TestCase.settings = settings(max_examples=LAW, stateful_step_count=25, deadline=None)
TestAnyInterleaving = AnyInterleaving.TestCase
