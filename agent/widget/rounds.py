"""The rounds of a session: a state machine without I/O (`TABLE`), applied to each round that an event concerns.

One loop at most is unfinished at any time: an interaction finishes what is before it. So whoever comes back has one request to be sent again, or none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from enum import Enum
from typing import Final

from agent.widget.effects import AskPage, ClearStreams, Closed, Confirmed, Effect, Finished, Restore, RolledBack, Send, Withdraw
from agent.widget.events import Answered, Came, Commanded, Cut, Event, Heard, Interaction, Left, PageState, Replied, Unanswered, Wrote
from agent.widget.state import COMMANDS, DRAFTS, OPEN_ROUNDS, ChatLoop, ChatRound, Draft, Outcome, Stage, State


class Sign(Enum):
    """What an event means to one round."""

    INTERACTION = "an interaction"
    ANSWER = "the answer's first event"
    NO_ANSWER = "no answer"
    REPLIED = "its last sound goes out"
    HEARD = "heard to its end"
    CUT = "cut by the user"
    CUT_AGAIN = "cut before it is heard again"
    NEXT = "the next interaction"
    NEXT_PLAIN = "the next interaction, no page to come"
    PAGE = "the page state"
    RETURN = "back, not heard"
    RETURN_HEARD = "back, heard or cut"


class Act(Enum):
    """What is done about it."""

    SEND = "counter + 1, send"
    SEND_INSTEAD = "send this instead"
    SEND_AGAIN = "send again"
    CONFIRM = "confirm the counter"
    ROLL_BACK = "roll the counter back"
    OPEN_NEXT = "the next round in INIT"
    FINISH = "never again"
    ASK = "ask for the page"
    CLOSE = "close"


TABLE: Final[Mapping[tuple[Stage, Sign], tuple[Stage, Act]]] = {
    (Stage.INIT, Sign.INTERACTION): (Stage.UPSTREAM, Act.SEND),
    (Stage.UPSTREAM, Sign.INTERACTION): (Stage.UPSTREAM, Act.SEND_INSTEAD),
    (Stage.UPSTREAM, Sign.ANSWER): (Stage.DOWNSTREAM, Act.CONFIRM),
    (Stage.UPSTREAM, Sign.NO_ANSWER): (Stage.INIT, Act.ROLL_BACK),
    (Stage.UPSTREAM, Sign.CUT): (Stage.INIT, Act.ROLL_BACK),
    (Stage.UPSTREAM, Sign.CUT_AGAIN): (Stage.PAGE, Act.OPEN_NEXT),
    (Stage.UPSTREAM, Sign.RETURN): (Stage.UPSTREAM, Act.SEND_AGAIN),
    (Stage.DOWNSTREAM, Sign.REPLIED): (Stage.PAGE, Act.OPEN_NEXT),
    (Stage.DOWNSTREAM, Sign.HEARD): (Stage.PAGE, Act.OPEN_NEXT),
    (Stage.DOWNSTREAM, Sign.CUT): (Stage.PAGE, Act.OPEN_NEXT),
    (Stage.DOWNSTREAM, Sign.RETURN): (Stage.UPSTREAM, Act.SEND_AGAIN),
    (Stage.PAGE, Sign.HEARD): (Stage.PAGE, Act.FINISH),
    (Stage.PAGE, Sign.CUT): (Stage.PAGE, Act.FINISH),
    (Stage.PAGE, Sign.NEXT): (Stage.PAGE, Act.ASK),
    (Stage.PAGE, Sign.NEXT_PLAIN): (Stage.DONE, Act.CLOSE),
    (Stage.PAGE, Sign.PAGE): (Stage.DONE, Act.CLOSE),
    (Stage.PAGE, Sign.RETURN): (Stage.UPSTREAM, Act.SEND_AGAIN),
    (Stage.PAGE, Sign.RETURN_HEARD): (Stage.PAGE, Act.ASK),
}
"""What is not in it changes nothing."""


def take(state: State, event: Event) -> tuple[State, list[Effect]]:
    """The state after an event, and what is to be done then, in order. Total: what does not fit changes nothing."""
    taking = _Taking(state)
    taking.take(event)
    return taking.state, taking.effects


def refusal(state: State, event: PageState) -> str | None:
    """Why a page state would change nothing, in words for who sent it; None when it is expected."""
    first, last = state.rounds[0].number, state.current.number
    if not state.online:
        return "page_state: nobody is here who could report it"
    if not first <= event.round <= last:
        about = "is closed" if 0 < event.round < first else "does not exist"
        return f"page_state.round: round {event.round} {about}; rounds {first} to {last} are open"
    stage = state.rounds[event.round - first].stage
    return (
        None
        if (stage, Sign.PAGE) in TABLE
        else f"page_state.round: round {event.round} is in {stage.value}; expected one in {Stage.PAGE.value}"
    )


class _Taking:
    """A state on its way to the next."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.effects: list[Effect] = []

    def take(self, event: Event) -> None:
        match event:
            case Wrote():
                self._write(event)
            case Came():
                self._come(event)
            case Left() if self.state.online:
                self.state = replace(self.state, online=False)
                self.effects.append(ClearStreams())
            case Answered():
                self._notice_ticket(event.ticket, Sign.ANSWER, event)
            case Heard():
                self._notice_ticket(event.ticket, Sign.HEARD, event)
            case _ if self.state.online:
                self._take_online(event)

    def _take_online(self, event: Event) -> None:
        """What means nothing when nobody is here: then no sound goes out, and a request without an answer is sent again later."""
        match event:
            case Interaction():
                self._interact(event)
            case Unanswered():
                self._notice_ticket(event.ticket, Sign.NO_ANSWER, event)
            case Replied():
                self._notice_ticket(event.ticket, Sign.REPLIED, event)
            case Cut():
                self._notice_ticket(event.ticket, _cut(self.state.current), event)
            case PageState():
                self._notice(event.round, Sign.PAGE, event)
            case Commanded():
                self._command(event)

    # ------------------------------------------------------------------------------------------------------- from events to signs

    def _interact(self, event: Interaction) -> None:
        current = self.state.current
        if current.stage is Stage.DOWNSTREAM or _known(current):
            self._notice(current.number, _cut(current), event)
        if self.state.current.stage is Stage.INIT and len(self.state.rounds) > 1:
            before = self.state.rounds[-2]
            if before.unfinished:
                self._notice(before.number, Sign.CUT, event)
            self._notice(before.number, Sign.NEXT if self.state.keeps_page else Sign.NEXT_PLAIN, event)
        self._notice(self.state.current.number, Sign.INTERACTION, event)

    def _come(self, event: Came) -> None:
        if self.state.online:
            self.effects.append(ClearStreams())
        self.state = replace(self.state, online=True, keeps_page=event.keeps_page)
        effects, self.effects = self.effects, []
        for round_ in self.state.rounds:
            if round_.unfinished:
                self._notice(round_.number, Sign.RETURN, event)
        waiting = [round_ for round_ in self.state.rounds if round_.stage is Stage.PAGE]
        commands = tuple(command for round_ in waiting if round_.loop is not None for command in round_.loop.commands)
        snapshot, current = self.state.rounds[0].snapshot, self.state.current
        effects.append(Restore(current.number, current.step, current.counter, snapshot, commands))
        self.effects = effects + self.effects
        if waiting:
            self._notice(waiting[-1].number, Sign.RETURN_HEARD if event.keeps_page else Sign.NEXT_PLAIN, event)

    def _notice_ticket(self, ticket: int, sign: Sign, event: Event) -> None:
        for round_ in self.state.rounds:
            if round_.unfinished and round_.loop is not None and round_.loop.ticket == ticket:
                self._notice(round_.number, sign, event)

    def _notice(self, number: int, sign: Sign, event: Event) -> None:
        place = number - self.state.rounds[0].number
        if not 0 <= place < len(self.state.rounds):
            return
        round_ = self.state.rounds[place]
        if row := TABLE.get((round_.stage, sign)):
            stage, act = row
            ACTS[act](self, replace(round_, stage=stage), event)

    # ------------------------------------------------------------------------------------------------------- acts

    def _send(self, round_: ChatRound, event: Event) -> None:
        assert isinstance(event, Interaction)
        self._dispatch(round_, ChatLoop(round_.counter + 1, 0, event.kind, event.content))

    def _send_instead(self, round_: ChatRound, event: Event) -> None:
        self.effects.append(Withdraw(_loop(round_).ticket))
        self._send(round_, event)

    def _send_again(self, round_: ChatRound, event: Event) -> None:
        self._dispatch(round_, replace(_loop(round_), answer=None, commands=()), relink=True)

    def _dispatch(self, round_: ChatRound, loop: ChatLoop, *, relink: bool = False) -> None:
        ticket = self.state.ticket + 1
        loop = replace(loop, ticket=ticket)
        round_ = replace(round_, loop=loop)
        self.state = replace(self.state, ticket=ticket, rounds=(*self._before(round_), round_))
        if (content := loop.content) is not None:
            draft, step = loop.draft, round_.step_now
            self.effects.append(Send(ticket, round_.number, loop.number, step, loop.kind, content, relink, draft.text, draft.whole))

    def _confirm(self, round_: ChatRound, event: Event) -> None:
        assert isinstance(event, Answered)
        loop, drafts = replace(_loop(round_), confirmed=True), dict(self.state.drafts)
        if event.answer is not None:
            new = drafts.pop(event.answer, Draft())
            loop = replace(loop, answer=event.answer, draft=loop.draft if loop.draft.whole else loop.draft.and_then(new.text, new.whole))
        self.state = replace(self.state, drafts=tuple(drafts.items()))
        self._put(replace(round_, loop=loop))
        self.effects.append(Confirmed(round_.number, loop.number))

    def _roll_back(self, round_: ChatRound, event: Event) -> None:
        self.state = replace(self.state, rounds=(*self._before(round_), replace(round_, loop=None)))
        reason = event.reason if isinstance(event, Unanswered) else "cut"
        self.effects += [Withdraw(_loop(round_).ticket), RolledBack(round_.number, round_.counter, reason)]

    def _open_next(self, round_: ChatRound, event: Event) -> None:
        next_step = event.next_step if isinstance(event, Replied) else None
        following = ChatRound(round_.number + 1, step=round_.step_now, next_step=next_step, counter=round_.counter_now)
        self.state = replace(self.state, rounds=(*self._before(round_), round_, following))
        if not isinstance(event, Replied):
            self._finish(round_, event)
        if len(self.state.rounds) > OPEN_ROUNDS:
            self._close(self.state.rounds[0], event)

    def _finish(self, round_: ChatRound, event: Event) -> None:
        """What is left of its text is forgotten; of its commands, those that the user did not live to see."""
        outcome: Outcome = "cut" if isinstance(event, Cut | Interaction) else "heard"
        loop = _loop(round_)
        if outcome == "cut":
            self.effects.append(Withdraw(loop.ticket))
        commands = tuple(command for command in loop.commands if not isinstance(event, Cut) or command.t < event.t)
        self._put(replace(round_, loop=replace(loop, outcome=outcome, draft=Draft(), commands=commands)))
        self.effects.append(Finished(round_.number, loop.number, outcome))

    def _ask(self, round_: ChatRound, event: Event) -> None:
        self.effects.append(AskPage(round_.number))

    def _close(self, round_: ChatRound, event: Event) -> None:
        """A page state is that of the rounds before, too. Where there is none, the last one there was stays."""
        if round_.unfinished:
            self._finish(round_, event)
        rounds = self.state.rounds[round_.number - self.state.rounds[0].number + 1 :]
        snapshot = event.snapshot if isinstance(event, PageState) else rounds[0].snapshot or self.state.rounds[0].snapshot
        self.state = replace(self.state, rounds=(replace(rounds[0], snapshot=snapshot), *rounds[1:]))
        self.effects.append(Closed(round_.number))

    # ------------------------------------------------------------------------------------------------------- words and commands

    def _write(self, event: Wrote) -> None:
        for round_ in self.state.rounds:
            if round_.unfinished and (loop := _loop(round_)).answer == event.answer:
                if not loop.draft.whole:
                    self._put(replace(round_, loop=replace(loop, draft=loop.draft.and_then(event.text, event.whole))))
                return
        drafts = dict(self.state.drafts)
        drafts[event.answer] = drafts.get(event.answer, Draft()).and_then(event.text, event.whole)
        self.state = replace(self.state, drafts=tuple(drafts.items())[-DRAFTS:])

    def _command(self, event: Commanded) -> None:
        """A command is told while its answer is."""
        if (round_ := self.state.current).stage is Stage.DOWNSTREAM:
            loop = _loop(round_)
            self._put(replace(round_, loop=replace(loop, commands=(*loop.commands, event)[-COMMANDS:])))

    def _before(self, round_: ChatRound) -> tuple[ChatRound, ...]:
        return self.state.rounds[: round_.number - self.state.rounds[0].number]

    def _put(self, round_: ChatRound) -> None:
        before = self._before(round_)
        self.state = replace(self.state, rounds=(*before, round_, *self.state.rounds[len(before) + 1 :]))


def _known(round_: ChatRound) -> bool:
    """Whether the request that is under way has been answered before."""
    return round_.stage is Stage.UPSTREAM and _loop(round_).confirmed


def _cut(current: ChatRound) -> Sign:
    return Sign.CUT_AGAIN if _known(current) else Sign.CUT


def _loop(round_: ChatRound) -> ChatLoop:
    assert round_.loop is not None, f"a round in {round_.stage.value} has a loop"
    return round_.loop


ACTS: Final[Mapping[Act, Callable[[_Taking, ChatRound, Event], None]]] = {
    Act.SEND: _Taking._send,
    Act.SEND_INSTEAD: _Taking._send_instead,
    Act.SEND_AGAIN: _Taking._send_again,
    Act.CONFIRM: _Taking._confirm,
    Act.ROLL_BACK: _Taking._roll_back,
    Act.OPEN_NEXT: _Taking._open_next,
    Act.FINISH: _Taking._finish,
    Act.ASK: _Taking._ask,
    Act.CLOSE: _Taking._close,
}
