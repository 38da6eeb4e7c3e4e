"""What the rounds of a session want done."""

from __future__ import annotations

from dataclasses import dataclass

from agent.widget.events import Commanded, InteractionKind
from agent.widget.snapshot import Snapshot
from agent.widget.state import Outcome


@dataclass(frozen=True, slots=True)
class Send:
    """Get an answer to a request, from the dialogue or a lesson server.

    `relink`: it was sent before. Then `text` is what is known of its answer: it is spoken from its first word on. When it is `whole`, that is all, and no model is asked;
    otherwise the answer goes on behind it. A server that keeps nothing needs only what is here.
    """

    ticket: int
    round: int
    loop: int
    step: str
    kind: InteractionKind
    content: str
    relink: bool = False
    text: str = ""
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Withdraw:
    """Nothing more is wanted of an answer: neither sound nor words."""

    ticket: int


@dataclass(frozen=True, slots=True)
class ClearStreams:
    """The front end is gone: drop sound and commands that are under way. What is being written goes on: it will be heard later."""


@dataclass(frozen=True, slots=True)
class Confirmed:
    """The request has its answer: the loop's number stays."""

    round: int
    loop: int


@dataclass(frozen=True, slots=True)
class RolledBack:
    """The request has no answer: the round is as it was before it, and the user is to be told. `counter`: of loops, as it is now."""

    round: int
    counter: int
    reason: str


@dataclass(frozen=True, slots=True)
class Finished:
    """This loop will never be heard again."""

    round: int
    loop: int
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class AskPage:
    """Let the front end report its page, at the end of a round."""

    round: int


@dataclass(frozen=True, slots=True)
class Closed:
    """Rounds up to this one are over."""

    round: int


@dataclass(frozen=True, slots=True)
class Restore:
    """The front end that has come takes up its page: the snapshot, and what was commanded since in loops that are not heard again. `step` and `counter` are those with
    which `round`, in which it goes on, began: a request that is sent again raises them as it did the first time."""

    round: int
    step: str
    counter: int
    snapshot: Snapshot | None
    commands: tuple[Commanded, ...] = ()


Effect = Send | Withdraw | ClearStreams | Confirmed | RolledBack | Finished | AskPage | Closed | Restore
