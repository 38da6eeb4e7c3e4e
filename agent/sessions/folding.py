"""The fold from events to state. Pure, and total: it never fails, what it does not know or cannot read is skipped and counted.

A snapshot only saves time: `fold(snapshot, the events after it) == fold(START, all events)`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any, Final

from agent.sessions.events import UNREADABLE, VERSION, Event
from agent.sessions.state import COMMANDS, DRAFT_CHARACTERS, DRAFTS, ITEMS, Command, Draft, Item, Page, Skipped, State

OBSERVED: Final = frozenset(
    {
        "user_speech_start",
        "user_speech_end",
        "asr_partial",
        "llm_first_token",
        "tts_first_audio",
        "audio_out",
        "hold",
        "resume",
        "generation_end",
        "tool_call",
        "error",
        "listen",
        "ui_event",
        "recording",
        "round_came",
        "round_left",
        "round_interaction",
        "round_answered",
        "round_unanswered",
        "round_replied",
        "round_heard",
        "round_cut",
        "round_page",
    }
)
"""Types that tell how it went and change nothing but the clocks. Those of rounds are folded by `agent.widget.records`."""


class _Malformed(Exception):
    """The data of an event are not what its type says."""


def fold(state: State, events: Iterable[Event]) -> State:
    """The state after `events`, which come in order. An event that is in the state already changes nothing."""
    folding = _Folding(state)
    for event in events:
        folding.take(event)
    return folding.state()


def _text(d: Mapping[str, Any], name: str) -> str:
    """A text; empty where only its length was written down."""
    value = d.get(name)
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-8", "replace").decode("utf-8")
    if value is None and type(d.get(f"{name}_chars")) is int:
        return ""
    raise _Malformed


def _number(d: Mapping[str, Any], name: str) -> int:
    value = d.get(name)
    if type(value) is int:
        return value
    raise _Malformed


def _maybe_number(d: Mapping[str, Any], name: str) -> int | None:
    return None if d.get(name) is None else _number(d, name)


class _Folding:
    """A state under way: lists where the state has tuples, so that an event costs a microsecond and not a copy."""

    def __init__(self, state: State) -> None:
        self._now = {name: getattr(state, name) for name in ("seq", "wall_ms", "t", "gen", "round")}
        self._simple: dict[str, Any] = {name: getattr(state, name) for name in _SIMPLE}
        self._items = deque(state.items)
        self._drafts = {draft.answer: draft for draft in state.drafts}
        self._commands = {command.id: command for command in state.commands}
        self._skipped = asdict(state.skipped)

    def state(self) -> State:
        return State(
            **self._now,
            **self._simple,
            items=tuple(self._items),
            drafts=tuple(self._drafts.values()),
            commands=tuple(self._commands.values()),
            skipped=Skipped(**self._skipped),
        )

    def take(self, event: Event) -> None:
        now = self._now
        gap = event.seq - now["seq"] - 1
        if gap < 0:
            return
        self._skipped["missing"] += gap
        now["seq"] = event.seq
        if event.type == UNREADABLE:
            self._skipped["unreadable"] += 1
            return
        if event.v > VERSION:
            self._skipped["future"] += 1
            return
        for name, value in (("wall_ms", event.wall_ms), ("t", event.t), ("gen", event.gen), ("round", event.round)):
            if value > now[name]:
                now[name] = value
        effect = EFFECTS.get(event.type)
        if effect is None:
            self._skipped["unknown"] += event.type not in OBSERVED
            return
        try:
            effect(self, event, event.d)
        except _Malformed:
            self._skipped["malformed"] += 1

    # ------------------------------------------------------------------------------------------------------- what events do

    def _session(self, event: Event, d: Mapping[str, Any]) -> None:
        self._simple.update({name: _text(d, name) for name in ("org", "user", "persona", "version", "language")})
        self._simple.update({name: _text(d, name) if name in d else "" for name in ("room", "agent")})
        wants = d.get("wants", ())
        self._simple["wants"] = tuple(want for want in wants if isinstance(want, str)) if isinstance(wants, Sequence) else ()
        self._simple["ended"] = None

    def _session_end(self, event: Event, d: Mapping[str, Any]) -> None:
        self._simple["ended"] = _text(d, "reason")

    def _settings(self, event: Event, d: Mapping[str, Any]) -> None:
        if d.get("language") is not None:
            self._simple["language"] = _text(d, "language")

    def _state(self, event: Event, d: Mapping[str, Any]) -> None:
        self._simple["state"] = _text(d, "state")

    def _asr_final(self, event: Event, d: Mapping[str, Any]) -> None:
        self._say(Item("user", _text(d, "text"), event.gen, event.seq))

    def _heard(self, event: Event, d: Mapping[str, Any]) -> None:
        cut = d.get("cut")
        if not isinstance(cut, bool):
            raise _Malformed
        self._say(Item("assistant", _text(d, "text"), event.gen, event.seq, cut))
        if not cut:
            self._drafts = {answer: draft for answer, draft in self._drafts.items() if draft.gen != event.gen}

    def _heard_corrected(self, event: Event, d: Mapping[str, Any]) -> None:
        """Of an answer's stretches one at most was being heard when it was cut: the first that was cut."""
        text = _text(d, "text")
        for place, item in enumerate(self._items):
            if item.role == "assistant" and item.cut and item.gen == event.gen:
                self._items[place] = replace(item, text=text)
                return

    def _say(self, item: Item) -> None:
        self._items.append(item)
        if len(self._items) > ITEMS:
            self._items.popleft()
            self._simple["dropped"] += 1

    def _llm_delta(self, event: Event, d: Mapping[str, Any]) -> None:
        answer, whole = _number(d, "answer"), d.get("whole", False)
        if not isinstance(whole, bool):
            raise _Malformed
        text = _text(d, "text")
        draft = self._drafts.get(answer) or Draft(answer, "")
        self._drafts[answer] = replace(draft, text=(draft.text + text)[:DRAFT_CHARACTERS], whole=whole)
        if len(self._drafts) > DRAFTS:
            del self._drafts[next(iter(self._drafts))]

    def _generation_start(self, event: Event, d: Mapping[str, Any]) -> None:
        answer = _maybe_number(d, "answer")
        if answer in self._drafts:
            self._drafts[answer] = replace(self._drafts[answer], gen=event.gen)

    def _playout(self, event: Event, d: Mapping[str, Any]) -> None:
        heard_t = self._simple["heard_t"] = max(self._simple["heard_t"], _number(d, "t_heard"))
        self._commands = {id_: command for id_, command in self._commands.items() if command.until > heard_t}

    def _interrupt(self, event: Event, d: Mapping[str, Any]) -> None:
        """What hung behind the cut does not happen any more."""
        cut_t = _number(d, "cut_t")
        self._commands = {id_: command for id_, command in self._commands.items() if command.t < cut_t}

    def _context(self, event: Event, d: Mapping[str, Any]) -> None:
        """A version that is not newer was refused."""
        version, ttl_ms, page = _number(d, "version"), _maybe_number(d, "ttl_ms"), self._simple["page"]
        if page is None or version > page.version:
            self._simple["page"] = Page(version, _text(d, "text"), None if ttl_ms is None else event.wall_ms + ttl_ms)

    def _command(self, event: Event, d: Mapping[str, Any]) -> None:
        command = Command(_text(d, "id"), _text(d, "name"), d.get("args"), event.gen, event.t, event.t + _number(d, "dur"))
        self._commands[command.id] = command
        if len(self._commands) > COMMANDS:
            del self._commands[next(iter(self._commands))]


_SIMPLE: Final = ("org", "user", "persona", "version", "language", "room", "agent", "wants", "state", "heard_t", "ended", "page", "dropped")

EFFECTS: Final[Mapping[str, Callable[[_Folding, Event, Mapping[str, Any]], None]]] = {
    "session": _Folding._session,
    "session_end": _Folding._session_end,
    "settings": _Folding._settings,
    "state": _Folding._state,
    "asr_final": _Folding._asr_final,
    "heard": _Folding._heard,
    "heard_corrected": _Folding._heard_corrected,
    "llm_delta": _Folding._llm_delta,
    "generation_start": _Folding._generation_start,
    "playout": _Folding._playout,
    "interrupt": _Folding._interrupt,
    "context": _Folding._context,
    "command": _Folding._command,
}
