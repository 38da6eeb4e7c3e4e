"""A talk: the file is spoken in real time, the answers are listened to, and each turn's latency is taken from the sound itself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from agent.media.block import Pcm
from agent.media.turn_taking import MICROPHONE_RATE
from agent.protocol.envelope import Envelope
from agent.protocol.messages import (
    RATE,
    AsrFinal,
    AssistantText,
    ClientHello,
    ErrorMessage,
    GenerationEnd,
    GenerationStart,
    StateUpdate,
    TextInput,
    TurnStages,
)
from agent.talk.door import FRAME_SAMPLES, Door, DoorError
from agent.talk.sound import Recorder, first_audible, last_audible

ANSWER_SECONDS: Final = 45.0
"""How long an answer may take to begin."""
SETTLED_SECONDS: Final = 1.2
"""Quiet after which a talk is over."""


@dataclass
class Turn:
    """One question and its answer. Times are seconds since the talk began; latency is true end of speech → first audible sound, in ms."""

    said: str
    via: str
    final_at: float
    answer: str = ""
    interrupted: bool = False
    speech_end: float | None = None
    first_sound: float | None = None
    stages: list[tuple[str, float]] = field(default_factory=list)
    """What happened when, in ms after the end of speech: at the server, by its own count, and the first audible sound here."""

    @property
    def latency_ms(self) -> float | None:
        if self.first_sound is None:
            return None
        return (self.first_sound - (self.final_at if self.speech_end is None else self.speech_end)) * 1000

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "latency_ms": self.latency_ms}


class Talk:
    """Implements `door.Listener`. Made, given a door by `run`, and read afterwards."""

    def __init__(self, show: Callable[[str], None] = lambda line: None) -> None:
        self.recorder = Recorder()
        self.turns: list[Turn] = []
        self.errors: list[ErrorMessage] = []
        self.log: list[tuple[float, Envelope[Any]]] = []
        self._show = show
        self._origin = 0.0
        self._state = "idle"
        self._line = ""
        self._sounding = False
        self._changed = asyncio.Event()
        self._closed: str | None = None
        self._quiet_since = 0.0

    # ------------------------------------------------------------------------------------------------------- what comes back

    def message(self, envelope: Envelope[Any]) -> None:
        now = self._now()
        self.log.append((now, envelope))
        match envelope.message:
            case AsrFinal(id=line, text=text, via=via):
                if line == self._line:  # they went on: what was answered too early was not the question
                    self.turns.pop()
                self._line = line
                self.turns.append(Turn(text, via, now))
                self._show(f"You:     {text}")
            case AssistantText(text=text, interrupted=interrupted):
                if self.turns:
                    turn = self.turns[-1]
                    turn.answer = f"{turn.answer} {text}".strip()
                    turn.interrupted = interrupted
                self._show(f"Visavis: {text}{' (interrupted)' if interrupted else ''}")
            case StateUpdate(state=state):
                self._state = state
            case GenerationStart():
                self._sounding = True
            case GenerationEnd():
                self._sounding = False
            case TurnStages(stages=stages):
                if self.turns:
                    self.turns[-1].stages = [(name, float(ms)) for name, ms in stages.items()]
            case ErrorMessage() as error:
                self.errors.append(error)
                self._show(f"Error:   {error.code}: {error.message}")
        self._quiet_since = now
        self._changed.set()

    def sound(self, pcm: Pcm, at: float) -> None:
        self.recorder.heard(at - self._origin, pcm)

    def silent(self, at: float) -> None:
        self.recorder.silent(at - self._origin)

    def closed(self, reason: str) -> None:
        self._closed = reason or "closed"
        self._changed.set()

    def _now(self) -> float:
        return asyncio.get_running_loop().time() - self._origin

    # ------------------------------------------------------------------------------------------------------- what is said

    async def run(self, door: Door, hello: ClientHello, microphone: Pcm, text: str | None = None, lead_seconds: float = 0.5) -> None:
        """Hold the talk. Raises `DoorError` when the door does not open or closes in the middle."""
        loop = asyncio.get_running_loop()
        self._origin = loop.time()
        await door.connect(hello)
        self._origin = loop.time()
        self._quiet_since = 0.0
        if text is not None:
            await door.send(TextInput(text=text))
        speaking = asyncio.create_task(self._speak(door, microphone, lead_seconds), name="talk: microphone")
        try:
            await self._listen(lead_seconds + len(microphone) / MICROPHONE_RATE, expects=text is not None or len(microphone) > 0)
            if speaking.done() and (error := speaking.exception()) is not None:
                raise error
        finally:
            speaking.cancel()
            await asyncio.wait([speaking])
            await door.aclose()
        self._measure()

    async def _speak(self, door: Door, microphone: Pcm, lead_seconds: float) -> None:
        """The file after a short silence, then silence for ever, at the pace of real time."""
        loop = asyncio.get_running_loop()
        lead = int(lead_seconds * MICROPHONE_RATE)
        silence = bytes(FRAME_SAMPLES * 2)
        sent = 0
        while True:
            start = sent - lead
            chunk = microphone[max(start, 0) : max(start + FRAME_SAMPLES, 0)]
            pcm = chunk.tobytes()
            if start < 0:
                pcm = silence[: len(silence) - len(pcm)] + pcm
            pcm += silence[len(pcm) :]
            delay = self._origin + (sent + FRAME_SAMPLES) / MICROPHONE_RATE - loop.time()
            if delay > 0:
                await asyncio.sleep(delay)
            if len(chunk):
                self.recorder.said(sent / MICROPHONE_RATE, chunk)
            await door.speak(pcm)
            sent += FRAME_SAMPLES

    async def _listen(self, speech_seconds: float, *, expects: bool) -> None:
        """Until everything was said, answered and quiet again."""
        limit = speech_seconds + ANSWER_SECONDS
        while True:
            now = self._now()
            if self._closed is not None:
                raise DoorError(f"the connection ended: {self._closed}")
            busy = self._sounding or self._state in ("thinking", "speaking")
            answered = not expects or any(turn.answer for turn in self.turns) or bool(self.errors)
            settled = max(self._quiet_since, speech_seconds) + SETTLED_SECONDS
            if busy:
                limit = max(limit, now + ANSWER_SECONDS)
            if not busy and answered and now >= settled:
                return
            if now >= limit:
                return
            self._changed.clear()
            wait = (settled - now) if answered and not busy else limit - now
            try:
                async with asyncio.timeout(max(wait, 0.01)):
                    await self._changed.wait()
            except TimeoutError:
                pass

    def _measure(self) -> None:
        """Latencies from the recorded sound."""
        said, heard = self.recorder.left(), self.recorder.right()
        for turn in self.turns:
            if turn.via == "voice":
                turn.speech_end = last_audible(said, RATE, turn.final_at)
            after = turn.final_at if turn.speech_end is None else turn.speech_end
            turn.first_sound = first_audible(heard, RATE, after)
            if turn.stages and turn.latency_ms is not None:
                turn.stages = [*turn.stages, ("heard", turn.latency_ms)]
