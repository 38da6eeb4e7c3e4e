"""A state that was kept as JSON, and what a damaged one is taken for."""

from __future__ import annotations

import json
from typing import Any

import pytest

from agent.widget.events import Answered, Came, Commanded, Event, Heard, Interaction, PageState, Replied, Wrote
from agent.widget.rounds import take
from agent.widget.saved import as_json, from_json
from agent.widget.snapshot import Snapshot
from agent.widget.state import START

FULL: list[Event] = [
    Came(keeps_page=True),
    Interaction("speech", "why?"),
    Answered(1, 7),
    Replied(1, "step 2"),
    Heard(1),
    PageState(1, Snapshot(3, bytes(range(256)))),
    Interaction("click", "画"),
    Answered(2, 8),
    Wrote(8, "so"),
    Wrote(9, "prepared"),
    Commanded("c1", "show", "{}", 5),
]


def full() -> dict[str, Any]:
    state = START
    for event in FULL:
        state, _ = take(state, event)
    kept: dict[str, Any] = json.loads(json.dumps(as_json(state)))
    assert from_json(kept) == state
    return kept


def test_there_and_back() -> None:
    full()
    assert from_json(as_json(START)) == START


@pytest.mark.parametrize("damage", [{"format": 2}, {"format": None}, {"rounds": None}, {"rounds": [5]}, {"ticket": "x"}, {"drafts": [[1]]}])
def test_what_is_damaged_is_not_used(damage: dict[str, Any]) -> None:
    assert from_json(full() | damage) is None
    assert from_json({}) is None


@pytest.mark.parametrize(
    "damage", [{"snapshot": {"version": 1, "content": "?"}}, {"snapshot": {"version": -1, "content": ""}}, {"stage": "x"}]
)
def test_a_damaged_round_is_not_used(damage: dict[str, Any]) -> None:
    kept = full()
    kept["rounds"][0] |= damage
    assert from_json(kept) is None


def test_no_rounds_at_all_are_no_state() -> None:
    assert from_json(full() | {"rounds": []}) is None
