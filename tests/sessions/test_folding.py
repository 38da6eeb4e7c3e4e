import json
from dataclasses import replace
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from agent.sessions.content import without_content
from agent.sessions.events import VERSION, Event, unreadable
from agent.sessions.folding import fold
from agent.sessions.state import COMMANDS, DRAFT_CHARACTERS, DRAFTS, ITEMS, START, Draft, Item, Page, Skipped, State, from_json
from tests.sessions.strategies import SESSION, journals


def events(*kinds: tuple[str, dict[str, Any]] | tuple[str, dict[str, Any], int], wall_ms: int = 1_000) -> list[Event]:
    return [Event(SESSION, n, wall_ms, 100 * n, k[2] if len(k) > 2 else 0, 0, k[0], k[1]) for n, k in enumerate(kinds, 1)]


@given(journals(), st.data())
def test_a_snapshot_only_saves_time(journal: list[Event], data: st.DataObject) -> None:
    whole = fold(START, journal)
    place = data.draw(st.integers(0, len(journal)))
    snapshot = from_json(json.loads(json.dumps(fold(START, journal[:place]).as_json())))
    assert snapshot is not None
    assert fold(snapshot, journal[place:]) == whole
    assert fold(snapshot, journal) == whole, "events that are in it already change nothing"


@given(journals())
def test_folding_is_pure(journal: list[Event]) -> None:
    before = [event.line() for event in journal]
    first = fold(START, journal)
    assert fold(START, journal) == first
    assert [event.line() for event in journal] == before
    assert State() == START


@given(journals())
@example(events(("asr_final", {"text": ["?"]}), ("heard", {"text": "x"}), ("llm_delta", {"answer": True, "text": "x"})))
def test_every_event_is_counted_in_or_skipped(journal: list[Event]) -> None:
    state = fold(START, journal)
    assert state.seq == max((event.seq for event in journal), default=0)
    assert len(state.items) <= ITEMS
    assert len(state.drafts) <= DRAFTS
    taken = len({event.seq for event in journal})
    assert state.skipped.missing == state.seq - taken


@given(journals())
def test_metadata_fold_without_an_error_to_the_same_outline(journal: list[Event]) -> None:
    full, bare = fold(START, journal), fold(START, map(without_content, journal))
    assert (bare.seq, bare.t, bare.gen, bare.state, bare.heard_t) == (full.seq, full.t, full.gen, full.state, full.heard_t)
    assert not any(item.text for item in bare.items)


def test_a_dialogue_is_remembered_as_it_was_heard() -> None:
    state = fold(
        START,
        events(
            ("session", {"org": "o", "user": "u", "persona": "p", "version": "1", "language": "auto"}),
            ("asr_final", {"id": "u1", "text": "What is that?"}),
            ("llm_delta", {"answer": 1, "text": "A bell. It is ", "whole": False}),
            ("generation_start", {"t0": 100, "answer": 1}, 1),
            ("llm_delta", {"answer": 1, "text": "old.", "whole": True}),
            ("heard", {"text": "A bell.", "cut": True}, 1),
            ("heard_corrected", {"text": "A bell. It"}, 1),
            ("playout", {"gen": 1, "t_heard": 90}, 2),
            ("settings", {"language": "zh"}, 2),
            ("context", {"version": 4, "text": "Gallery 3", "ttl_ms": 50}, 2),
            ("context", {"version": 4, "text": "Gallery 4"}, 2),
        ),
    )
    assert state.items == (Item("user", "What is that?", 0, 2), Item("assistant", "A bell. It", 1, 6, cut=True))
    assert state.drafts == (Draft(1, "A bell. It is old.", 1, whole=True),), "what was not heard to its end is still known"
    assert (state.user, state.persona, state.language, state.gen, state.t, state.heard_t) == ("u", "p", "zh", 2, 1_100, 90)
    assert state.page == Page(4, "Gallery 3", 1_050)
    assert state.skipped == Skipped()


def test_an_answer_that_was_heard_to_its_end_leaves_no_draft() -> None:
    state = fold(
        START,
        events(
            ("llm_delta", {"answer": 1, "text": "Yes.", "whole": True}),
            ("generation_start", {"t0": 0, "answer": 1}, 1),
            ("heard", {"text": "Yes.", "cut": False}, 1),
        ),
    )
    assert state.drafts == ()


def test_commands_are_remembered_until_they_were_heard_or_cut_off() -> None:
    journal = events(
        ("command", {"id": "a", "name": "show", "args": {"value": "bell"}, "dur": 50}),  # at sample 100
        ("command", {"id": "b", "name": "show", "args": {}, "dur": 500}),
        ("command", {"id": "c", "name": "record", "args": {}, "dur": 0}),
        ("playout", {"gen": 0, "t_heard": 150}),
    )
    assert [command.id for command in fold(START, journal).commands] == ["b", "c"]
    cut = Event(SESSION, 5, 0, 0, 0, 0, "interrupt", {"cut_t": 250, "reason": "voice"})
    assert [command.id for command in fold(START, [*journal, cut]).commands] == ["b"]


def test_what_is_not_understood_is_counted_by_its_reason() -> None:
    journal = [
        *events(("from_elsewhere", {}), ("asr_final", {"text": 3}), ("audio_out", {})),
        Event(SESSION, 6, 0, 0, 0, 0, "asr_final", {"text": "later"}, VERSION + 1),
        unreadable(SESSION, 7, "torn"),
    ]
    assert fold(START, journal).skipped == Skipped(unknown=1, malformed=1, future=1, unreadable=1, missing=2)


def test_a_long_session_is_bounded() -> None:
    many = [("asr_final", {"text": str(n)}) for n in range(ITEMS + 50)]
    commands = [("command", {"id": str(n), "name": "k", "dur": 0}) for n in range(COMMANDS + 9)]
    drafts = [("llm_delta", {"answer": n // 3, "text": "x" * DRAFT_CHARACTERS}) for n in range(30)]
    state = fold(START, events(*many, *commands, *drafts))
    assert (len(state.items), state.dropped, state.items[-1].text) == (ITEMS, 50, str(ITEMS + 49))
    assert (len(state.commands), len(state.drafts)) == (COMMANDS, DRAFTS)
    assert max(len(draft.text) for draft in state.drafts) == DRAFT_CHARACTERS


def test_a_snapshot_of_another_format_or_a_damaged_one_is_not_used() -> None:
    snapshot = replace(START, seq=3).as_json()
    assert from_json(snapshot) == replace(START, seq=3)
    assert from_json({**snapshot, "format": 99}) is None
    assert from_json({**snapshot, "items": [{"role": "thief"}]}) is None
    assert from_json({}) is None
