"""Generation ids: a small state machine that decides what may still be heard.

The id grows by one each time an answer begins and at each interrupt, and never shrinks. A *speech* (anything hashable that stands for one answer of the
engine) gets its id at its first output; an interrupt makes every speech that is known void, whether it has an id already or not: nothing of it may be heard,
shown or moved any more.

    begin(speech)  known, not void → its id; unknown → id += 1 → the new id; void → None
    interrupt()    id += 1; all known speeches void
"""

from __future__ import annotations

import weakref
from collections.abc import Hashable


class Generations:
    """`current` is the id that goes on messages which belong to no answer."""

    def __init__(self, current: int = 0) -> None:
        self.current = current
        self._ids: weakref.WeakKeyDictionary[Hashable, int | None] = weakref.WeakKeyDictionary()
        self._void: weakref.WeakSet[Hashable] = weakref.WeakSet()

    def announce(self, speech: Hashable) -> None:
        """The engine prepares an answer; an interrupt from now on makes it void."""
        self._ids.setdefault(speech, None)

    def begin(self, speech: Hashable) -> int | None:
        """The id of an answer's output, or None when nothing of it may come out."""
        if speech in self._void:
            return None
        known = self._ids.get(speech)
        if known is None:
            self.current += 1
            self._ids[speech] = known = self.current
        return known

    def of(self, speech: Hashable) -> int | None:
        """The id of an answer that has begun and is not void."""
        return None if speech in self._void else self._ids.get(speech)

    def interrupt(self) -> int:
        """Everything known is void. Returns the new id."""
        self.current += 1
        for speech in list(self._ids):
            self._void.add(speech)
        return self.current
