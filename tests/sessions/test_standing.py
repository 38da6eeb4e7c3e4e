"""Both folds at once, and the snapshot that holds both."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.sessions import folding
from agent.sessions.events import Event
from agent.sessions.standing import FORMAT, START, fold, from_json
from agent.widget.events import Answered, Came, Cut, Heard, Interaction, Left, PageState, Replied, Unanswered
from agent.widget.records import rebuild, write
from agent.widget.snapshot import Snapshot
from tests.sessions.strategies import SESSION, journals

ROUNDS = [
    Came(keeps_page=True),
    Left(),
    Interaction("speech", "why?"),
    Interaction("click", None),
    Answered(1, 1),
    Answered(2, 2),
    Unanswered(1, "late"),
    Replied(1, "step 2"),
    Heard(1),
    Cut(2, 960),
    PageState(1, Snapshot(3, bytes(range(256)))),
    PageState(2, None),
]


@st.composite
def told(draw: st.DrawFn) -> list[Event]:
    """A journal in which events of rounds come between the others."""
    journal = draw(journals())
    for place, event in enumerate(journal):
        if draw(st.booleans()):
            record = write(draw(st.sampled_from(ROUNDS)))
            assert record is not None
            journal[place] = replace(event, type=record[0], d=record[1])
    return journal


@given(told(), st.data())
def test_a_snapshot_only_saves_time(journal: list[Event], data: st.DataObject) -> None:
    whole = fold(START, journal)
    before = fold(START, journal[: data.draw(st.integers(0, len(journal)))])
    snapshot = from_json(json.loads(json.dumps(before.as_json())))
    assert snapshot == before
    assert fold(before, journal) == whole, "what is in it already changes nothing"


@given(told())
def test_it_is_the_two_folds(journal: list[Event]) -> None:
    once = list({event.seq: event for event in reversed(journal)}.values())[::-1]
    assert fold(START, journal).state == folding.fold(START.state, journal)
    assert fold(START, journal).rounds == rebuild(sorted(once, key=lambda event: event.seq))


@pytest.mark.parametrize("damage", [{"format": 1}, {"format": FORMAT + 1}, {"state": None}, {"rounds": []}, {"rounds": {"format": 1}}])
def test_one_of_another_format_or_damaged_is_not_used(damage: dict[str, Any]) -> None:
    kept = fold(START, [Event(SESSION, 1, 0, 0, 0, 0, "session", {})]).as_json()
    assert from_json(kept) is not None
    assert from_json(kept | damage) is None


def test_a_snapshot_of_the_version_before_is_not_used() -> None:
    assert from_json(START.state.as_json()) is None
