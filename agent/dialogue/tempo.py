"""How long the next chunk may be, so that it is ready before the ear has heard the last one, and how much later than it could an answer begins. No I/O; learns
from the chunks that were made."""

from __future__ import annotations

from collections import deque
from typing import Final, NamedTuple

from agent.dialogue.chunker import SMALLEST_HAN
from agent.dialogue.language import is_han

FIRST_GUESS: Final = 0.06
"""Seconds to write and say one letter, beside a browser that is still loading; a conversation learns better within a chunk or two."""
LEARNING: Final = 0.4
DEVIATIONS: Final = 1.0
"""The next chunk may take so many mean deviations longer than chunks do on average, as TCP reckons with its answers."""
MARGIN_SECONDS: Final = 0.3
"""A chunk may come so much later than those before let expect."""
LETTER_SECONDS: Final = 0.07
"""To say one."""
SHORT_CHUNK: Final = 3 * SMALLEST_HAN
"""Letters in a chunk where there is no room for more."""
SLOW: Final = 0.45
SETUP_SECONDS: Final = 0.1
"""A voice that takes longer for the first chunk of a first answer than the setup and `SLOW` of the time in which it is heard is likely to be late with the next one.
Five Chinese characters take 0.4 s on two cores, and 0.73 beside a browser that draws without a graphics processor."""
AMPLE_SECONDS: Final = 3.0
"""So much ahead of the ear, chunks wait for the ear, and their time tells nothing."""
LONGEST_WAIT_SECONDS: Final = 2.0
REMEMBERED: Final = 16
"""The worst of so many answers counts."""


def width(text: str) -> int:
    """Its length in letters; a Chinese character counts for three."""
    return sum(3 if is_han(character) else 1 for character in text)


class _Answer(NamedTuple):
    """`lacked`: seconds by which it should have begun later than it could, so that no chunk was late; below zero there was time to spare. `opening`: seconds for which its
    first chunk was heard, about."""

    lacked: float
    opening: float


class Tempo:
    """One a conversation."""

    def __init__(self) -> None:
        self._cost = FIRST_GUESS
        self._deviation = 0.0
        self._measured = 0.0
        """As `_cost`, from what was measured alone; 0 before."""
        self._lacked: float | None = None
        self._opening = 0.0
        self._answers: deque[_Answer] = deque(maxlen=REMEMBERED)
        self.wait = 0.0
        """Seconds by which an answer begins later than it could, so that it need not break off: what the last ones lacked and a margin, like a jitter buffer's.
        0 where sound is made faster than it is heard."""

    def begin(self) -> None:
        """An answer begins. The one before may have been cut: what it lacked tells of the interruption."""
        self._lacked, self._opening = None, 0.0

    def answered(self) -> None:
        """An answer is complete."""
        if self._lacked is not None:
            self._answers.append(_Answer(self._lacked, self._opening))
            self._wait_for(max(answer.lacked for answer in self._answers))

    def began(self, text: str, seconds: float) -> None:
        """The first sound of an answer's first chunk came after `seconds`, and is about to be heard, `wait` later. Before an answer was complete, this is all that
        there is to go by. What an answer lacked that began with fewer words, one lacks less that begins with more. One that begins with less than any before is made up
        for by a shorter second chunk, which gets no shorter than `SHORT_CHUNK`."""
        self._opening = LETTER_SECONDS * width(text)
        if not self._answers:
            self.wait = MARGIN_SECONDS if seconds > SETUP_SECONDS + SLOW * self._opening else 0.0
            return
        worst = max(answer.lacked for answer in self._answers)
        latest = max(answer.lacked + answer.opening for answer in self._answers)
        least = self._measured * SHORT_CHUNK
        self._wait_for(max(min(worst, latest - self._opening), least - self._opening))

    def _wait_for(self, lacking: float) -> None:
        self.wait = min(max(0.0, lacking + MARGIN_SECONDS), LONGEST_WAIT_SECONDS)

    def made(self, text: str, seconds: float, ahead_seconds: float) -> None:
        """A chunk after the first was written and said within `seconds`; when it was begun, the ear had so much still to hear."""
        lacked = self.wait + seconds - ahead_seconds
        self._lacked = lacked if self._lacked is None else max(lacked, self._lacked)
        letters = width(text)
        if letters and seconds > 0 and ahead_seconds < AMPLE_SECONDS:
            cost = seconds / letters
            self._measured += (LEARNING if self._measured else 1.0) * (cost - self._measured)
            off = cost - self._cost
            self._deviation += LEARNING * (abs(off) - self._deviation)
            self._cost += LEARNING * off

    def room(self, ahead_seconds: float) -> int:
        """Letters that can be written and said in the time that the ear still has to listen to."""
        return int(max(0.0, ahead_seconds - MARGIN_SECONDS) / (self._cost + DEVIATIONS * self._deviation))
