"""A worker's part in a lease: a state machine without I/O (`TABLE`). Replies and the worker's own clock in, requests and verdicts out.

It counts from the moment at which a request was *sent*, and stops by itself a margin before the store would give the session to another. So at most one worker acts at
any time, whatever is delayed, lost or stopped, as long as clocks run alike to within `margin_ms` in `length_ms`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final, Literal

from agent.sessions.lease import Granted, Reply

RETRY_MS: Final = 100
"""An owner whom the store has failed asks again as soon."""


@dataclass(frozen=True, slots=True)
class Terms:
    """Lengths in milliseconds. A worker that dies is replaced within `length_ms` and the others' next question."""

    length_ms: int = 900
    beat_ms: int = 250
    """An owner renews as often."""
    margin_ms: int = 150
    """An owner stops so long before its lease runs out."""
    patience_ms: int = 500
    """A question that has no reply after this is asked again."""

    def __post_init__(self) -> None:
        if not 0 < self.beat_ms < self.length_ms - self.margin_ms or self.margin_ms <= 0 or self.patience_ms <= 0:
            raise ValueError("expected 0 < beat_ms < length_ms - margin_ms, and a margin and a patience above 0")


ALONE: Final = Terms(length_ms=3_000, beat_ms=800, margin_ms=400)
"""For a store that is a file of this machine: nobody waits for the session but a client that comes back to another process."""


class Phase(Enum):
    IDLE = "no owner"
    ASKING = "asking"
    OWNER = "owner"


class Sign(Enum):
    WANTED = "it is wanted"
    GRANTED = "granted"
    LATE = "granted, too late"
    REFUSED = "refused"
    SILENCE = "no reply"
    BEAT = "time to renew"
    AWAY = "the store is away, and one endures"
    DEADLINE = "nearly run out"
    GIVEN_UP = "given up"


class Act(Enum):
    ACQUIRE = "acquire"
    RENEW = "renew"
    RELEASE = "release"
    BEGIN = "begin"
    EXTEND = "extend"
    STOP = "stop"
    NOTHING = "nothing"


TABLE: Final[Mapping[tuple[Phase, Sign], tuple[Phase, Act]]] = {
    (Phase.IDLE, Sign.WANTED): (Phase.ASKING, Act.ACQUIRE),
    (Phase.ASKING, Sign.GRANTED): (Phase.OWNER, Act.BEGIN),
    (Phase.ASKING, Sign.LATE): (Phase.IDLE, Act.RELEASE),
    (Phase.ASKING, Sign.REFUSED): (Phase.IDLE, Act.NOTHING),
    (Phase.ASKING, Sign.SILENCE): (Phase.IDLE, Act.NOTHING),
    (Phase.ASKING, Sign.GIVEN_UP): (Phase.IDLE, Act.NOTHING),
    (Phase.OWNER, Sign.BEAT): (Phase.OWNER, Act.RENEW),
    (Phase.OWNER, Sign.GRANTED): (Phase.OWNER, Act.EXTEND),
    (Phase.OWNER, Sign.AWAY): (Phase.OWNER, Act.EXTEND),
    (Phase.OWNER, Sign.REFUSED): (Phase.IDLE, Act.STOP),
    (Phase.OWNER, Sign.DEADLINE): (Phase.IDLE, Act.STOP),
    (Phase.OWNER, Sign.GIVEN_UP): (Phase.IDLE, Act.RELEASE),
}
"""What is not in it changes nothing."""


@dataclass(frozen=True, slots=True)
class Request:
    """For the store. It comes back with its reply. `sent_ms`: on the worker's clock; `token`: 0 to acquire."""

    kind: Literal["acquire", "renew", "release"]
    token: int
    sent_ms: int


@dataclass(frozen=True, slots=True)
class Begin:
    """The session is ours: read its journal, and go on. Everything that is written bears `token`."""

    token: int


@dataclass(frozen=True, slots=True)
class Stop:
    """It is ours no more: fall silent at once, and write nothing."""

    token: int


Verdict = Request | Begin | Stop


class Tenure:
    """One a session and worker. `now_ms` is the worker's monotonic clock, one that goes on while the process is stopped."""

    def __init__(self, terms: Terms | None = None, *, endures: bool = False) -> None:
        """`endures`: while the store is away nobody else can be given the session, so its owner goes on. Only as long as it is told so in time: an owner that was stopped
        meanwhile is none."""
        self.terms = terms or Terms()
        self._endures = endures
        self.token = 0
        """The one to write with, while an owner."""
        self._phase = Phase.IDLE
        self._until = 0
        self._asked: Request | None = None
        self._next = 0

    @property
    def wakes_ms(self) -> int | None:
        """When `passed` is to be called, at the latest."""
        if self._phase is Phase.OWNER:
            return min(self._until, self._next)
        return self._next if self._phase is Phase.ASKING else None

    @property
    def until_ms(self) -> int:
        """An owner may act until then; 0 for who is none."""
        return self._until if self._phase is Phase.OWNER else 0

    def may_act(self, now_ms: int) -> bool:
        """Whether to speak, and to write. To be asked each time, for a process may have been stopped since the last."""
        return self._phase is Phase.OWNER and now_ms < self._until

    def want(self, now_ms: int) -> list[Verdict]:
        """The session should be ours. Nothing comes of it while it is asked for, or ours."""
        return self._notice(Sign.WANTED, now_ms)

    def give_up(self, now_ms: int) -> list[Verdict]:
        """It should not be ours any more: what was to be said has been said. It is not from here on."""
        return self._notice(Sign.GIVEN_UP, now_ms)

    def passed(self, now_ms: int) -> list[Verdict]:
        """Time has passed."""
        if self._phase is Phase.OWNER and now_ms >= self._until:
            return self._notice(Sign.DEADLINE, now_ms)
        if now_ms < self._next:
            return []
        return self._notice(Sign.SILENCE if self._phase is Phase.ASKING else Sign.BEAT, now_ms)

    def beat(self, now_ms: int) -> list[Verdict]:
        """Renew now, whether or not it is time: all sessions of a worker are renewed together."""
        if self._phase is Phase.OWNER and now_ms >= self._until:
            return self._notice(Sign.DEADLINE, now_ms)
        return self._notice(Sign.BEAT, now_ms)

    def failed(self, request: Request, now_ms: int) -> list[Verdict]:
        """The store could not be reached, or said that it can do nothing now, for anybody."""
        if request.kind != "renew" or request.token != self.token or self._phase is not Phase.OWNER:
            return []
        self._next = min(self._next, now_ms + RETRY_MS)
        if now_ms >= self._until:
            return self._notice(Sign.DEADLINE, now_ms)
        if not self._endures:
            return []
        self._until = max(self._until, self._good_until(request))
        return self._notice(Sign.AWAY, now_ms)

    def replied(self, request: Request, reply: Reply, now_ms: int) -> list[Verdict]:
        """The store has replied to a request of ours, perhaps long after it was sent."""
        if request.kind == "acquire":
            return self._acquired(request, reply, now_ms)
        if request.kind == "release" or request.token != self.token or self._phase is not Phase.OWNER:
            return []
        if not isinstance(reply, Granted):
            return self._notice(Sign.REFUSED, now_ms)
        until = max(self._until, self._good_until(request))
        if now_ms >= until:
            return self._notice(Sign.DEADLINE, now_ms)
        self._until = until
        return self._notice(Sign.GRANTED, now_ms)

    def _acquired(self, request: Request, reply: Reply, now_ms: int) -> list[Verdict]:
        awaited = self._phase is Phase.ASKING and request == self._asked
        if not isinstance(reply, Granted):
            return self._notice(Sign.REFUSED, now_ms) if awaited else []
        if not awaited:
            return [Request("release", reply.token, now_ms)]
        self.token, self._until = reply.token, self._good_until(request)
        return self._notice(Sign.GRANTED if now_ms < self._until else Sign.LATE, now_ms)

    def _good_until(self, request: Request) -> int:
        return request.sent_ms + self.terms.length_ms - self.terms.margin_ms

    def _notice(self, sign: Sign, now_ms: int) -> list[Verdict]:
        row = TABLE.get((self._phase, sign))
        if row is None:
            return []
        self._phase, act = row
        match act:
            case Act.ACQUIRE:
                self._asked, self._next = Request("acquire", 0, now_ms), now_ms + self.terms.patience_ms
                return [self._asked]
            case Act.BEGIN:
                self._next = now_ms
                return [Begin(self.token)]
            case Act.RENEW:
                self._next = now_ms + self.terms.beat_ms
                return [Request("renew", self.token, now_ms)]
            case Act.RELEASE:
                return [Request("release", self.token, now_ms)]
            case Act.STOP:
                return [Stop(self.token)]
            case _:
                return []
