"""One thing that happened in a session, and the line of JSON by which it is kept and exported.

Events are never changed once written. A newer program *lifts* an event of an older version, step by step, by pure functions; one of a future version is kept as it is,
and whoever folds it skips it. A line that cannot be read becomes an event of type `unreadable`, so that the numbering stays whole.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

VERSION: Final = 1
"""Of the events that this program writes."""
UNREADABLE: Final = "unreadable"
LONGEST_TYPE: Final = 64


class BadEvent(ValueError):
    """A line that is no event; the text says what was expected."""


@dataclass(frozen=True, slots=True)
class Event:
    """`seq` counts a session's events from 1; `wall_ms` is Unix time; `t` media time (samples at 48 kHz); `gen` the generation; `d` what the type says, JSON all through."""

    session: str
    seq: int
    wall_ms: int
    t: int
    gen: int
    round: int
    type: str
    d: Mapping[str, Any]
    v: int = VERSION

    def line(self) -> str:
        """The event in one line, without its newline. What JSON does not know is written as text, half a surrogate pair as a question mark."""
        content = {
            "v": self.v,
            "session": self.session,
            "seq": self.seq,
            "wall_ms": self.wall_ms,
            "t": self.t,
            "gen": self.gen,
            "round": self.round,
            "type": self.type,
            "d": self.d,
        }
        text = json.dumps(content, ensure_ascii=False, separators=(",", ":"), default=str)
        return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


Lift = Callable[[Event], Event]
"""Makes an event of the next version out of one of its own; the version number is set by the caller."""

LIFTS: Final[Mapping[int, Lift]] = {}
"""By the version that they start from. There is only one version so far."""


def parse(line: str | bytes) -> Event:
    """The event of a line, in the version in which it was written. Raises `BadEvent`."""
    try:
        content = json.loads(line)
    except ValueError as error:
        raise BadEvent(f"expected a line of JSON: {error}") from None
    if not isinstance(content, dict):
        raise BadEvent(f"expected a JSON object, not {type(content).__name__}")
    numbers = [number for name in ("v", "seq", "wall_ms", "t", "gen", "round") if type(number := content.get(name)) is int]
    if len(numbers) != 6:
        raise BadEvent("expected whole numbers as v, seq, wall_ms, t, gen and round")
    v, seq, wall_ms, t, gen, round_ = numbers
    session, kind, d = content.get("session"), content.get("type"), content.get("d")
    if not isinstance(session, str) or not isinstance(kind, str) or not 0 < len(kind) <= LONGEST_TYPE or not isinstance(d, dict):
        raise BadEvent("expected a session, a type and an object d")
    return Event(session, seq, wall_ms, t, gen, round_, kind, d, v)


def read_line(line: str | bytes, session: str, seq: int) -> Event:
    """The event that a store keeps under `seq`, lifted; `unreadable` when the line is torn or is not what it should be. Never raises."""
    try:
        event = parse(line)
    except (BadEvent, RecursionError) as error:
        return unreadable(session, seq, str(error))
    if event.session != session or event.seq != seq:
        return unreadable(session, seq, f"it says that it is event {event.seq} of {event.session[:64]}")
    return upcast(event)


def unreadable(session: str, seq: int, why: str) -> Event:
    """Stands for an event that was written and cannot be read."""
    return Event(session, seq, 0, 0, 0, 0, UNREADABLE, {"why": why})


def upcast(event: Event, lifts: Mapping[int, Lift] = LIFTS, newest: int = VERSION) -> Event:
    """The event as version `newest` would have written it. A version without a lift differs in nothing that was said then; a future one is left alone."""
    while event.v < newest:
        lift = lifts.get(event.v)
        event = replace(event if lift is None else lift(event), v=event.v + 1)
    return event
