"""Events of rounds in a journal: there and back, and whatever else a journal may hold."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.sessions.content import without_content
from agent.sessions.events import Event as Record
from agent.sessions.folding import EFFECTS, OBSERVED
from agent.widget.events import Answered, Came, Commanded, Cut, Event, Heard, Interaction, Left, PageState, Replied, Unanswered, Wrote
from agent.widget.records import DURABLE, READERS, read, rebuild, write
from agent.widget.snapshot import LARGEST, Snapshot
from agent.widget.state import START

EVENTS: list[Event] = [
    Came(keeps_page=True),
    Left(),
    Interaction("click", "你好 \x00 \u2028"),
    Interaction("speech", None),
    Answered(3, 7),
    Answered(3),
    Unanswered(3, "busy"),
    Replied(3, "step 2"),
    Replied(3),
    Heard(3),
    Cut(3, 48_000),
    PageState(2, Snapshot(1, bytes(range(256)))),
    PageState(2, None),
]


def record(kind: str, d: dict[str, Any] | None = None, t: int = 0, v: int = 1) -> Record:
    return Record("s-1", 1, 0, t, 0, 0, kind, d or {}, v)


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_there_and_back_through_json(event: Event) -> None:
    written = write(event)
    assert written is not None
    kind, d = json.loads(json.dumps(written))
    assert read(kind, d, 0) == event


def test_words_and_commands_are_read_from_what_the_conversation_writes() -> None:
    assert write(Wrote(1, "a")) is None
    assert write(Commanded("c1", "show", "{}", 5)) is None
    assert read("llm_delta", {"answer": 1, "text": "a", "whole": True}, 0) == Wrote(1, "a", whole=True)
    assert read("command", {"id": "c1", "name": "show", "args": {"value": "钟"}, "dur": 0}, 5) == Commanded(
        "c1", "show", '{"value": "钟"}', 5
    )


def test_what_others_rely_on_is_durable() -> None:
    assert {Interaction, Answered, Heard, Cut, PageState} <= set(DURABLE)
    assert Wrote not in DURABLE


@given(st.binary(max_size=2_000), st.integers(0, 2**53))
def test_a_page_comes_back_byte_for_byte(content: bytes, version: int) -> None:
    written = write(PageState(4, Snapshot(version, content)))
    assert written is not None
    assert read(written[0], json.loads(json.dumps(written[1])), 0) == PageState(4, Snapshot(version, content))


def test_without_content_rounds_are_counted_all_the_same() -> None:
    events = [
        record("round_came", {"keeps_page": True}),
        record("round_interaction", {"kind": "speech", "content": "why?"}),
        record("round_answered", {"ticket": 1, "answer": 1}),
        record("llm_delta", {"answer": 1, "text": "Because.", "whole": True}),
        record("command", {"id": "c1", "name": "show", "args": {"value": "bell"}, "dur": 0}),
        record("round_replied", {"ticket": 1, "next_step": "step 2"}),
        record("round_heard", {"ticket": 1}),
        record("round_page", {"page": 1, "version": 3, "content": "QUJD"}),
        record("round_interaction", {"kind": "speech", "content": "and?"}),
    ]
    bare = [without_content(event) for event in events]
    assert not any(word in event.line() for event in bare for word in ("why", "Because", "bell", "QUJD", "and?"))
    state = rebuild(bare)
    assert (state.counter, state.step, state.current.number, len(state.rounds)) == (2, "step 2", 2, 1)
    assert state.current.snapshot is None


def test_the_session_knows_what_it_leaves_to_the_rounds() -> None:
    written = [write(event) for event in EVENTS]
    assert {kind for kind, _ in filter(None, written)} == set(READERS) - set(EFFECTS) <= OBSERVED


@pytest.mark.parametrize(
    ("kind", "d"),
    [
        ("round_came", {}),
        ("round_came", {"keeps_page": 1}),
        ("round_interaction", {"kind": "dance", "content": "a"}),
        ("round_interaction", {"kind": ["speech"], "content": "a"}),
        ("round_interaction", {"kind": "speech", "content": 5}),
        ("round_interaction", {"kind": "speech"}),
        ("round_answered", {"ticket": "1", "answer": 1}),
        ("round_answered", {"ticket": True, "answer": 1}),
        ("round_heard", {}),
        ("round_cut", {"ticket": 1}),
        ("round_page", {"page": 1, "version": 1, "content": "no base64!"}),
        ("round_page", {"page": 1, "version": -1, "content": ""}),
        ("round_page", {"page": 1, "version": 1, "content": 5}),
        ("round_page", {"page": 1, "content": ""}),
        ("round_page", {"page": 1, "version": 1, "content": "A" * (4 * (LARGEST // 3 + 2))}),
        ("round_page", {}),
        ("llm_delta", {"answer": 1, "text_chars": 4}),
        ("command", {"id": "c1"}),
        ("asr_final", {"text": "why?"}),
        ("", {}),
    ],
)
def test_what_is_not_right_is_skipped(kind: str, d: dict[str, Any]) -> None:
    assert read(kind, d, 0) is None
    assert rebuild([record(kind, d)]) == START


def test_the_future_is_skipped() -> None:
    assert rebuild([record("round_came", {"keeps_page": True}, v=2)]) == START


ANYTHING = st.sampled_from([None, True, False, -1, 0, 1, 2, 1.5, float("nan"), "", "a", "speech", "QQ==", [], ["speech"], {}, {"a": 1}])
NAMES = [
    "keeps_page",
    "kind",
    "content",
    "ticket",
    "answer",
    "text",
    "whole",
    "cut_t",
    "page",
    "version",
    "next_step",
    "id",
    "name",
    "args",
]


@settings(max_examples=2_000, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(sorted(READERS)), st.dictionaries(st.sampled_from(NAMES), ANYTHING, max_size=4), st.integers()),
        max_size=12,
    )
)
def test_any_journal_folds(lines: list[tuple[str, dict[str, Any], int]]) -> None:
    records = [record(kind, d, t) for kind, d, t in lines]
    assert rebuild(records[6:], rebuild(records[:6])) == rebuild(records)
