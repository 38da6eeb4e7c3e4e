"""Events on their way from the event loop to the journal's thread: a bounded queue that neither side ever waits for."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final, NamedTuple, Protocol

from agent.sessions.events import Event

ROOM_EVENTS: Final = 20_000
ROOM_BYTES: Final = 32 * 1024 * 1024
"""Roughly: texts are counted by their characters."""
RESERVE: Final = 0.25
"""More room than that, by so much, for events that somebody waits for."""
EVENT_BYTES: Final = 300


class Owner(Protocol):
    """Of a session, as its events know it (`ownership.Holding`)."""

    @property
    def token(self) -> int:
        """To write with; 0: there is none yet."""

    @property
    def lost(self) -> bool:
        """The session belongs to somebody else, for good."""

    async def still_owns(self, token: int) -> bool:
        """The store has refused this token. Whether there is a newer one by now; otherwise the session is lost. From any event loop."""


class Waiting(NamedTuple):
    """An event (None: a mark, for who waits until all before it is written), its weight in bytes, who waits for it, and who owns its session."""

    event: Event | None
    weight: int
    waiter: asyncio.Future[bool] | None
    owner: Owner | None


class Backlog:
    """`put` is called on the event loop, `take`, `done` and `give_up` in the journal's thread. Each counter has one side that writes it."""

    def __init__(self, room_events: int = ROOM_EVENTS, room_bytes: int = ROOM_BYTES) -> None:
        self._room_events, self._room_bytes = room_events, room_bytes
        self._queue: deque[Waiting] = deque()
        self._refused = 0
        self._bytes_in = 0
        self._dropped = 0
        self._bytes_out = 0
        self._batch: list[Waiting] = []

    def __len__(self) -> int:
        """Events that are not written yet, those that are being written included."""
        return len(self._queue) + len(self._batch)

    @property
    def queued(self) -> int:
        """Events that wait for their turn to be written."""
        return len(self._queue)

    @property
    def fullness(self) -> float:
        """How much of the room is taken: 0 … 1, and a little more."""
        return max(len(self) / self._room_events, (self._bytes_in - self._bytes_out) / self._room_bytes)

    @property
    def lost(self) -> int:
        """Events that found no room, or were given up."""
        return self._refused + self._dropped

    def put(self, event: Event, waiter: asyncio.Future[bool] | None, owner: Owner | None = None) -> bool:
        """Returns whether there was room."""
        if self.fullness >= (1.0 if waiter is None else 1.0 + RESERVE):
            self.refuse()
            return False
        weight = EVENT_BYTES + sum(len(value) for value in event.d.values() if isinstance(value, str | list | dict))
        self._bytes_in += weight
        self._queue.append(Waiting(event, weight, waiter, owner))
        return True

    def mark(self, waiter: asyncio.Future[bool]) -> None:
        """Somebody waits until all that is in it now is written."""
        self._queue.append(Waiting(None, 0, waiter, None))

    def refuse(self) -> None:
        """An event is lost before it came in."""
        self._refused += 1

    def take(self, count: int) -> list[Waiting]:
        """The next events, `count` at most, and of each session those of one owner; the batch before is done with."""
        self._batch = []
        owners: dict[str, Owner | None] = {}
        while self._queue and len(self._batch) < count:
            event, owner = self._queue[0].event, self._queue[0].owner
            if event is not None and owners.setdefault(event.session, owner) is not owner:
                break
            self._batch.append(self._queue.popleft())
        return self._batch

    def done(self) -> list[Waiting]:
        """The batch was written. Returns it."""
        batch, self._batch = self._batch, []
        self._bytes_out += sum(waiting.weight for waiting in batch)
        return batch

    def give_up(self, *, everything: bool = False) -> list[Waiting]:
        """The batch, or all that there is, will not be written. Returns what is lost."""
        batch = self._batch
        while everything and self._queue:
            batch.append(self._queue.popleft())
        self._dropped += sum(waiting.event is not None for waiting in batch)
        return self.done()
