"""What happens to the rounds of a session. The state is a fold over these, and each of them can be written in the journal (`records`).

A `ticket` stands for one sending of a request and never comes again, unlike the numbers of rounds and loops, which are rolled back: what still arrives for an older
sending has a ticket that nobody holds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from agent.widget.snapshot import Snapshot

InteractionKind = Literal["start", "speech", "text", "click", "advance"]
"""`start`: a lesson's first request; `advance`: the widget goes on by itself."""


@dataclass(frozen=True, slots=True)
class Came:
    """The user's front end is here: for the first time, again, or another one in the place of one that is here still. `keeps_page`: it reports page states."""

    keeps_page: bool


@dataclass(frozen=True, slots=True)
class Left:
    """The front end is gone, whatever the reason."""


@dataclass(frozen=True, slots=True)
class Interaction:
    """The user said or did something that wants an answer. `content` is what is sent, now and whenever it must be sent again; None: it was not written down,
    and cannot be sent."""

    kind: InteractionKind
    content: str | None


@dataclass(frozen=True, slots=True)
class Wrote:
    """The next words of an answer, perhaps before anybody knows which request it answers. `answer` is the dialogue's own number of it; `whole`: its last words."""

    answer: int
    text: str
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Answered:
    """The first event of the answer. What is written of `answer` goes on from the text that was sent along; None: there will be none, the text was whole."""

    ticket: int
    answer: int | None = None


@dataclass(frozen=True, slots=True)
class Unanswered:
    """There will be no answer."""

    ticket: int
    reason: str


@dataclass(frozen=True, slots=True)
class Commanded:
    """The front end was told to do something at media sample `t` of the answer. `args`: JSON."""

    id: str
    name: str
    args: str
    t: int


@dataclass(frozen=True, slots=True)
class Replied:
    """The last sound of the answer has gone out. `next_step`: where the lesson goes on at the next interaction; None: where it is."""

    ticket: int
    next_step: str | None = None


@dataclass(frozen=True, slots=True)
class Heard:
    """The front end reports that it has played the answer to its end."""

    ticket: int


@dataclass(frozen=True, slots=True)
class Cut:
    """The user has cut the answer, at media sample `t`. A connection that is lost is no cut."""

    ticket: int
    t: int


@dataclass(frozen=True, slots=True)
class PageState:
    """The front end's page as it is at the end of a round. `snapshot`: None where its content was not written down."""

    round: int
    snapshot: Snapshot | None


Event = Came | Left | Interaction | Wrote | Answered | Unanswered | Commanded | Replied | Heard | Cut | PageState
