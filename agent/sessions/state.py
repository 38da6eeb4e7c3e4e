"""What a session has come to: everything that going on with it would need, and nothing else. Bounded, however long the session lasts.

A state is folded from the session's events (`folding.fold`). A snapshot is a state that was kept as JSON.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Final, Literal

from pydantic import TypeAdapter

FORMAT: Final = 1
"""Of a snapshot. One of another format is not used: the events are all there."""
ITEMS: Final = 200
DRAFTS: Final = 4
DRAFT_CHARACTERS: Final = 16_000
COMMANDS: Final = 64


@dataclass(frozen=True, slots=True)
class Item:
    """A part of the dialogue, as it was heard. `cut`: an answer that was ended before its end; then `text` is what reached the ear."""

    role: Literal["user", "assistant"]
    text: str
    gen: int
    seq: int
    cut: bool = False


@dataclass(frozen=True, slots=True)
class Draft:
    """The text of an answer that was not heard to its end. `gen`: 0 before its first sound; `whole`: the language model has finished."""

    answer: int
    text: str
    gen: int = 0
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """What is on the user's screen. `expires_ms`: Unix time, None for never."""

    version: int
    text: str
    expires_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Command:
    """A control command at media sample `t` that the client has not confirmed to have heard to its end, sample `until`."""

    id: str
    name: str
    args: Any
    gen: int
    t: int
    until: int


@dataclass(frozen=True, slots=True)
class Skipped:
    """Events that had no effect: of a type or a version that is not known, with data that is not right, unreadable, or missing from the journal."""

    unknown: int = 0
    future: int = 0
    malformed: int = 0
    unreadable: int = 0
    missing: int = 0


@dataclass(frozen=True, slots=True)
class State:
    """`seq`: the last event that is in it. `t` and `gen`: the highest there were. `room` and `agent`: in a LiveKit room, its name, and the agent's identity there.
    `dropped`: items that were forgotten because of `ITEMS`. `heard_t`: the media sample that the client confirmed last. `ended`: why, or None. `wants`: of the client."""

    seq: int = 0
    wall_ms: int = 0
    t: int = 0
    gen: int = 0
    round: int = 0
    org: str = ""
    user: str = ""
    room: str = ""
    agent: str = ""
    persona: str = ""
    version: str = ""
    language: str = ""
    wants: tuple[str, ...] = ()
    state: str = "idle"
    heard_t: int = 0
    ended: str | None = None
    page: Page | None = None
    items: tuple[Item, ...] = ()
    dropped: int = 0
    drafts: tuple[Draft, ...] = ()
    commands: tuple[Command, ...] = ()
    skipped: Skipped = field(default_factory=Skipped)

    def as_json(self) -> dict[str, Any]:
        """For `from_json`."""
        return {"format": FORMAT, **asdict(self)}


START: Final = State()
_FIELDS: Final = tuple(f.name for f in fields(State))
_ADAPTER: Final = TypeAdapter(State)


def from_json(content: Mapping[str, Any]) -> State | None:
    """The state of a snapshot; None when it is of another format, or damaged."""
    if content.get("format") != FORMAT:
        return None
    try:
        return _ADAPTER.validate_python({name: content[name] for name in _FIELDS})
    except (KeyError, ValueError):
        return None
