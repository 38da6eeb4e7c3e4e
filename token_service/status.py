"""Whether a conversation can be held: what the service tells of the engine behind it, in this process or in a worker."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Any, Final, Protocol

import httpx

CACHE_SECONDS: Final = 1.0
LIMIT_SECONDS: Final = 2.0


@dataclass(frozen=True)
class Readiness:
    """`progress`: `{phase, done_bytes, total_bytes, eta_s}` while models are fetched, otherwise None.

    `answers`: where they come from, "language model" or "faq" (a small list); None where it is not known. `troubles`: what does not work, though calls can be
    taken: the journal, say.
    """

    ready: bool
    missing: tuple[str, ...] = ()
    progress: dict[str, Any] | None = None
    answers: str | None = None
    troubles: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return {
            "ready": self.ready,
            "missing": list(self.missing),
            "progress": self.progress,
            "answers": self.answers,
            "troubles": list(self.troubles),
        }


class Status(Protocol):
    """Who knows."""

    async def readiness(self) -> Readiness: ...


class WorkerStatus:
    """Asks a worker's /readyz, at most once a second."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/") + "/readyz"
        self._client = httpx.AsyncClient(timeout=LIMIT_SECONDS, trust_env=False)
        self._asked = -CACHE_SECONDS
        self._last = Readiness(False, ("the worker has not been asked yet",))
        self._lock = asyncio.Lock()

    async def readiness(self) -> Readiness:
        async with self._lock:
            if time.monotonic() - self._asked >= CACHE_SECONDS:
                self._last = await self._ask()
                self._asked = time.monotonic()
            return self._last

    async def _ask(self) -> Readiness:
        try:
            answer = (await self._client.get(self._url)).json()
            missing, troubles = tuple(answer.get("missing", ())), tuple(answer.get("troubles", ()))
            return Readiness(bool(answer["ready"]), missing, answer.get("progress"), answer.get("answers"), troubles)
        except (httpx.HTTPError, ValueError, KeyError, TypeError):
            return Readiness(False, (f"the worker does not answer at {self._url}",))

    async def aclose(self) -> None:
        await self._client.aclose()


class AlwaysReady:
    """Where no worker is known, LiveKit's dispatch is trusted."""

    async def readiness(self) -> Readiness:
        return Readiness(True)
