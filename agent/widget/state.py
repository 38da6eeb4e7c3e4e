"""Rounds and loops as they are. Values: a state is never changed, the next one is another. Bounded, however long the session lasts."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final, Literal

from agent.widget.events import Commanded, InteractionKind
from agent.widget.snapshot import Snapshot

OPEN_ROUNDS: Final = 8
"""More rounds do not wait for their page states: the oldest is closed without."""
DRAFTS: Final = 4
TEXT_CHARACTERS: Final = 16_000
COMMANDS: Final = 64

Outcome = Literal["heard", "cut"]


class Stage(Enum):
    """Of a round."""

    INIT = "INIT"
    UPSTREAM = "USER_INTERACTION_UPSTREAM"
    DOWNSTREAM = "SERVER_REPLY_DOWNSTREAM"
    PAGE = "PAGE_STATE_UPSTREAM"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Draft:
    """Words of an answer. `whole`: there are no more; an answer as long as `TEXT_CHARACTERS` is never whole."""

    text: str = ""
    whole: bool = False

    def and_then(self, text: str, whole: bool) -> Draft:
        joined = self.text + text
        return Draft(joined[:TEXT_CHARACTERS], whole and len(joined) < TEXT_CHARACTERS)


@dataclass(frozen=True, slots=True)
class ChatLoop:
    """One question and its answer. `answer`: the dialogue's number of it, when there is one; `confirmed`: it had an answer, perhaps before it was sent again; `outcome`:
    None until the answer was heard to its end or cut, and until then `draft` is kept, to be heard again."""

    number: int
    ticket: int
    kind: InteractionKind
    content: str | None
    answer: int | None = None
    confirmed: bool = False
    draft: Draft = Draft()
    outcome: Outcome | None = None
    commands: tuple[Commanded, ...] = ()


@dataclass(frozen=True, slots=True)
class ChatRound:
    """A loop on its way. `step`, `counter` and `snapshot` are those with which the round began, to which it can always go back; `next_step` is taken at its interaction."""

    number: int = 1
    stage: Stage = Stage.INIT
    step: str = ""
    next_step: str | None = None
    counter: int = 0
    snapshot: Snapshot | None = None
    loop: ChatLoop | None = None

    @property
    def unfinished(self) -> bool:
        """Whether there is a loop that would have to be heard again."""
        return self.loop is not None and self.loop.outcome is None

    @property
    def step_now(self) -> str:
        """The lesson's step, from the interaction on the next one."""
        return self.step if self.stage is Stage.INIT or self.next_step is None else self.next_step

    @property
    def counter_now(self) -> int:
        """The number of the loop, from the interaction on."""
        return self.counter if self.loop is None else self.loop.number


@dataclass(frozen=True, slots=True)
class State:
    """`rounds`: those that are not closed, in order; all but the last wait for their page state. `drafts`: answers that belong to no loop yet, by their number."""

    online: bool = False
    keeps_page: bool = False
    ticket: int = 0
    rounds: tuple[ChatRound, ...] = (ChatRound(),)
    drafts: tuple[tuple[int, Draft], ...] = ()

    @property
    def current(self) -> ChatRound:
        return self.rounds[-1]

    @property
    def counter(self) -> int:
        """`chatLoopCounter`: raised with an interaction, before it has an answer."""
        return self.current.counter_now

    @property
    def step(self) -> str:
        return self.current.step_now


START: Final = State()
