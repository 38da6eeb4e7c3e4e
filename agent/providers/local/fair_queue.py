"""A bounded queue that is fair between sessions: strict priorities, and within a priority one item of each key in turn."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class QueueFull(Exception):
    """The queue, or one session's share of it, holds as much as it may."""


class FairQueue(Generic[T]):
    """Items wait by priority (a lower number goes first); among equals the keys take turns, and a key's own items keep their order.

    `depth` bounds all items together, `share` those of one key, so that one session can neither fill the queue nor starve another.
    """

    def __init__(self, *, depth: int, share: int) -> None:
        assert depth >= 1
        assert share >= 1
        self.depth = depth
        self.share = share
        self._levels: dict[int, OrderedDict[Hashable, deque[T]]] = {}
        self._held: dict[Hashable, int] = {}
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def push(self, item: T, *, key: Hashable, priority: int) -> None:
        """Raises `QueueFull`."""
        if self._size >= self.depth:
            raise QueueFull(f"{self._size} requests are waiting already, which is the limit")
        if self._held.get(key, 0) >= self.share:
            raise QueueFull(f"{self.share} requests of this session are waiting already, which is the limit")
        self._levels.setdefault(priority, OrderedDict()).setdefault(key, deque()).append(item)
        self._held[key] = self._held.get(key, 0) + 1
        self._size += 1

    def pop(self) -> T:
        """The next item. Raises `IndexError` when the queue is empty."""
        for priority in sorted(self._levels):
            level = self._levels[priority]
            key, items = next(iter(level.items()))
            item = items.popleft()
            if items:
                level.move_to_end(key)
            self._forget(priority, key)
            return item
        raise IndexError("pop from an empty queue")

    def remove(self, item: T) -> bool:
        """Take a waiting item out; False when it is not waiting."""
        for priority, level in self._levels.items():
            for key, items in level.items():
                if item in items:
                    items.remove(item)
                    self._forget(priority, key)
                    return True
        return False

    def drain(self) -> list[T]:
        """Take all items out, in the order in which they would have been served."""
        return [self.pop() for _ in range(self._size)]

    def _forget(self, priority: int, key: Hashable) -> None:
        level = self._levels[priority]
        if not level[key]:
            del level[key]
        if not level:
            del self._levels[priority]
        self._size -= 1
        self._held[key] -= 1
        if not self._held[key]:
            del self._held[key]
