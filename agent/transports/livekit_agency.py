"""What a registration with livekit-server asks of the process behind it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from livekit.protocol import agent as proto


@dataclass(frozen=True)
class Acceptance:
    """Who will come."""

    identity: str
    name: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Load:
    sessions: int
    capacity: int
    jobs: int
    draining: bool = False
    reserve: int = 0
    """Rooms that may still be told that all places are taken: an agent comes, says so, and leaves."""

    @property
    def full(self) -> bool:
        return self.draining or (self.sessions >= self.capacity and self.reserve <= 0)


class Agency(Protocol):
    """Whom livekit-server's wishes are passed to. All methods return at once."""

    def offer(self, job: proto.Job) -> Acceptance | None:
        """A room wants an agent. An acceptance is a promise: `assign` or `withdraw` follows."""

    def assign(self, job: proto.Job, url: str, token: str) -> None:
        """The accepted job is ours: go to the room."""

    def withdraw(self, job_id: str) -> None:
        """The accepted job went elsewhere."""

    def terminate(self, job_id: str) -> None:
        """The job is to end."""

    def load(self) -> Load: ...

    def jobs(self) -> list[str]:
        """The jobs that are running."""
