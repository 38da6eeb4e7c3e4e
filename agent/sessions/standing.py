"""Where a session stands: the state of its conversation and that of its rounds, folded from the same events in one pass, and kept as one snapshot."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from agent.sessions import folding, state
from agent.sessions.events import Event
from agent.widget import records, saved
from agent.widget import state as rounds

FORMAT: Final = 2
"""Of a snapshot. One of another format is not used: the events are all there."""


@dataclass(frozen=True, slots=True)
class Standing:
    """After event number `state.seq`."""

    state: state.State = state.START
    rounds: rounds.State = rounds.START

    def as_json(self) -> dict[str, Any]:
        """For `from_json`."""
        return {"format": FORMAT, "state": self.state.as_json(), "rounds": saved.as_json(self.rounds)}


START: Final = Standing()


def fold(standing: Standing, events: Iterable[Event]) -> Standing:
    """The standing after `events`, which come in order. An event that is in it already changes nothing. Total, as both folds are."""
    seq, new = standing.state.seq, []
    for event in events:
        if event.seq > seq:
            seq = event.seq
            new.append(event)
    return Standing(folding.fold(standing.state, new), records.rebuild(new, standing.rounds))


def from_json(content: Mapping[str, Any]) -> Standing | None:
    """The standing of a snapshot; None when it is of another format, or damaged."""
    if content.get("format") != FORMAT:
        return None
    its_state, its_rounds = content.get("state"), content.get("rounds")
    if not isinstance(its_state, dict) or not isinstance(its_rounds, dict):
        return None
    found, found_rounds = state.from_json(its_state), saved.from_json(its_rounds)
    return None if found is None or found_rounds is None else Standing(found, found_rounds)
