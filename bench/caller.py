"""A caller for benchmarks: one call through any door of the terminal client, and for each question the time from the end of speech to the first sound."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from agent.aio import Tasks
from agent.media.block import Pcm
from agent.media.turn_taking import MICROPHONE_RATE
from agent.protocol.envelope import Envelope
from agent.protocol.messages import RATE, AsrFinal, AssistantText, ClientHello, ClientInterrupt, ErrorMessage, GenerationEnd, StateUpdate
from agent.talk.door import FRAME_SAMPLES, Door

AUDIBLE: Final = 460
"""A sample above this (1.4 % of full scale, the peak of a sine of 1 % RMS) is audible."""
ANSWER_SECONDS: Final = 45.0


def audible(pcm: Pcm) -> tuple[int, int] | None:
    """The first audible sample and the end of the last one; None when all is quiet."""
    loud = np.flatnonzero(np.abs(pcm.astype(np.int32)) >= AUDIBLE)
    return (int(loud[0]), int(loud[-1]) + 1) if len(loud) else None


@dataclass
class Exchange:
    """One question. Times are loop time in seconds; None: it did not happen. `since` is where latency counts from: the true end of speech, or its begin."""

    since: float
    first_sound: float | None = None
    understood_at: float | None = None
    understood: str = ""
    answer: str = ""
    problem: str = ""
    cut_in: bool = False
    """Something was said before the question had ended."""
    finals: list[float] = field(default_factory=list)
    """When each final transcript came."""

    @property
    def latency_ms(self) -> float | None:
        """From `since` to the first audible sample at the client."""
        return None if self.first_sound is None else (self.first_sound - self.since) * 1000


class Caller:
    """Implements `door.Listener`. The microphone never stops: between questions it sends silence, at the pace of real time."""

    def __init__(self) -> None:
        self._tasks = Tasks("caller", self._failed)
        self._waiting: Pcm = np.zeros(0, np.int16)
        self._exchange: Exchange | None = None
        self._speech_began: asyncio.Future[float] | None = None
        self._changed = asyncio.Event()
        self._last_sound = 0.0
        self._state = "idle"
        self._ended = False
        self._closed: str | None = None
        self._door: Door | None = None

    async def call(self, door: Door, hello: ClientHello | None = None) -> None:
        """Open the door and the microphone. Raises `DoorError`."""
        await door.connect(hello or ClientHello(sdk="visavis-bench"))
        self._door = door
        self._tasks.start(self._speak(door), "microphone")

    async def ask(
        self,
        question: Pcm,
        *,
        echo: bool = False,
        cut_seconds: float | None = None,
        limit_seconds: float = ANSWER_SECONDS,
        settle_seconds: float = 0.6,
    ) -> Exchange:
        """Say `question` (16 kHz) and wait until its answer was heard to the end and it is quiet again.

        `echo`: who answers says everything back at once, so the time counts from the begin of the question.
        `cut_seconds`: the answer is interrupted so long after its first sound; None: it is heard to the end.
        """
        spoken = audible(question)
        assert spoken is not None, "a question that nobody can hear"
        loop = asyncio.get_running_loop()
        self._speech_began = loop.create_future()
        self._ended = False
        self._waiting = question
        exchange = self._exchange = Exchange(since=float("inf"))
        began = await self._speech_began
        speech_end = began + spoken[1] / MICROPHONE_RATE
        exchange.since = began + spoken[0] / MICROPHONE_RATE if echo else speech_end
        deadline = speech_end + limit_seconds
        while self._closed is None and (now := loop.time()) < deadline:
            heard = exchange.first_sound is not None and (self._ended or self._state == "idle")
            quiet_at = max(self._last_sound, speech_end) + settle_seconds
            if heard and now >= quiet_at:
                break
            if exchange.first_sound is not None and cut_seconds is not None:
                await asyncio.sleep(exchange.first_sound + cut_seconds - now)
                cut_seconds = None
                assert self._door is not None
                await self._door.send(ClientInterrupt())
                self._ended = True
                continue
            self._changed.clear()
            try:
                async with asyncio.timeout((quiet_at if heard else deadline) - now):
                    await self._changed.wait()
            except TimeoutError:
                pass
        self._exchange = None
        if exchange.first_sound is None and not exchange.problem:
            exchange.problem = self._closed or f"no sound within {limit_seconds:g} s"
        return exchange

    async def aclose(self) -> None:
        await self._tasks.aclose()
        if self._door is not None:
            await self._door.aclose()

    async def _speak(self, door: Door) -> None:
        loop = asyncio.get_running_loop()
        origin, sent = loop.time(), 0
        while True:
            began = origin + sent / MICROPHONE_RATE
            sent += FRAME_SAMPLES
            if (delay := began + FRAME_SAMPLES / MICROPHONE_RATE - loop.time()) > 0:
                await asyncio.sleep(delay)
            if len(self._waiting) and self._speech_began is not None and not self._speech_began.done():
                self._speech_began.set_result(began)
            chunk, self._waiting = self._waiting[:FRAME_SAMPLES], self._waiting[FRAME_SAMPLES:]
            await door.speak(chunk.tobytes() + bytes((FRAME_SAMPLES - len(chunk)) * 2))

    def _failed(self, error: BaseException) -> None:
        self.closed(f"the microphone failed: {error}")

    # ------------------------------------------------------------------------------------------------------- what comes back

    def message(self, envelope: Envelope[Any]) -> None:
        exchange = self._exchange
        match envelope.message:
            case StateUpdate(state=state):
                self._state = state
            case GenerationEnd():
                self._ended = True
            case AsrFinal(text=text) if exchange is not None:
                exchange.understood = f"{exchange.understood} {text}".strip()
                exchange.finals.append(asyncio.get_running_loop().time())
                exchange.understood_at = asyncio.get_running_loop().time()
            case AssistantText(text=text) if exchange is not None:
                exchange.answer = f"{exchange.answer} {text}".strip()
            case ErrorMessage(code=code, message=text) if exchange is not None:
                exchange.problem = f"{code}: {text}"
        self._changed.set()

    def sound(self, pcm: Pcm, at: float) -> None:
        heard = audible(pcm)
        if heard is None:
            return
        exchange = self._exchange
        first = at + heard[0] / RATE
        if exchange is not None and exchange.first_sound is None and first > exchange.since:
            exchange.first_sound = first
        elif exchange is not None and first < exchange.since < float("inf"):
            exchange.cut_in = True
        self._last_sound = at + heard[1] / RATE
        self._changed.set()

    def silent(self, at: float) -> None:
        self._last_sound = min(self._last_sound, at)
        self._changed.set()

    def closed(self, reason: str) -> None:
        self._closed = reason or "closed"
        self._changed.set()
