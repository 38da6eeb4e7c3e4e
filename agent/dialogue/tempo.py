"""How long the next chunk may be, so that it is ready before the ear has heard the last one, and how much later than it could an answer begins. No I/O; learns
from the chunks that were made."""

from __future__ import annotations

from typing import Final

from agent.dialogue.language import is_han

FIRST_GUESS: Final = 0.03
"""Seconds to write and say one letter; a conversation learns better within a chunk or two."""
LEARNING: Final = 0.4
DEVIATIONS: Final = 1.0
"""The next chunk may take so many mean deviations longer than chunks do on average, as TCP reckons with its answers."""
MARGIN_SECONDS: Final = 0.15
AMPLE_SECONDS: Final = 3.0
"""So much ahead of the ear, chunks wait for the ear, and their time tells nothing."""
LONGEST_WAIT_SECONDS: Final = 2.0
RELAXING: Final = 0.1
"""Of what was to spare in an answer, so much is taken from the next one's wait."""


def width(text: str) -> int:
    """Its length in letters; a Chinese character counts for three."""
    return sum(3 if is_han(character) else 1 for character in text)


class Tempo:
    """One a conversation."""

    def __init__(self) -> None:
        self._cost = FIRST_GUESS
        self._deviation = 0.0
        self._spare: float | None = None
        """Seconds by which each chunk of this answer, at least, was ready before the ear wanted it; below zero one was late."""
        self.wait = 0.0
        """Seconds by which an answer begins later than it could, so that it need not break off: as a jitter buffer does, it grows by what was missing in the
        last answer, and shrinks slowly when there was time to spare. 0 where sound is made faster than it is heard."""

    def begin(self) -> None:
        """An answer begins. The one before may have been cut, and tells nothing as a whole."""
        self._spare = None

    def made(self, text: str, seconds: float, ahead_seconds: float) -> None:
        """A chunk after the first was written and said within `seconds`; when it was begun, the ear had so much still to hear."""
        spare = ahead_seconds - seconds
        self._spare = spare if self._spare is None else min(spare, self._spare)
        letters = width(text)
        if letters and seconds > 0 and ahead_seconds < AMPLE_SECONDS:
            off = seconds / letters - self._cost
            self._deviation += LEARNING * (abs(off) - self._deviation)
            self._cost += LEARNING * off

    def answered(self) -> None:
        """An answer is complete."""
        spare, self._spare = self._spare, None
        if spare is not None:
            self.wait = min(max(self.wait - (spare * RELAXING if spare > 0 else spare), 0.0), LONGEST_WAIT_SECONDS)

    def room(self, ahead_seconds: float) -> int:
        """Letters that can be written and said in the time that the ear still has to listen to."""
        return int(max(0.0, ahead_seconds - MARGIN_SECONDS) / (self._cost + DEVIATIONS * self._deviation))
