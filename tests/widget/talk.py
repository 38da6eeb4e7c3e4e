"""A second opinion of what rounds must do, told as a story of questions rather than as a table: counters that are counted up and down, lists that grow and shrink."""

from __future__ import annotations

from dataclasses import dataclass, field

from agent.widget.effects import AskPage, ClearStreams, Closed, Confirmed, Effect, Finished, Restore, RolledBack, Send, Withdraw
from agent.widget.events import Commanded, InteractionKind
from agent.widget.snapshot import Snapshot

KEPT_WAITING = 7
KEPT_TEXTS = 4


@dataclass
class Question:
    """`phase`: asked, answering, played."""

    kind: InteractionKind
    content: str | None
    loop: int
    step: str
    phase: str = "asked"
    ticket: int = 0
    text: str = ""
    whole: bool = False
    answer: int | None = None
    answered: bool = False
    commands: list[Commanded] = field(default_factory=list)


class Talk:
    """Each method says what must come of an event."""

    def __init__(self) -> None:
        self.here = self.reports = False
        self.tickets = 0
        self.counter = 0
        self.round = 1
        self.step = ""
        self.next_step: str | None = None
        self.before: tuple[str, str | None] = ("", None)
        self.pending: Question | None = None
        self.over: set[str] = set()
        """What was heard or cut."""
        self.waiting: list[int] = []
        self.done: dict[int, list[Commanded]] = {}
        """What was commanded in rounds whose page is not known."""
        self.page: Snapshot | None = None
        self.texts: dict[int, tuple[str, bool]] = {}

    # ------------------------------------------------------------------------------------------------------- helpers

    def _expected(self, ticket: int, *phases: str) -> Question | None:
        q = self.pending
        return q if q is not None and q.ticket == ticket and q.phase in phases else None

    def _send(self, q: Question, relink: bool = False) -> list[Effect]:
        self.tickets += 1
        q.ticket, q.phase, q.answer = self.tickets, "asked", None
        return [] if q.content is None else [Send(q.ticket, self.round, q.loop, q.step, q.kind, q.content, relink, q.text, q.whole)]

    def _drop(self, q: Question, reason: str) -> list[Effect]:
        self.counter -= 1
        self.step, self.next_step = self.before
        self.pending = None
        return [Withdraw(q.ticket), RolledBack(self.round, self.counter, reason)]

    def _round_ends(self, next_step: str | None = None) -> None:
        self.next_step = next_step
        self.waiting.append(self.round)
        self.round += 1

    def _full(self) -> list[Effect]:
        if len(self.waiting) <= KEPT_WAITING:
            return []
        oldest = self.waiting.pop(0)
        self.done.pop(oldest, None)
        return [Closed(oldest)]

    def _finish(self, q: Question, how: str, round_: int, commands: list[Commanded]) -> list[Effect]:
        self.pending = None
        self.over |= {q.content} if q.content else set()
        self.done[round_] = commands
        finished: list[Effect] = [Finished(round_, q.loop, "cut" if how == "cut" else "heard")]
        return [Withdraw(q.ticket), *finished] if how == "cut" else finished

    def _stop(self, q: Question, how: str, commands: list[Commanded]) -> list[Effect]:
        """The answer ends, whether its last sound went out before or not."""
        if q.phase == "played":
            return self._finish(q, how, self.round - 1, commands)
        self._round_ends()
        return self._finish(q, how, self.round - 1, commands) + self._full()

    def _no_pages(self) -> list[Effect]:
        last = self.waiting[-1]
        self.waiting, self.done = [], {}
        return [Closed(last)]

    # ------------------------------------------------------------------------------------------------------- what happens

    def come(self, reports: bool) -> list[Effect]:
        effects: list[Effect] = [ClearStreams()] if self.here else []
        self.here, self.reports = True, reports
        after: list[Effect] = []
        q, step, counter = self.pending, self.step, self.counter
        if q is not None:
            if q.phase == "played":
                self.round -= 1
                self.waiting.remove(self.round)
            q.commands = []
            self.step, self.next_step = q.step, None
            step, counter = self.before[0], self.counter - 1
            after += self._send(q, relink=True)
        effects.append(Restore(self.round, step, counter, self.page, tuple(c for n in self.waiting for c in self.done[n])))
        if self.waiting:
            after += [AskPage(self.waiting[-1])] if reports else self._no_pages()
        return effects + after

    def leave(self) -> list[Effect]:
        was, self.here = self.here, False
        return [ClearStreams()] if was else []

    def ask(self, kind: InteractionKind, content: str | None) -> list[Effect]:
        if not self.here:
            return []
        effects: list[Effect] = []
        q = self.pending
        instead = q is not None and q.phase == "asked" and not q.answered
        if q is not None and instead:
            effects.append(Withdraw(q.ticket))
        else:
            effects += self._stop(q, "cut", q.commands) if q is not None else []
            if self.waiting:
                effects += [AskPage(self.waiting[-1])] if self.reports else self._no_pages()
            self.counter += 1
            self.before = self.step, self.next_step
            self.step, self.next_step = self.next_step or self.step, None
        self.pending = Question(kind, content, self.counter, self.step)
        return effects + self._send(self.pending)

    def write(self, answer: int, text: str, whole: bool) -> list[Effect]:
        q = self.pending
        if q is not None and q.answer == answer and q.phase != "asked":
            if not q.whole:
                q.text, q.whole = q.text + text, whole
            return []
        before = self.texts.get(answer, ("", False))[0]
        self.texts[answer] = before + text, whole
        if len(self.texts) > KEPT_TEXTS:
            del self.texts[next(iter(self.texts))]
        return []

    def answered(self, ticket: int, answer: int | None) -> list[Effect]:
        if (q := self._expected(ticket, "asked")) is None:
            return []
        q.phase, q.answer, q.answered = "answering", answer, True
        if answer is not None:
            text, whole = self.texts.pop(answer, ("", False))
            if not q.whole:
                q.text, q.whole = q.text + text, whole
        return [Confirmed(self.round, q.loop)]

    def unanswered(self, ticket: int, reason: str) -> list[Effect]:
        q = self._expected(ticket, "asked")
        return self._drop(q, reason) if q is not None and self.here else []

    def command(self, command: Commanded) -> list[Effect]:
        if self.here and self.pending is not None and self.pending.phase == "answering":
            self.pending.commands.append(command)
        return []

    def replied(self, ticket: int, next_step: str | None) -> list[Effect]:
        q = self._expected(ticket, "answering")
        if q is None or not self.here:
            return []
        q.phase = "played"
        self._round_ends(next_step)
        return self._full()

    def heard(self, ticket: int) -> list[Effect]:
        q = self._expected(ticket, "answering", "played")
        return self._stop(q, "heard", q.commands) if q is not None else []

    def cut(self, ticket: int, t: int) -> list[Effect]:
        q = self._expected(ticket, "asked", "answering", "played")
        if q is None or not self.here:
            return []
        if q.phase == "asked" and not q.answered:
            return self._drop(q, "cut")
        return self._stop(q, "cut", [command for command in q.commands if command.t < t])

    def page_state(self, round_: int, page: Snapshot) -> list[Effect]:
        if not self.here or round_ not in self.waiting:
            return []
        effects: list[Effect] = []
        q = self.pending
        if q is not None and q.phase == "played" and round_ == self.round - 1:
            effects += self._finish(q, "heard", round_, [])
        self.waiting = [n for n in self.waiting if n > round_]
        self.done = {n: commands for n, commands in self.done.items() if n > round_}
        self.page = page
        return [*effects, Closed(round_)]
