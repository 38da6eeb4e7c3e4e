"""What of the answers reached the ear. At once by estimate, from how far the client's ear lags behind the clock; later by what the client reports."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from agent.conversation.script import Script
from agent.media.timeline import Segment
from agent.protocol.messages import RATE

USUAL_LAG: Final = RATE // 10
"""Between the clock and the ear, before a client has said anything: network, jitter buffer and sound card."""
LONGEST_LAG: Final = 2 * RATE
AHEAD: Final = RATE // 10
"""A client's clock may be ahead of ours by so much, where it had to find it in the sound."""
CUTS_KEPT: Final = 8


@dataclass(eq=False)
class Cut:
    """A stretch of speech that was cut at media sample `t`. `correct` is told when the client heard other words of it than was thought."""

    segment: Segment
    script: Script
    t: int
    text: str = ""
    correct: Callable[[str], None] = field(default=lambda text: None)

    def words(self, t_heard: int) -> str:
        """The words that had been heard at a media sample."""
        return self.script.heard(self.segment.heard(t_heard), self.segment.speech)


class Heard:
    """One a conversation. Times are media samples, given by the caller."""

    def __init__(self) -> None:
        self.lag = USUAL_LAG
        self.reported = 0
        """The newest sample that a client said it heard."""
        self._known = False
        self._cuts: deque[Cut] = deque(maxlen=CUTS_KEPT)

    def at(self, now: int) -> int:
        """The media sample that is probably at the ear while `now` is being sent."""
        return max(0, now - self.lag)

    def cut(self, segment: Segment, script: Script, t: int, ear: int) -> Cut:
        """A stretch of speech is cut at `t`, with `ear` at the ear. Its `text` is what was probably heard of it."""
        cut = Cut(segment, script, t)
        cut.text = cut.words(ear)
        self._cuts.append(cut)
        return cut

    def report(self, gen: int, t_heard: int, now: int, sent: int) -> str | None:
        """The client heard media sample `t_heard` of generation `gen` last; `sent` is the clock. Returns why that cannot be, or None.

        A report of an answer that was cut corrects what is remembered of it; any other tells how far the ear lags behind.
        """
        if t_heard > sent + AHEAD:
            return f"playout.t_heard: {t_heard} was not sent yet; the newest sample is {sent}"
        t_heard = min(t_heard, sent)
        cuts = [cut for cut in self._cuts if cut.segment.gen == gen]
        for cut in cuts:
            text = cut.words(min(t_heard, cut.t))
            if text != cut.text:
                cut.text = text
                cut.correct(text)
        if t_heard < self.reported:
            return None if cuts else f"playout.t_heard: {t_heard} is before {self.reported}, which was heard already"
        self.reported = t_heard
        if not cuts:
            lag = min(max(0, now - t_heard), LONGEST_LAG)
            self.lag = round(0.7 * self.lag + 0.3 * lag) if self._known else lag
            self._known = True
        return None
