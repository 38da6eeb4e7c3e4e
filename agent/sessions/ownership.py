"""Which sessions this process speaks for: leases of all of them, kept in a thread of its own, so that neither a slow journal nor a busy event loop delays a renewal."""

from __future__ import annotations

from collections.abc import Callable

from agent.sessions.store import Store
from agent.sessions.tenure import Terms


class Taken(Exception):
    """Another owns the session. `retry_ms`: when it may be worth asking again."""

    def __init__(self, retry_ms: int) -> None:
        super().__init__(f"another worker has this session; ask again in {retry_ms} ms")
        self.retry_ms = retry_ms


class Holding:
    """A session that is held. `token`: of the lease; 0 while a new session waits for a store that is away."""

    session: str
    token: int
    lost: bool
    on_lost: Callable[[], None]
    """Called on the caller's loop, once, when the session belongs to somebody else for good; at once where that is so already."""

    def may_act(self) -> bool:
        """Whether to speak, and to write. From any thread, at the price of reading a clock."""
        raise NotImplementedError


class Ownership:
    """Made once a process; all methods are called on the event loop on which `start` was."""

    def __init__(self, open_store: Callable[[], Store], *, terms: Terms, local: bool) -> None:
        """`local`: the store is a file of this machine."""

    def start(self) -> None: ...

    async def begin(self, session: str, *, adoptable: bool) -> Holding:
        """Own a session that nobody else knows of yet. A store that is away is not waited for."""
        raise NotImplementedError

    async def take(self, session: str, *, adoptable: bool, patience_seconds: float = 0.0) -> Holding:
        """Own a session that others may own. Raises `Taken` when it is not to be had for so long, and `StoreError`."""
        raise NotImplementedError

    async def release(self, holding: Holding, *, orphan: bool = False) -> None:
        """Give it back."""
        raise NotImplementedError

    async def aclose(self) -> None:
        """Give back all that is held; those that are adoptable as orphans."""
