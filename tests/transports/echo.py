"""An engine that says back what it hears: real timeline and real pump, no models. What doors are tested with."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from typing import Any

import numpy as np
import uvicorn
from fastapi import FastAPI

from agent.aio import Tasks
from agent.conversation.host import Busy, NotReady, Place, UnknownPersona
from agent.conversation.ports import Transport
from agent.media.block import Pcm
from agent.media.pump import Pump
from agent.media.timeline import Segment, Timeline
from agent.protocol.envelope import Envelope
from agent.protocol.messages import (
    AssistantText,
    ClientHello,
    ClientInterrupt,
    ContextUpdate,
    GenerationStart,
    Message,
    PageState,
    PersonaInfo,
    Ping,
    Pong,
    Restore,
    ServerHello,
    ServerInterrupt,
    StateUpdate,
    TextInput,
)
from agent.transports.credentials import Unauthorized
from agent.transports.websocket import UVICORN

TOKEN = "eyJ.good.token"


def verify(token: str) -> str:
    if token != TOKEN:
        raise Unauthorized("the token is not valid here; fetch one from /api/token")
    return "ann"


class EchoGuest:
    """Says back each sound, and the length of each text. Everything that came is kept."""

    def __init__(self, session_id: str, transport: Transport, on_end: Callable[[EchoGuest], None], echo: bool = True) -> None:
        self.session_id = session_id
        self.transport = transport
        self.heard = bytearray()
        self.received: list[Envelope[Any]] = []
        self.ended = asyncio.Event()
        self.reason: str | None = None
        self.gen = 0
        self.changed = asyncio.Event()
        self.echo = echo
        self._on_end = on_end
        self._seq = 0
        self.timeline = Timeline()
        self._segment: Segment | None = None
        self._pump = Pump(self.timeline, transport.play, lambda fired, due: None, transport.ahead_seconds)
        self._tasks = Tasks(f"echo {session_id}")
        self.send(
            ServerHello(session_id=session_id, features=[], persona=PersonaInfo(id="default", name="Echo", language="auto"), stored=False)
        )
        self._tasks.start(self._pump.run(), "pump")

    def send(self, message: Message, t: int | None = None) -> None:
        self._seq += 1
        self.transport.send(Envelope(message, self.gen, self._seq, t))

    def hear(self, pcm: bytes) -> None:
        self.heard += pcm
        self.changed.set()
        if self.echo:
            self.say(np.repeat(np.frombuffer(pcm, "<i2"), 3))

    def say(self, pcm: Pcm) -> None:
        """Put sound on the timeline, 48 kHz."""
        if self._segment is None:
            self.gen += 1
            self._segment = self.timeline.open(self.gen)
            self.send(GenerationStart(t0=self.timeline.t))
        self.timeline.append(self._segment, pcm)
        self._pump.wake()

    def finish(self) -> None:
        """What was said is complete; say nothing more by oneself."""
        self.echo = False
        if self._segment is not None:
            self.timeline.close(self._segment)
            self._segment = None

    def receive(self, envelope: Envelope[Any]) -> None:
        self.received.append(envelope)
        self.changed.set()
        match envelope.message:
            case TextInput(text=text):
                if text == "fail":
                    raise RuntimeError("a fault of the engine")
                self.send(AssistantText(id="a1", text=str(len(text))))
            case ContextUpdate(text=text):
                self.send(AssistantText(id="a1", text=text))
            case PageState(content=content):
                self.send(Restore(round=1, loop=1, lines=[], content=content))
            case Ping(id=ping_id):
                self.send(Pong(id=ping_id, t=self.timeline.t))
            case ClientInterrupt():
                self.gen += 1
                self.timeline.drop()
                self._segment = None
                self.transport.clear()
                self.send(ServerInterrupt(cut_t=self.timeline.t, reason="button"))
                self.send(StateUpdate(state="idle"))

    async def until(self, true: Callable[[], bool], seconds: float = 10) -> None:
        """Wait until what came makes `true` true."""
        async with asyncio.timeout(seconds):
            while not true():
                self.changed.clear()
                await self.changed.wait()

    async def aclose(self, reason: str) -> None:
        if self.reason is not None:
            await self.ended.wait()
            return
        self.reason = reason
        await self._tasks.aclose()
        await self.transport.close(None)
        self._on_end(self)
        self.ended.set()


class EchoHost:
    """`visit.Host` with echoing guests."""

    def __init__(self, capacity: int = 8, ready: bool = True, echo: bool = True) -> None:
        self.capacity = capacity
        self.ready = ready
        self.places: set[Place] = set()
        self.guests: list[EchoGuest] = []
        self.identities: list[str] = []
        self.opened = 0
        self._echo = echo
        self._place_of: dict[EchoGuest, Place] = {}
        self.changed = asyncio.Event()

    def reserve(self) -> Place:
        if not self.ready:
            raise NotReady(["voice: 40 of 80 MB"])
        if len(self.places) >= self.capacity:
            raise Busy(self.capacity)
        place = Place(self._release)
        self.places.add(place)
        return place

    def _release(self, place: Place) -> None:
        self.places.discard(place)
        self.changed.set()

    async def admit(self) -> Place:
        return self.reserve()

    async def open(self, transport: Transport, hello: ClientHello, *, place: Place | None = None, identity: str = "") -> EchoGuest:
        assert place in self.places
        if hello.persona not in (None, "default"):
            place.release()
            raise UnknownPersona(hello.persona, ["default"])
        self.opened += 1
        self.identities.append(identity)
        guest = EchoGuest(f"s-{self.opened}", transport, self._ended, self._echo)
        self.guests.append(guest)
        self._place_of[guest] = place
        self.changed.set()
        return guest

    def _ended(self, guest: EchoGuest) -> None:
        self.guests.remove(guest)
        self._place_of.pop(guest).release()

    async def until(self, true: Callable[[], bool], seconds: float = 10) -> None:
        async with asyncio.timeout(seconds):
            while not true():
                self.changed.clear()
                await self.changed.wait()


@contextlib.asynccontextmanager
async def serving(app: FastAPI, **options: Any) -> AsyncIterator[str]:
    """Serve `app` on a free loopback port; yields `127.0.0.1:PORT`. `options` are uvicorn's."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", **{**UVICORN, **options}))
    started = asyncio.Event()
    startup = server.startup

    async def tell(sockets: list[socket.socket] | None = None) -> None:
        await startup(sockets)
        started.set()

    server.startup = tell  # type: ignore[method-assign]
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        await started.wait()
        yield f"127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await task


def tone(seconds: float, rate: int, hertz: float = 440.0) -> Pcm:
    """A sine of half scale."""
    return (np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate) * 16_000).astype(np.int16)


def chirp(seconds: float, rate: int) -> Pcm:
    """A sweep from 300 Hz to 3.4 kHz with faded ends: its place in a recording is found to the sample."""
    t = np.arange(round(seconds * rate)) / rate
    sweep = np.sin(2 * np.pi * (300 + 3_100 * t / seconds / 2) * t)
    return (sweep * np.hanning(len(t)) * 16_000).astype(np.int16)


def find(pattern: Pcm, recording: Pcm) -> tuple[int, float]:
    """Where `pattern` is in `recording`, and how well it fits (1: exactly)."""
    x, y = pattern.astype(float), recording.astype(float)
    n = len(x) + len(y)
    products = np.fft.irfft(np.fft.rfft(y, n) * np.conj(np.fft.rfft(x, n)), n)[: len(y) - len(x) + 1]
    sums = np.concatenate(([0.0], np.cumsum(y * y)))
    energy = sums[len(x) :] - sums[: -len(x)]
    fit = products / np.sqrt(np.maximum(energy, 1) * np.dot(x, x))
    at = int(np.argmax(fit))
    return at, float(fit[at])
