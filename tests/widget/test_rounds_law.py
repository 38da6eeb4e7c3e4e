"""Any story of questions, answers, cuts, page states, departures and returns, against a second opinion; and the same state again from the journal alone."""

from __future__ import annotations

import json
import pickle
from types import MappingProxyType
from typing import Any, get_args

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from agent.sessions.content import without_content
from agent.sessions.events import Event as Record
from agent.sessions.events import read_line
from agent.widget import records, rounds
from agent.widget.effects import Effect, Send
from agent.widget.events import (
    Answered,
    Came,
    Commanded,
    Cut,
    Event,
    Heard,
    Interaction,
    InteractionKind,
    Left,
    PageState,
    Replied,
    Unanswered,
    Wrote,
)
from agent.widget.rounds import refusal
from agent.widget.saved import as_json, from_json
from agent.widget.snapshot import Snapshot
from agent.widget.state import OPEN_ROUNDS, ChatRound, Stage
from agent.widget.widget import Widget
from tests.widget.talk import Talk

LAW = 2_000
STEPS = 25


def copy(talk: Talk) -> Talk:
    twin: Talk = pickle.loads(pickle.dumps(talk))
    return twin


def shape(r: ChatRound) -> tuple[Any, ...]:
    return (
        r.number,
        r.stage,
        r.counter,
        r.loop and (r.loop.number, r.loop.ticket, r.loop.kind, r.loop.answer, r.loop.confirmed, r.loop.outcome),
    )


class AnyStory(RuleBasedStateMachine):
    """The machine on one side, `Talk` on the other, a journal of lines beside them."""

    def __init__(self) -> None:
        super().__init__()
        self.widget = Widget()
        self.talk = Talk()
        self.now = 0
        self.journal: list[str] = []
        self.asked = 0
        self.over: set[str] = set()
        """Requests that are never to be sent again, whatever is lost."""
        self.kept: tuple[int, Talk] = (0, copy(self.talk))
        """What survives a power cut: so many lines, and what came of them."""

    def record(self, event: Event) -> None:
        d: dict[str, Any]
        match event:
            case Wrote(answer, text, whole):
                kind, t, d = "llm_delta", 0, {"answer": answer, "text": text, "whole": whole}
            case Commanded(id_, name, args, at):
                kind, t, d = "command", at, {"id": id_, "name": name, "args": json.loads(args), "dur": 0}
            case _:
                written = records.write(event)
                assert written is not None
                (kind, d), t = written, 0
        self.journal.append(Record("s-1", len(self.journal) + 1, 0, t, 0, 0, kind, d).line())

    def records(self) -> list[Record]:
        """The journal, as it is read."""
        return [read_line(line, "s-1", seq) for seq, line in enumerate(self.journal, 1)]

    def happens(self, event: Event, expected: list[Effect]) -> None:
        self.record(event)
        effects = self.widget.take(event, self.now)
        assert effects == expected
        for effect in effects:
            if isinstance(effect, Send):
                assert effect.content not in self.over
        self.over |= self.talk.over
        if isinstance(event, records.DURABLE):
            self.kept = len(self.journal), copy(self.talk)

    def tickets(self) -> st.SearchStrategy[int]:
        """Mostly the present one."""
        now = self.talk.tickets
        return st.sampled_from([now, now, now, now, max(0, now - 1), now + 1])

    @rule(keeps_page=st.booleans())
    def come(self, keeps_page: bool) -> None:
        self.happens(Came(keeps_page), self.talk.come(keeps_page))

    @rule(steps=st.integers(1, 6), keeps_page=st.booleans(), known=st.integers(0, 3))
    def goes_well(self, steps: int, keeps_page: bool, known: int) -> None:
        """What would come next in a talk in which nothing goes wrong, so that a story gets somewhere."""
        for _ in range(steps):
            pending, ticket = self.talk.pending, self.talk.tickets
            if not self.talk.here:
                self.come(keeps_page)
            elif pending is None:
                self.ask("speech", known)
            elif pending.phase == "asked":
                self.happens(Answered(ticket, 1), self.talk.answered(ticket, 1))
            elif pending.phase == "played":
                self.happens(Heard(ticket), self.talk.heard(ticket))
            elif not pending.text:
                self.write(1, "a ", whole=False)
            elif not pending.commands:
                self.command(t=5)
            else:
                self.happens(Replied(ticket, "one"), self.talk.replied(ticket, "one"))

    @rule()
    def leave(self) -> None:
        self.happens(Left(), self.talk.leave())

    @rule(kind=st.sampled_from(get_args(InteractionKind)), known=st.integers(0, 9))
    def ask(self, kind: InteractionKind, known: int) -> None:
        self.asked += 1
        content = f"question {self.asked}" if known else None
        self.happens(Interaction(kind, content), self.talk.ask(kind, content))

    @rule(answer=st.integers(1, 6), text=st.sampled_from(["", "a ", "b ", "c "]), whole=st.booleans())
    def write(self, answer: int, text: str, whole: bool) -> None:
        self.happens(Wrote(answer, text, whole), self.talk.write(answer, text, whole))

    @rule(data=st.data(), answer=st.none() | st.integers(1, 6))
    def answered(self, data: st.DataObject, answer: int | None) -> None:
        ticket = data.draw(self.tickets())
        self.happens(Answered(ticket, answer), self.talk.answered(ticket, answer))

    @rule(data=st.data())
    def unanswered(self, data: st.DataObject) -> None:
        ticket = data.draw(self.tickets())
        self.happens(Unanswered(ticket, "broken"), self.talk.unanswered(ticket, "broken"))

    @rule(t=st.integers(0, 9))
    def command(self, t: int) -> None:
        command = Commanded("c", "show", '{"value": "bell"}', t)
        self.happens(command, self.talk.command(command))

    @rule(data=st.data(), step=st.none() | st.sampled_from(["one", "two"]))
    def replied(self, data: st.DataObject, step: str | None) -> None:
        ticket = data.draw(self.tickets())
        self.happens(Replied(ticket, step), self.talk.replied(ticket, step))

    @rule(data=st.data())
    def heard(self, data: st.DataObject) -> None:
        ticket = data.draw(self.tickets())
        self.happens(Heard(ticket), self.talk.heard(ticket))

    @rule(data=st.data(), t=st.integers(0, 9))
    def cut(self, data: st.DataObject, t: int) -> None:
        ticket = data.draw(self.tickets())
        self.happens(Cut(ticket, t), self.talk.cut(ticket, t))

    @rule(data=st.data(), content=st.binary(max_size=4))
    def page_state(self, data: st.DataObject, content: bytes) -> None:
        around = [*self.talk.waiting, *self.talk.waiting, self.talk.round, self.talk.round + 1, 0]
        number, page = data.draw(st.sampled_from(around)), Snapshot(1, content)
        expected = self.talk.here and number in self.talk.waiting
        assert (refusal(self.widget.state, PageState(number, page)) is None) == expected
        self.happens(PageState(number, page), self.talk.page_state(number, page))

    @rule(ms=st.sampled_from([1, 10_000, 29_999, 30_000]))
    def wait(self, ms: int) -> None:
        self.now += ms
        late = self.widget.wakes_ms is not None and self.now >= self.widget.wakes_ms
        events = self.widget.passed(self.now)
        assert len(events) == late
        for event in events:
            assert isinstance(event, Unanswered)
            expected = self.talk.unanswered(event.ticket, event.reason)
            assert expected, "only what waits can be late"
            self.happens(event, expected)
        assert self.widget.passed(self.now) == []

    def rebuilt(self) -> Widget:
        return Widget(records.rebuild(self.records()))

    @rule()
    def die(self) -> None:
        """Another process takes the journal up. What was awaited is awaited no more until the user comes back."""
        widget = self.rebuilt()
        assert widget.state == self.widget.state
        self.widget = widget

    @rule()
    def lose_the_power(self) -> None:
        """What nobody waited for is lost with the process."""
        lines, talk = self.kept
        self.journal, self.talk = self.journal[:lines], copy(talk)
        self.widget = self.rebuilt()

    @rule(data=st.data())
    def fold_in_two(self, data: st.DataObject) -> None:
        """A state that was kept saves time and nothing else."""
        lines = self.records()
        here = data.draw(st.integers(0, len(lines)))
        kept = from_json(json.loads(json.dumps(as_json(records.rebuild(lines[:here])))))
        assert kept is not None
        assert records.rebuild(lines[here:], kept) == self.widget.state

    @rule()
    def count_without_content(self) -> None:
        """A journal in which nobody's words are knows what was asked, answered and heard all the same."""
        state = records.rebuild(read_line(without_content(record).line(), "s-1", record.seq) for record in self.records())
        assert [shape(r) for r in state.rounds] == [shape(r) for r in self.widget.state.rounds]
        assert (state.online, state.ticket, state.counter) == (self.talk.here, self.talk.tickets, self.talk.counter)

    @invariant()
    def counted_alike(self) -> None:
        state = self.widget.state
        assert (state.counter, state.step, state.current.number) == (self.talk.counter, self.talk.step, self.talk.round)
        assert (state.online, state.ticket) == (self.talk.here, self.talk.tickets)

    @invariant()
    def in_order_and_bounded(self) -> None:
        state = self.widget.state
        numbers = [r.number for r in state.rounds]
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
        assert len(numbers) <= OPEN_ROUNDS
        assert all(r.stage is Stage.PAGE for r in state.rounds[:-1])
        assert state.current.stage in (Stage.INIT, Stage.UPSTREAM, Stage.DOWNSTREAM)

    @invariant()
    def one_loop_at_most_is_unfinished(self) -> None:
        unfinished = [r for r in self.widget.state.rounds if r.unfinished]
        assert len(unfinished) == (self.talk.pending is not None)
        for r in unfinished:
            assert r.loop is not None
            assert self.talk.pending is not None
            assert (r.loop.draft.text, r.loop.draft.whole) == (self.talk.pending.text, self.talk.pending.whole)

    def teardown(self) -> None:
        """Nothing is lost at the end either: whoever comes back hears what was not heard, and only that."""
        assert self.rebuilt().state == self.widget.state
        pending = self.talk.pending
        effects = self.widget.take(Came(True), self.now)
        sent = [effect.content for effect in effects if isinstance(effect, Send)]
        assert sent == ([] if pending is None or pending.content is None else [pending.content])


AnyStory.TestCase.settings = settings(max_examples=LAW, stateful_step_count=STEPS, deadline=None)
TestAnyStory = AnyStory.TestCase

SEARCH = settings(
    max_examples=LAW,
    stateful_step_count=STEPS,
    deadline=None,
    database=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.parametrize("row", list(rounds.TABLE), ids=lambda row: f"{row[0].name}-{row[1].name}")
def test_a_table_without_one_of_its_rows_is_noticed(row: tuple[Stage, rounds.Sign], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rounds, "TABLE", MappingProxyType({key: value for key, value in rounds.TABLE.items() if key != row}))
    with pytest.raises(AssertionError):
        run_state_machine_as_test(AnyStory, settings=SEARCH)


@pytest.mark.parametrize("kind", [Came, Left, Interaction, Wrote, Answered, Unanswered, Commanded, Replied, Heard, Cut, PageState])
def test_a_journal_that_loses_an_event_is_noticed(kind: type[Event]) -> None:
    class Forgetful(AnyStory):
        def record(self, event: Event) -> None:
            if not isinstance(event, kind):
                super().record(event)

    with pytest.raises(AssertionError):
        run_state_machine_as_test(Forgetful, settings=SEARCH)
