"""A state of the rounds kept as JSON. It only saves time: the events after it, folded upon it, give what all events give."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final

from pydantic import TypeAdapter

from agent.widget.state import State

FORMAT: Final = 1
"""Of what is kept. One of another format is not used: the events are all there."""
_ADAPTER: Final = TypeAdapter(State)


def as_json(state: State) -> dict[str, Any]:
    """For `from_json`. Bytes are base64."""
    content = asdict(state)
    for round_ in content["rounds"]:
        round_["stage"] = round_["stage"].value
        if (snapshot := round_["snapshot"]) is not None:
            snapshot["content"] = base64.b64encode(snapshot["content"]).decode("ascii")
    return {"format": FORMAT, **content}


def from_json(content: Mapping[str, Any]) -> State | None:
    """The state that was kept; None when it is of another format, or damaged."""
    if content.get("format") != FORMAT:
        return None
    try:
        state = _ADAPTER.validate_python({**content, "rounds": [_with_bytes(round_) for round_ in content["rounds"]]})
    except (KeyError, TypeError, ValueError):
        return None
    return state if state.rounds else None


def _with_bytes(round_: Mapping[str, Any]) -> dict[str, Any]:
    snapshot = round_["snapshot"]
    return {**round_, "snapshot": snapshot and {**snapshot, "content": base64.b64decode(snapshot["content"], validate=True)}}
