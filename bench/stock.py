"""Stock livekit-agents with the same instant engines: `python -m bench.stock ROOM…` joins the rooms, an `AgentSession` with its own RoomIO in each.

All rooms share one process and one event loop, without its worker (which would give each room a process or a thread): kinder to it than its defaults.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from typing import Any, Final

import numpy as np
from livekit import rtc
from livekit.agents import Agent, AgentSession, vad

from agent.config import Persona, Turn, load
from agent.engines import ConfiguredEngines
from agent.media.turn_taking import MICROPHONE_RATE
from agent.providers.vad.detector import Edge, SpeechDetector, Thresholds
from bench.instant import InstantEngines, LoudnessDetector
from bench.livekit_rooms import token
from bench.local_engines import DeafenedEngines
from bench.server import LONG_WORDS

WINDOW: Final = 512
SILENCE_SECONDS: Final = Turn().silence_ms / 1000
"""What it waits for after the last word: as long as we do."""


class LoudnessVAD(vad.VAD):
    """`LoudnessDetector` as livekit-agents wants it, on its own stream machinery."""

    def __init__(self) -> None:
        super().__init__(capabilities=vad.VADCapabilities(update_interval=WINDOW / MICROPHONE_RATE))

    @property
    def model(self) -> str:
        return "loudness"

    @property
    def provider(self) -> str:
        return "bench"

    def stream(self) -> vad.VADStream:
        return _LoudnessStream(self)


class _LoudnessStream(vad.VADStream):
    async def _main_task(self) -> None:
        detector = SpeechDetector(Thresholds(min_silence_seconds=SILENCE_SECONDS), WINDOW / MICROPHONE_RATE)
        loudness = LoudnessDetector()
        resampler: rtc.AudioResampler | None = None
        waiting, speech, windows = b"", b"", 0
        async for frame in self._input_ch:
            if not isinstance(frame, rtc.AudioFrame):
                continue
            if resampler is None and frame.sample_rate != MICROPHONE_RATE:
                resampler = rtc.AudioResampler(frame.sample_rate, MICROPHONE_RATE)
            for part in [frame] if resampler is None else resampler.push(frame):
                waiting += bytes(part.data)
            while len(waiting) >= WINDOW * 2:
                window, waiting = waiting[: WINDOW * 2], waiting[WINDOW * 2 :]
                windows += 1
                edge = detector.push(loudness.probability(np.frombuffer(window, np.int16).astype(np.float32) / np.float32(32768)))
                speech = speech + window if detector.speaking or edge is Edge.END else window
                kinds = [vad.VADEventType.INFERENCE_DONE]
                if edge is not None:
                    kinds.append(vad.VADEventType.START_OF_SPEECH if edge is Edge.START else vad.VADEventType.END_OF_SPEECH)
                for kind in kinds:
                    self._event_ch.send_nowait(_event(kind, windows, speech, detector))


def _event(kind: vad.VADEventType, windows: int, speech: bytes, detector: SpeechDetector) -> vad.VADEvent:
    return vad.VADEvent(
        type=kind,
        samples_index=windows * WINDOW,
        timestamp=windows * WINDOW / MICROPHONE_RATE,
        speech_duration=detector.speech_seconds,
        silence_duration=detector.silence_seconds,
        frames=[rtc.AudioFrame(speech, MICROPHONE_RATE, 1, len(speech) // 2)],
        speaking=detector.speaking,
        raw_accumulated_silence=detector.raw_silence_seconds,
        raw_accumulated_speech=detector.raw_speech_seconds,
    )


async def join(name: str) -> AgentSession[None]:
    """An agent in the room."""
    parts = InstantEngines().build(Persona())
    session: AgentSession[None] = AgentSession(
        stt=parts.stt,
        vad=LoudnessVAD(),
        llm=parts.llm,
        tts=parts.tts,
        turn_handling={
            "turn_detection": "vad",
            "endpointing": {"mode": "fixed", "min_delay": 0.0, "max_delay": 0.0},
            "interruption": {"enabled": True, "mode": "vad"},
        },
    )
    room = rtc.Room()
    credentials = os.environ["LIVEKIT_API_KEY"], os.environ["LIVEKIT_API_SECRET"]
    await room.connect(os.environ["LIVEKIT_URL"], token(*credentials, name, "agent", agent=True))
    await session.start(Agent(instructions="You answer."), room=room, record=False)
    return session


async def interruptible(name: str, mode: str) -> AgentSession[None]:
    """An agent that greets and gives long answers. `stock`: livekit-agents' defaults, its own voice activity detection included; `stock fast`: it interrupts
    after 50 ms of voice."""
    parts = InstantEngines(words=LONG_WORDS).build(Persona())
    fast: Any = {
        "turn_handling": {"turn_detection": "vad", "interruption": {"mode": "vad", "min_duration": 0.05}},
        "aec_warmup_duration": None,
    }
    session: AgentSession[None] = AgentSession(stt=parts.stt, llm=parts.llm, tts=parts.tts, **(fast if mode == "stock fast" else {}))
    room = rtc.Room()
    credentials = os.environ["LIVEKIT_API_KEY"], os.environ["LIVEKIT_API_SECRET"]
    await room.connect(os.environ["LIVEKIT_URL"], token(*credentials, name, "agent", agent=True))
    await session.start(Agent(instructions="You answer."), room=room, record=False)
    room.on("participant_connected", lambda participant: session.say(load().personas["default"].greeting))
    return session


async def answering(name: str, mode: str, engines: ConfiguredEngines) -> AgentSession[None]:
    """An agent with the local recogniser that answers at once; modes as in `interruptible`, but `stock fast` also ends a turn after as little silence as it
    can."""
    parts = DeafenedEngines(engines).build(Persona(language="en"))
    fast: Any = {"turn_handling": {"turn_detection": "vad", "endpointing": {"mode": "fixed", "min_delay": 0.0, "max_delay": 0.0}}}
    session: AgentSession[None] = AgentSession(stt=parts.stt, llm=parts.llm, tts=parts.tts, **(fast if mode == "stock fast" else {}))
    room = rtc.Room()
    credentials = os.environ["LIVEKIT_API_KEY"], os.environ["LIVEKIT_API_SECRET"]
    await room.connect(os.environ["LIVEKIT_URL"], token(*credentials, name, "agent", agent=True))
    await session.start(Agent(instructions="You answer."), room=room, record=False)
    return session


async def main(rooms: list[str]) -> None:
    if rooms[0] == "--speaking":
        sessions = [await interruptible(rooms[1], "stock")]
        print("ready one", flush=True)
        await asyncio.sleep(FIRST_ROOM_SECONDS)
        sessions += [await interruptible(name, "stock") for name in rooms[2:]]
        print("ready", flush=True)
        await asyncio.Event().wait()

    if rooms[0] == "--turn-end":
        engines = ConfiguredEngines(load(), "lite")
        await engines.prepare()
        sessions = [await answering(rooms[2], rooms[1], engines)]
        print("ready", flush=True)
        await asyncio.Event().wait()

    if rooms[0] == "--barge-in":
        sessions = [await interruptible(name, rooms[1]) for name in rooms[2:]]
        print("ready", flush=True)
        await asyncio.Event().wait()

    sessions = [await join(rooms[0])]
    print("ready one", flush=True)
    if len(rooms) > 1:
        await asyncio.sleep(FIRST_ROOM_SECONDS)
        sessions += [await join(name) for name in rooms[1:]]
        print("ready", flush=True)
    await asyncio.Event().wait()


FIRST_ROOM_SECONDS: Final = float(os.environ.get("BENCH_FIRST_ROOM_SECONDS", "6"))
"""How long the first room is alone, so that what it costs can be read."""


if __name__ == "__main__":
    logging.basicConfig(level=logging.ERROR)
    asyncio.run(main(sys.argv[1:]))
