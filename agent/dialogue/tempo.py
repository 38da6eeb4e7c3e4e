"""How long the next chunk may be, so that it is ready before the ear has heard the last one, and how much must be ready before an answer begins. No I/O;
learns from the chunks that were made."""

from __future__ import annotations

from typing import Final

from agent.dialogue.language import is_han

FIRST_GUESS: Final = 0.03
"""Seconds to write and say one letter; a conversation learns better within a chunk or two."""
DEVIATIONS: Final = 1.0
"""Chunks differ: the next one may take so many mean deviations longer than they do on average. (TCP sets its time limits in this way.)"""
LEARNING: Final = 0.4
FORGETTING: Final = 0.15
"""Of what is known of the pace, with each chunk: chunks differ, the last dozen together tell it."""
MARGIN_SECONDS: Final = 0.15
AMPLE_SECONDS: Final = 3.0
"""So much ahead of the ear, chunks wait for the ear, and their time tells nothing."""
USUAL_SECONDS: Final = 6.0
"""How long an answer lasts; a conversation learns better."""
TOLERABLE_SECONDS: Final = 0.4
"""Silence within an answer for which nobody is kept waiting: it falls between clauses."""
LONGEST_LEAD_SECONDS: Final = 2.0


def width(text: str) -> int:
    """Its length in letters; a Chinese character counts for three."""
    return sum(3 if is_han(character) else 1 for character in text)


class Tempo:
    """One a conversation."""

    def __init__(self) -> None:
        self._cost = FIRST_GUESS
        self._deviation = 0.0
        self._sound = self._taken = 0.0
        """Seconds of sound that were made, and that it took, the old ones counting less and less."""
        self._length = USUAL_SECONDS

    def made(self, text: str, seconds: float, ahead_seconds: float, sound_seconds: float) -> None:
        """A chunk was written and said within `seconds`; when it was begun, so much was ready ahead of the ear."""
        letters = width(text)
        if letters and seconds > 0 and ahead_seconds < AMPLE_SECONDS:
            off = seconds / letters - self._cost
            self._deviation += LEARNING * (abs(off) - self._deviation)
            self._cost += LEARNING * off
            self._sound = (1 - FORGETTING) * self._sound + sound_seconds
            self._taken = (1 - FORGETTING) * self._taken + seconds

    def answered(self, sound_seconds: float) -> None:
        """An answer lasted so long."""
        self._length += LEARNING * (sound_seconds - self._length)

    def room(self, ahead_seconds: float) -> int:
        """Letters that can be written and said in the time that the ear still has to listen to."""
        return int(max(0.0, ahead_seconds - MARGIN_SECONDS) / (self._cost + DEVIATIONS * self._deviation))

    def lead(self) -> float:
        """Seconds of sound that must be ready before an answer begins. 0 where sound is made about as fast as it is heard; a machine that is slower would
        break off after each clause, so it begins later."""
        rate = self._sound / self._taken if self._taken else 1.0
        short = (1 - rate) * self._length - TOLERABLE_SECONDS
        return min(max(short, 0.0), LONGEST_LEAD_SECONDS)
