"""The WebSocket door from the client's side: binary frames both ways, played on the media clock."""

from __future__ import annotations

import asyncio

import numpy as np
import soxr
import websockets

from agent.aio import Tasks
from agent.protocol.envelope import Envelope, decode_server
from agent.protocol.frames import Frame, Kind, decode_frame
from agent.protocol.messages import RATE, ClientHello, Hold, Message, ServerInterrupt
from agent.protocol.parts import split
from agent.talk.door import CONNECT_SECONDS, DoorError, Listener, fetch_token

BUFFER_SECONDS = 0.060
"""What is kept in hand against jitter before the first sound is played."""


class WebSocketDoor:
    """The client's clock: media sample `t` is heard at `anchor + t / RATE`; the anchor is set by the first chunk after a silence."""

    def __init__(self, url: str, listener: Listener, identity: str = "") -> None:
        self._url = url.rstrip("/")
        self._listener = listener
        self._identity = identity
        self._tasks = Tasks("ws door")
        self._socket: websockets.ClientConnection | None = None
        self._seq = 0
        self._t = 0
        self._anchor: float | None = None
        self._next_t = 0
        self._min_gen = 0

    async def connect(self, hello: ClientHello) -> None:
        token = (await fetch_token(self._url, self._identity))["participant_token"]
        address = self._url.replace("http", "ws", 1) + "/ws/session"
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                self._socket = await websockets.connect(
                    address, subprotocols=[websockets.Subprotocol("visavis.v1"), websockets.Subprotocol(f"token.{token}")], proxy=None
                )
        except (OSError, TimeoutError, websockets.WebSocketException) as error:
            raise DoorError(f"{address} did not open: {type(error).__name__}: {error}") from None
        self._tasks.start(self._read(self._socket), "reader")
        await self.send(hello.model_copy(update={"wants": [*hello.wants, "binary"]}))

    async def _read(self, socket: websockets.ClientConnection) -> None:
        try:
            async for data in socket:
                if isinstance(data, bytes):
                    self._play(decode_frame(data))
                else:
                    envelope = decode_server(data)
                    if isinstance(envelope.message, ServerInterrupt):
                        self._min_gen = envelope.gen
                    if isinstance(envelope.message, ServerInterrupt | Hold):
                        self._anchor = None
                        self._listener.silent(asyncio.get_running_loop().time())
                    self._listener.message(envelope)
        except websockets.ConnectionClosedError as error:
            self._listener.closed(str(error))
            return
        self._listener.closed(socket.close_reason or "the server closed the connection")

    def _play(self, frame: Frame) -> None:
        if frame.kind is not Kind.ANSWER or frame.gen < self._min_gen:
            return
        now = asyncio.get_running_loop().time()
        if self._anchor is None or frame.t > self._next_t + RATE // 2 or self._anchor + frame.t / RATE < now:
            self._anchor = now + BUFFER_SECONDS - frame.t / RATE
        pcm = soxr.resample(np.frombuffer(frame.payload, "<i2"), RATE // 2, RATE)
        self._next_t = frame.t + len(pcm)
        self._listener.sound(pcm, self._anchor + frame.t / RATE)

    async def speak(self, pcm: bytes) -> None:
        assert self._socket is not None
        self._seq += 1
        frame = Frame(Kind.MICROPHONE, pcm, 0, self._seq, self._t)
        self._t += len(pcm) // 2
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await self._socket.send(frame.to_bytes())
        except websockets.ConnectionClosed as error:
            raise DoorError(f"the connection was closed: {error}") from None

    async def send(self, message: Message) -> None:
        assert self._socket is not None
        self._seq += 1
        for part in split(Envelope(message, 0, self._seq), f"p{self._seq}"):
            await self._socket.send(part.to_json().decode())

    async def aclose(self) -> None:
        await self._tasks.aclose()
        if self._socket is not None:
            await self._socket.close()
