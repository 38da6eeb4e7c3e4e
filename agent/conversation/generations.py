"""Generation ids: a small state machine (`TABLE`) that decides what may still be heard.

The id grows by one each time an answer begins and at each interrupt, and never shrinks. A *speech* (anything hashable that stands for one answer of the
engine) gets its id at its first output; an interrupt makes every speech that is known void, whether it has an id already or not: nothing of it may be heard,
shown or moved any more.
"""

from __future__ import annotations

import weakref
from collections.abc import Hashable, Mapping
from enum import Enum
from typing import Final


class Life(Enum):
    """Of one answer."""

    UNKNOWN = "unknown"
    PREPARED = "being prepared"
    BEGUN = "heard and shown"
    VOID = "void"


class Sign(Enum):
    ANNOUNCED = "the engine prepares it"
    OUTPUT = "its first output"
    INTERRUPT = "an interrupt"


TABLE: Final[Mapping[tuple[Life, Sign], Life]] = {
    (Life.UNKNOWN, Sign.ANNOUNCED): Life.PREPARED,
    (Life.UNKNOWN, Sign.OUTPUT): Life.BEGUN,
    (Life.PREPARED, Sign.OUTPUT): Life.BEGUN,
    (Life.PREPARED, Sign.INTERRUPT): Life.VOID,
    (Life.BEGUN, Sign.INTERRUPT): Life.VOID,
}
"""Whatever is not in it changes nothing: what is void stays void."""


class Generations:
    """`current` is the id that goes on messages which belong to no answer."""

    def __init__(self, current: int = 0) -> None:
        self.current = current
        self._lives: weakref.WeakKeyDictionary[Hashable, Life] = weakref.WeakKeyDictionary()
        self._ids: weakref.WeakKeyDictionary[Hashable, int] = weakref.WeakKeyDictionary()

    def announce(self, speech: Hashable) -> None:
        """The engine prepares an answer; an interrupt from now on makes it void."""
        self._notice(speech, Sign.ANNOUNCED)

    def begin(self, speech: Hashable) -> int | None:
        """The id of an answer's output, or None when nothing of it may come out. The first output of an answer makes a new id."""
        if self._notice(speech, Sign.OUTPUT) is not Life.BEGUN:
            return None
        if speech not in self._ids:
            self.current += 1
            self._ids[speech] = self.current
        return self._ids[speech]

    def of(self, speech: Hashable) -> int | None:
        """The id of an answer that has begun and is not void."""
        return self._ids[speech] if self._lives.get(speech) is Life.BEGUN else None

    def interrupt(self) -> int:
        """Everything known is void. Returns the new id."""
        self.current += 1
        for speech in list(self._lives):
            self._notice(speech, Sign.INTERRUPT)
        return self.current

    def _notice(self, speech: Hashable, sign: Sign) -> Life:
        before = self._lives.get(speech, Life.UNKNOWN)
        self._lives[speech] = life = TABLE.get((before, sign), before)
        return life
