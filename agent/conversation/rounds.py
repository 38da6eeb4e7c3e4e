"""Rounds of a conversation: what happens is told to the widget's machine and written down, and what comes of it is told to the client.

Stands between the conversation and its journal, so that the machine takes its events in the order in which the journal holds them: whoever folds the journal later has
the same state.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

from agent.conversation.client import Client
from agent.conversation.ports import Chronicle, Sound
from agent.protocol.messages import PageRequest, RoundUpdate
from agent.widget import effects, records
from agent.widget.effects import Effect, Restore, Send
from agent.widget.events import Answered, Came, Cut, Event, Heard, Interaction, InteractionKind, Left, PageState, Replied, Unanswered
from agent.widget.rounds import refusal
from agent.widget.state import START, ChatLoop, Stage, State
from agent.widget.widget import Widget

UNREPORTED_SECONDS: Final = 1.0
"""A client that never reports what it heard is taken to have heard an answer so long after its last sound went out."""


class RoundsHost(Protocol):
    """The conversation, as its rounds see it."""

    def restore(self, restore: Restore, kept: asyncio.Future[bool] | None) -> None:
        """A client has come, or come back: give it back what it had."""

    def ask_again(self, request: Send) -> None:
        """The answer to this request was not heard: give it again."""

    def clear(self) -> None:
        """Nobody is here: what is being said is neither heard nor cut."""


class Rounds:
    """One a conversation; implements `ports.Chronicle` around another. `t` and `gen`: the media sample being sent and the current generation."""

    def __init__(
        self, host: RoundsHost, client: Client, chronicle: Chronicle, t: Callable[[], int], gen: Callable[[], int], state: State = START
    ) -> None:
        self._host = host
        self._client = client
        self._chronicle = chronicle
        self._t = t
        self._gen = gen
        self._widget = Widget(state)
        self._timer: asyncio.TimerHandle | None = None
        self._speaking: int | None = None
        """The generation that answers the loop which is not finished."""
        self._end: int | None = None
        """The media sample at which that generation ended."""
        self._replied = False
        self._reported: int | None = None
        """The newest media sample that the client says it heard; None while it has never said anything."""
        self._whole = False
        """The answer is one that was written before."""
        chronicle.round = state.current.number

    @property
    def state(self) -> State:
        return self._widget.state

    @property
    def settled(self) -> bool:
        """Whether there is nothing that would have to be heard again."""
        return self._unfinished() is None

    # ------------------------------------------------------------------------------------------------------- the journal

    @property
    def stored(self) -> bool:
        return self._chronicle.stored

    @property
    def sound(self) -> Sound:
        return self._chronicle.sound

    @property
    def round(self) -> int:
        return self._chronicle.round

    @round.setter
    def round(self, number: int) -> None:
        self._chronicle.round = number

    def write(self, kind: str, d: Mapping[str, Any], *, t: int, gen: int) -> None:
        """Written by the conversation; words and commands of answers concern the rounds, too."""
        self._chronicle.write(kind, d, t=t, gen=gen)
        self._read(kind, d, t)

    def commit(self, kind: str, d: Mapping[str, Any], *, t: int, gen: int) -> asyncio.Future[bool] | None:
        kept = self._chronicle.commit(kind, d, t=t, gen=gen)
        self._read(kind, d, t)
        return kept

    def _read(self, kind: str, d: Mapping[str, Any], t: int) -> None:
        if (event := records.read(kind, d, t)) is not None:
            self._take(event, None)

    # ------------------------------------------------------------------------------------------------------- what happens

    def came(self, *, keeps_page: bool) -> None:
        """The client is here, for the first time or again. `keeps_page`: it reports page states."""
        self._note(Came(keeps_page))

    def left(self) -> None:
        """The client is gone, and has not said goodbye."""
        self._note(Left())

    def asked(self, kind: InteractionKind, content: str) -> None:
        """The user said or did something that will be answered."""
        self._note(Interaction(kind, content))

    def began(self, gen: int, answer: int | None) -> None:
        """The first sound of an answer goes out; it has the number `answer` in the journal."""
        current = self.state.current
        if current.stage is Stage.UPSTREAM and current.loop is not None:
            self._speaking, self._end, self._replied = gen, None, False
            self._note(Answered(current.loop.ticket, None if self._whole else answer))

    def ended(self, gen: int, t: int) -> None:
        """A stretch of generation `gen` has gone out, up to media sample `t`."""
        if gen == self._speaking:
            self._end = t

    def replied(self, gen: int) -> None:
        """Generation `gen` has gone out whole."""
        if gen != self._speaking or self._replied or (loop := self._unfinished()) is None:
            return
        self._replied = True
        self._note(Replied(loop.ticket))
        if self._reported is None:
            asyncio.get_running_loop().call_later(UNREPORTED_SECONDS, self._assume_heard, gen)
        self._settle()

    def reported(self, t_heard: int) -> None:
        """The client says that media sample `t_heard` was at the ear."""
        self._reported = max(self._reported or 0, t_heard)
        self._settle()

    def cut(self, t: int) -> None:
        """The user has interrupted, at media sample `t`."""
        if (loop := self._unfinished()) is not None:
            self._speaking = None
            self._note(Cut(loop.ticket, t))

    def failed(self, reason: str) -> None:
        """There will be no answer."""
        if (loop := self._unfinished()) is not None:
            self._note(Unanswered(loop.ticket, reason))

    def page(self, state: PageState) -> str | None:
        """The client reports its page. Returns why that is not expected, in words for it; None: it was taken."""
        if (why := refusal(self.state, state)) is None:
            self._note(state)
        return why

    def close(self) -> None:
        """Nothing is waited for any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # ------------------------------------------------------------------------------------------------------- what comes of it

    def _unfinished(self) -> ChatLoop | None:
        return next((round_.loop for round_ in reversed(self.state.rounds) if round_.unfinished), None)

    def _assume_heard(self, gen: int) -> None:
        if self._reported is None and gen == self._speaking and self.state.online:
            self._hear()

    def _settle(self) -> None:
        """Both the last sound and the report that it was heard count, in either order."""
        if self._replied and self._end is not None and self._reported is not None and self._reported >= self._end:
            self._hear()

    def _hear(self) -> None:
        if (loop := self._unfinished()) is not None:
            self._speaking = self._end = None
            self._note(Heard(loop.ticket))

    def _note(self, event: Event) -> None:
        written = records.write(event)
        assert written is not None, "words and commands are written by the conversation"
        kind, d = written
        if isinstance(event, records.DURABLE):
            self._take(event, self._chronicle.commit(kind, d, t=self._t(), gen=self._gen()))
        else:
            self._chronicle.write(kind, d, t=self._t(), gen=self._gen())
            self._take(event, None)

    def _take(self, event: Event, kept: asyncio.Future[bool] | None) -> None:
        done = self._widget.take(event, _now_ms())
        self._chronicle.round = self.state.current.number
        for effect in done:
            self._do(effect, kept)
        self._watch()

    def _do(self, effect: Effect, kept: asyncio.Future[bool] | None) -> None:
        match effect:
            case effects.Send():
                self._whole = effect.whole
                if effect.relink:
                    self._host.ask_again(effect)
            case effects.ClearStreams():
                self._speaking = None
                self._host.clear()
            case effects.Restore():
                self._host.restore(effect, kept)
            case effects.AskPage(number):
                self._client.tell(PageRequest(round=number), kept)
            case effects.Confirmed(number, loop):
                self._client.tell(RoundUpdate(round=number, loop=loop, status="confirmed"), kept)
            case effects.RolledBack(number, counter, reason):
                self._client.tell(RoundUpdate(round=number, loop=counter, status="rolled_back", reason=reason), kept)
            case effects.Finished(number, loop, outcome):
                self._client.tell(RoundUpdate(round=number, loop=loop, status=outcome), kept)
            case effects.Closed(number):
                self._client.tell(RoundUpdate(round=number, loop=self.state.counter, status="closed"), kept)
            case effects.Withdraw():
                pass  # whoever cut the answer has silenced it

    def _watch(self) -> None:
        """Call the machine when it wants to be."""
        self.close()
        if (wakes := self._widget.wakes_ms) is not None:
            self._timer = asyncio.get_running_loop().call_later(max(0, wakes - _now_ms()) / 1000, self._passed)

    def _passed(self) -> None:
        self._timer = None
        for event in self._widget.passed(_now_ms()):
            self._note(event)


def _now_ms() -> int:
    return round(asyncio.get_running_loop().time() * 1000)
