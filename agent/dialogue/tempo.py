"""How long the next chunk may be, so that it is ready before the ear has heard the last one. No I/O; learns from the chunks that were made."""

from __future__ import annotations

from typing import Final

from agent.dialogue.language import is_han

FIRST_GUESS: Final = 0.03
"""Seconds to write and say one letter; a conversation learns better within a chunk or two."""
LEARNING: Final = 0.4
MARGIN_SECONDS: Final = 0.15
AMPLE_SECONDS: Final = 3.0
"""So much ahead of the ear, chunks wait for the ear, and their time tells nothing."""


def width(text: str) -> int:
    """Its length in letters; a Chinese character counts for three."""
    return sum(3 if is_han(character) else 1 for character in text)


class Tempo:
    """One a conversation."""

    def __init__(self) -> None:
        self._cost = FIRST_GUESS

    def made(self, text: str, seconds: float, ahead_seconds: float) -> None:
        """A chunk was written and said within `seconds`; when it was begun, so much was ready ahead of the ear."""
        letters = width(text)
        if letters and seconds > 0 and ahead_seconds < AMPLE_SECONDS:
            self._cost += LEARNING * (seconds / letters - self._cost)

    def room(self, ahead_seconds: float) -> int:
        """Letters that can be written and said in the time that the ear still has to listen to."""
        return int(max(0.0, ahead_seconds - MARGIN_SECONDS) / self._cost)
