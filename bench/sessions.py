"""What conversations leave behind: resident memory of a process after 10 and after 50 of them, each with an answer that the user walks away from."""

from __future__ import annotations

import asyncio
import gc
import json
from typing import Any, Final

import psutil  # type: ignore[import-untyped]

from agent.config import Config
from agent.conversation.host import ConversationHost
from agent.media.turn_taking import MICROPHONE_RATE
from agent.protocol.envelope import Envelope
from agent.protocol.messages import ClientHello, GenerationStart
from agent.talk.local import LocalDoor
from bench.instant import InstantEngines, tone
from bench.options import Options, Unmeasured
from bench.processes import program
from bench.report import Result, Row, ratio

EARLY: Final = 10
LATE: Final = 50
GOAL: Final = 1.05
ANSWER_SECONDS: Final = 20.0


class _Guest:
    """Waits for the answer's first sound."""

    def __init__(self) -> None:
        self.answered = asyncio.Event()

    def message(self, envelope: Envelope[Any]) -> None:
        if isinstance(envelope.message, GenerationStart):
            self.answered.set()

    def sound(self, pcm: object, at: float) -> None:
        pass

    def silent(self, at: float) -> None:
        pass

    def closed(self, reason: str) -> None:
        pass


async def converse(count: int) -> list[float]:
    """Hold `count` conversations, one after the other; resident MB after each."""
    host = ConversationHost(Config(), InstantEngines())
    question = tone(500, 0.6, MICROPHONE_RATE).tobytes() + bytes(MICROPHONE_RATE * 2)
    sizes = []
    for _ in range(count):
        guest = _Guest()
        door = LocalDoor(host, guest)
        await door.connect(ClientHello())
        for start in range(0, len(question), 640):
            await door.speak(question[start : start + 640])
            await asyncio.sleep(0)
        async with asyncio.timeout(ANSWER_SECONDS):
            await guest.answered.wait()
        await door.aclose()
        gc.collect()
        sizes.append(psutil.Process().memory_info().rss / 1e6)
    await host.aclose()
    return sizes


def rows(sizes: list[float]) -> list[Row]:
    """The table of the sizes after 1, 2, … conversations."""

    def after(count: int) -> float | None:
        return sizes[count - 1] if len(sizes) >= count else None

    return [
        Row(f"after {EARLY} conversations", after(EARLY), "MB"),
        Row(f"after {LATE} conversations", after(LATE), "MB"),
        Row("ratio", ratio(after(LATE), after(EARLY)), "×", GOAL),
    ]


async def measure(options: Options) -> Result:
    async with program("bench.sessions") as child:
        try:
            sizes = json.loads(await child.line("sizes", ANSWER_SECONDS * LATE))
        except ValueError as error:
            raise Unmeasured(f"the conversations failed: {error}") from None
    notes = [f"Instant engines, in process, in a process of its own. RSS is read {LATE} times, after a garbage collection each."]
    return Result("sessions", "Memory after conversations", rows(sizes), notes, {"rss_mb": sizes})


if __name__ == "__main__":
    print("sizes", json.dumps(asyncio.run(converse(LATE))), flush=True)
