"""From a question to the first frame that the engine hands over, in process: our conversation and a bare AgentSession with the same instant engines, in turns.

Both are looked at where AgentSession gives a frame to its audio output.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any, Final
from unittest import mock

import numpy as np
from livekit import rtc
from livekit.agents import Agent, AgentSession
from livekit.agents.voice import io

from agent.config import Config, Persona
from agent.conversation.conversation import Conversation
from agent.conversation.host import ConversationHost
from agent.conversation.ports import DoorKind
from agent.media.block import Block
from agent.protocol.envelope import Envelope
from agent.protocol.frames import Frame
from agent.protocol.messages import ClientHello, ClientInterrupt, ErrorMessage, TextInput
from bench.instant import InstantEngines
from bench.options import Options
from bench.report import Result, Row, less, median

GOAL_MS: Final = 2.0
LIMIT_SECONDS: Final = 10.0


class _Client:
    """Implements `ports.Transport`; listens to nothing."""

    kind: DoorKind = "local"
    ahead_seconds = 0.0

    def send(self, envelope: Envelope[Any]) -> None:
        pass

    def show(self, frame: Frame) -> None:
        pass

    async def play(self, block: Block) -> None:
        pass

    def clear(self) -> None:
        pass

    async def close(self, error: ErrorMessage | None) -> None:
        pass


class _Sink(io.AudioOutput):
    """Notes when a frame comes, and has heard everything at once."""

    def __init__(self) -> None:
        super().__init__(label="bench", capabilities=io.AudioOutputCapabilities(pause=False))
        self.first: asyncio.Future[float] | None = None
        self._seconds = 0.0

    async def capture_frame(self, frame: rtc.AudioFrame) -> None:
        await super().capture_frame(frame)
        if self.first is not None and not self.first.done():
            self.first.set_result(time.perf_counter())
        self._seconds += frame.duration

    def flush(self) -> None:
        super().flush()
        seconds, self._seconds = self._seconds, 0.0
        asyncio.get_running_loop().call_soon(lambda: self.on_playback_finished(playback_position=seconds, interrupted=False))

    def clear_buffer(self) -> None:
        pass


async def _ours(conversation: Conversation) -> float:
    """Seconds."""
    output = conversation._output
    frame: asyncio.Future[float] = asyncio.get_running_loop().create_future()
    plain = output.capture_frame

    async def noted(captured: rtc.AudioFrame) -> None:
        if not frame.done():
            frame.set_result(time.perf_counter())
        await plain(captured)

    with mock.patch.object(output, "capture_frame", noted):
        asked = time.perf_counter()
        conversation.receive(Envelope(TextInput(text="What is the question?")))
        took = await asyncio.wait_for(frame, LIMIT_SECONDS) - asked
    conversation.receive(Envelope(ClientInterrupt()))
    return took


async def _bare(session: AgentSession[None], sink: _Sink) -> float:
    sink.first = asyncio.get_running_loop().create_future()
    asked = time.perf_counter()
    speech = session.generate_reply(user_input="What is the question?")
    took = await asyncio.wait_for(sink.first, LIMIT_SECONDS) - asked
    await asyncio.wait_for(speech, LIMIT_SECONDS)
    return took


async def measure(options: Options) -> Result:
    host = ConversationHost(Config(), InstantEngines())
    conversation = await host.open(_Client(), ClientHello(sdk="visavis-bench"))
    parts = InstantEngines().build(Persona())
    session: AgentSession[None] = AgentSession(llm=parts.llm, tts=parts.tts, vad=None)
    sink = _Sink()
    session.output.audio = sink
    await session.start(Agent(instructions="You answer."), record=False)
    ours: list[float] = []
    bare: list[float] = []
    try:
        for turn in range(options.turns + 1):
            figures = await _ours(conversation), await _bare(session, sink)
            await asyncio.sleep(0.1)  # what was interrupted settles
            if turn:
                ours.append(figures[0] * 1000)
                bare.append(figures[1] * 1000)
    finally:
        await session.aclose()
        await host.aclose()
    table = [
        Row("ours, median", median(ours), "ms", None, f"{len(ours)} questions"),
        Row("bare AgentSession, median", median(bare), "ms"),
        Row("ours less the bare one", less(median(ours), median(bare)), "ms", GOAL_MS),
        Row("ours, p95", float(np.percentile(ours, 95)), "ms"),
        Row("bare AgentSession, p95", float(np.percentile(bare, 95)), "ms"),
    ]
    notes = ["Typed questions: with speech the answer is prepared before the turn is taken, and its first frame waits for nothing."]
    return Result("engine", "The engine, in process", table, notes, {"ours_ms": ours, "bare_ms": bare})
