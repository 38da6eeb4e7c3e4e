"""The rounds of one session in time: a request that has no answer after a while will have none, and one that nobody knows any more has none at all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from agent.widget.effects import Effect
from agent.widget.events import Event, Unanswered
from agent.widget.rounds import take
from agent.widget.state import START, Stage, State

ANSWER_MS: Final = 30_000
LATE: Final = "no answer within {:g} s"
UNKNOWN: Final = "the request was not written down"


@dataclass(frozen=True, slots=True)
class WidgetSettings:
    """Lengths in milliseconds."""

    answer_ms: int = ANSWER_MS
    """How long a request waits for the first event of its answer."""


class Widget:
    """`now_ms` is any clock that does not go back. Whoever calls writes each event down before it does what comes of it (`records.DURABLE`)."""

    def __init__(self, state: State = START, settings: WidgetSettings | None = None) -> None:
        """`state`: rebuilt from a journal, where the session has one."""
        self.settings = settings or WidgetSettings()
        self.state = state
        self.wakes_ms: int | None = None
        """When `passed` is to be called, at the latest."""
        self._waiting: int | None = None
        self._why = UNKNOWN

    def take(self, event: Event, now_ms: int) -> list[Effect]:
        """Something happened. Returns what is to be done."""
        self.state, effects = take(self.state, event)
        current = self.state.current
        waiting = current.loop.ticket if self.state.online and current.stage is Stage.UPSTREAM and current.loop is not None else None
        if waiting != self._waiting:
            self._waiting = waiting
            self._why, length = LATE.format(self.settings.answer_ms / 1000), self.settings.answer_ms
            if current.loop is not None and current.loop.content is None:
                self._why, length = UNKNOWN, 0
            self.wakes_ms = None if waiting is None else now_ms + length
        return effects

    def passed(self, now_ms: int) -> list[Event]:
        """Time has passed. Returns what happened by that, to be taken as any other event."""
        if self._waiting is None or self.wakes_ms is None or now_ms < self.wakes_ms:
            return []
        return [Unanswered(self._waiting, self._why)]
