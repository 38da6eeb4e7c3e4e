"""What the terminal client needs of a door, from the other side."""

from __future__ import annotations

from typing import Any, Final, Protocol

import httpx

from agent.media.block import Pcm
from agent.media.turn_taking import MICROPHONE_RATE
from agent.protocol.envelope import Envelope
from agent.protocol.messages import ClientHello, Message

FRAME_SAMPLES: Final = MICROPHONE_RATE // 50
"""20 ms of the microphone."""
CONNECT_SECONDS: Final = 20.0


class DoorError(RuntimeError):
    """The door did not open, or closed; the text says why and what to do."""


class Listener(Protocol):
    """Who is told what comes back."""

    def message(self, envelope: Envelope[Any]) -> None: ...

    def sound(self, pcm: Pcm, at: float) -> None:
        """48 kHz mono that is at the ear from loop time `at` on."""

    def silent(self, at: float) -> None:
        """What was to be at the ear from loop time `at` on is not: the answer was held, or interrupted."""

    def closed(self, reason: str) -> None: ...


class Door(Protocol):
    """One connection through one door."""

    async def connect(self, hello: ClientHello) -> None:
        """Open it and say hello. Raises `DoorError`."""

    async def speak(self, pcm: bytes) -> None:
        """The next 20 ms of the microphone (16 kHz mono 16-bit)."""

    async def send(self, message: Message) -> None: ...

    async def aclose(self) -> None: ...


async def fetch_token(url: str, identity: str = "") -> dict[str, str]:
    """A token of the server's token endpoint; `identity`: who comes, where that can be chosen. Raises `DoorError`."""
    try:
        async with httpx.AsyncClient(timeout=CONNECT_SECONDS, trust_env=False) as http:
            answer = await http.post(f"{url}/api/token", json={"participant_identity": identity} if identity else {})
    except httpx.HTTPError as error:
        raise DoorError(f"no server answers at {url} ({type(error).__name__}); start one with `make demo`, or name it with --url") from None
    if answer.status_code != 200:
        raise DoorError(f"{url}/api/token answered {answer.status_code}: {answer.text[:200]}")
    result: dict[str, str] = answer.json()
    return result
