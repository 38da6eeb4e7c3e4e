"""What is known of a session that goes on, as its parts want it: the conversation for the model, lines for the client, the clock."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from livekit.agents import llm

from agent.media.block import BLOCK_SAMPLES
from agent.protocol import messages
from agent.protocol.errors import ProtocolError
from agent.protocol.messages import RATE, Line, PastCommand
from agent.sessions.state import Item, State
from agent.sessions.tickets import Ticket
from agent.widget import state as rounds
from agent.widget.effects import Restore
from agent.widget.snapshot import Snapshot

LINE_CHARACTERS: Final = 24_000
"""Of the conversation that a client is given back at once; of a longer one the end."""
GENERATIONS_APART: Final = 16
"""The last generations of a worker that died may not have been written down; those that follow are surely later."""


@dataclass(frozen=True, slots=True)
class Past:
    """What a session has come to, folded from its journal. `ticket`: what its client may come back with the next time."""

    state: State
    rounds: rounds.State
    ticket: Ticket | None = None

    @property
    def generation(self) -> int:
        """Above all that were before."""
        return self.state.gen + GENERATIONS_APART

    def page(self, now_ms: int) -> messages.ContextUpdate | None:
        """What is on the user's screen, if that is not out of date. `now_ms`: Unix time."""
        page = self.state.page
        if page is None or (page.expires_ms is not None and page.expires_ms <= now_ms):
            return None
        ttl_ms = None if page.expires_ms is None else page.expires_ms - now_ms
        return messages.ContextUpdate(version=page.version, text=page.text, ttl_ms=ttl_ms)


def media_time(state: State, now_ms: int) -> int:
    """The media sample with which a session goes on that was left: later than any before, a whole block. `now_ms`: Unix time."""
    gone = max(0, now_ms - state.wall_ms) * RATE // 1000 + RATE
    return -(-(state.t + gone) // BLOCK_SAMPLES) * BLOCK_SAMPLES


def conversation(items: Sequence[Item]) -> llm.ChatContext:
    """As the model is to remember it."""
    context = llm.ChatContext.empty()
    for item in items:
        if item.text:
            context.add_message(role=item.role, content=item.text, interrupted=item.cut)
    return context


def without_last_question(context: llm.ChatContext, question: str) -> llm.ChatContext:
    """Without the question and what was begun as its answer, where it is the last one: it is asked again."""
    items = context.items
    last = max((place for place, item in enumerate(items) if item.type == "message" and item.role == "user"), default=-1)
    found = items[last] if last >= 0 else None
    if found is None or found.type != "message" or found.text_content != question:
        return context
    return llm.ChatContext(items[:last])


def snapshot_of(page: messages.PageState) -> Snapshot:
    """The page that a client reports. Raises `ProtocolError`."""
    try:
        content = base64.b64decode(page.content, validate=True)
    except (ValueError, binascii.Error):
        raise ProtocolError("bad_message", "page_state.content: expected base64") from None
    return Snapshot(page.version, content)


def restored(context: llm.ChatContext, restore: Restore, *, omitted: int, unfinished: bool) -> messages.Restore:
    """The message to the client that has come back. `omitted`: lines that are not even remembered here; `unfinished`: the last answer follows from its start."""
    said = _lines(context)
    while unfinished and said and said[-1].who == "agent":
        said.pop()
    lines: list[Line] = []
    room = LINE_CHARACTERS
    for line in reversed(said):
        room -= len(line.text)
        if room < 0:
            break
        lines.append(line)
    lines.reverse()
    snapshot = restore.snapshot
    return messages.Restore(
        round=restore.round,
        loop=restore.counter,
        lines=lines,
        omitted=omitted + len(said) - len(lines),
        version=None if snapshot is None else snapshot.version,
        content=None if snapshot is None else base64.b64encode(snapshot.content).decode("ascii"),
        commands=[PastCommand(id=command.id, name=command.name, args=json.loads(command.args) or {}) for command in restore.commands],
    )


def _lines(context: llm.ChatContext) -> list[Line]:
    return [
        Line(who="user" if item.role == "user" else "agent", text=text, interrupted=item.interrupted)
        for item in context.items
        if item.type == "message" and item.role in ("user", "assistant") and (text := item.text_content)
    ]
