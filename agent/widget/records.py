"""Events of the rounds as events of the session's journal, and the state that is folded from them.

Words of answers (`llm_delta`) and commands (`command`) are in the journal anyway; their events are read from there, and not written twice.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, Protocol, get_args

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
from agent.widget.rounds import take
from agent.widget.snapshot import Snapshot
from agent.widget.state import START, State

VERSION: Final = 1
"""The newest version of the journal's events that is understood here."""
DURABLE: Final = (Came, Interaction, Answered, Unanswered, Replied, Heard, Cut, PageState)
"""What comes of these is told to nobody before they are written down."""


class Record(Protocol):
    """An event of a journal. `t`: media time, in samples."""

    @property
    def v(self) -> int: ...
    @property
    def type(self) -> str: ...
    @property
    def t(self) -> int: ...
    @property
    def d(self) -> Mapping[str, Any]: ...


def write(event: Event) -> tuple[str, dict[str, Any]] | None:
    """Type and data of the event in the journal, JSON all through; None for what the conversation writes itself."""
    match event:
        case Came():
            return "round_came", {"keeps_page": event.keeps_page}
        case Left():
            return "round_left", {}
        case Interaction():
            return "round_interaction", {"kind": event.kind, "content": event.content}
        case Answered():
            return "round_answered", {"ticket": event.ticket, "answer": event.answer}
        case Unanswered():
            return "round_unanswered", {"ticket": event.ticket, "reason": event.reason}
        case Replied():
            return "round_replied", {"ticket": event.ticket, "next_step": event.next_step}
        case Heard():
            return "round_heard", {"ticket": event.ticket}
        case Cut():
            return "round_cut", {"ticket": event.ticket, "cut_t": event.t}
        case PageState(snapshot=None):
            return "round_page", {"page": event.round}
        case PageState(snapshot=Snapshot(version, content)):
            return "round_page", {"page": event.round, "version": version, "content": base64.b64encode(content).decode("ascii")}
    return None


def read(kind: str, d: Mapping[str, Any], t: int) -> Event | None:
    """The event of a record; None for one that concerns no round, or whose data are not right. Texts that were left out (`content_chars`) are None. Never raises."""
    reader = READERS.get(kind)
    try:
        return None if reader is None else reader(d, t)
    except (KeyError, TypeError, ValueError, RecursionError):
        return None


def rebuild(records: Iterable[Record], state: State = START) -> State:
    """The state after records that come in order. Total: what cannot be read, or is of a future version, is skipped."""
    for record in records:
        event = read(record.type, record.d, record.t) if record.v <= VERSION else None
        if event is not None:
            state, _ = take(state, event)
    return state


def _number(d: Mapping[str, Any], name: str) -> int:
    value = d[name]
    if type(value) is not int:
        raise TypeError(name)
    return value


def _text(d: Mapping[str, Any], name: str) -> str:
    value = d[name]
    if not isinstance(value, str):
        raise TypeError(name)
    return value


def _flag(d: Mapping[str, Any], name: str) -> bool:
    value = d[name]
    if not isinstance(value, bool):
        raise TypeError(name)
    return value


def _left_out(d: Mapping[str, Any], name: str) -> bool:
    return name not in d and f"{name}_chars" in d


def _interaction(d: Mapping[str, Any], t: int) -> Interaction:
    kind: InteractionKind = d["kind"]
    if kind not in get_args(InteractionKind):
        raise ValueError(kind)
    unknown = _left_out(d, "content") or d["content"] is None
    return Interaction(kind, None if unknown else _text(d, "content"))


def _wrote(d: Mapping[str, Any], t: int) -> Wrote:
    return Wrote(_number(d, "answer"), _text(d, "text"), d.get("whole", False) is True)


def _answered(d: Mapping[str, Any], t: int) -> Answered:
    return Answered(_number(d, "ticket"), None if d["answer"] is None else _number(d, "answer"))


def _replied(d: Mapping[str, Any], t: int) -> Replied:
    unknown = _left_out(d, "next_step") or d["next_step"] is None
    return Replied(_number(d, "ticket"), None if unknown else _text(d, "next_step"))


def _commanded(d: Mapping[str, Any], t: int) -> Commanded:
    return Commanded(_text(d, "id"), _text(d, "name"), json.dumps(d["args"], ensure_ascii=False, sort_keys=True), t)


def _page(d: Mapping[str, Any], t: int) -> PageState:
    number = _number(d, "page")
    if "content" not in d:
        return PageState(number, None)
    return PageState(number, Snapshot(_number(d, "version"), base64.b64decode(_text(d, "content"), validate=True)))


READERS: Final[Mapping[str, Callable[[Mapping[str, Any], int], Event]]] = {
    "round_came": lambda d, t: Came(_flag(d, "keeps_page")),
    "round_left": lambda d, t: Left(),
    "round_interaction": _interaction,
    "round_answered": _answered,
    "round_unanswered": lambda d, t: Unanswered(_number(d, "ticket"), str(d.get("reason", ""))),
    "round_replied": _replied,
    "round_heard": lambda d, t: Heard(_number(d, "ticket")),
    "round_cut": lambda d, t: Cut(_number(d, "ticket"), _number(d, "cut_t")),
    "round_page": _page,
    "llm_delta": _wrote,
    "command": _commanded,
}
