"""A real client of the WebSocket door."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import numpy as np
import websockets
from fastapi import FastAPI
from websockets.asyncio.client import ClientConnection
from websockets.typing import Subprotocol

from agent.config import Config
from agent.protocol.envelope import Envelope, decode_server
from agent.protocol.frames import Frame, Kind, decode_frame
from agent.protocol.messages import (
    ClientHello,
    Message,
    Part,
    ServerHello,
    TtsAudioChunk,
)
from agent.protocol.parts import Joiner
from agent.transports.websocket import websocket_router
from tests.transports.echo import TOKEN, EchoHost, serving, verify


class Page:
    """A client: a real `websockets` connection with the protocol's words. Everything that comes is read at once and kept."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self.envelopes: list[Envelope[Any]] = []
        """Messages as they came, sound among them."""
        self.sound: list[tuple[int, bytes, float]] = []
        """Media time, payload and time of arrival of each chunk."""
        self.faces: list[Frame] = []
        self._whole: deque[Envelope[Any]] = deque()
        self._joiner = Joiner()
        self._changed = asyncio.Event()
        self._seq = 0
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        with contextlib.suppress(websockets.ConnectionClosed):
            while True:
                self._take(await self.connection.recv())
                self._changed.set()
        self._changed.set()

    def _take(self, data: str | bytes) -> None:
        if isinstance(data, bytes):
            frame = decode_frame(data)
            if frame.kind is Kind.BLENDSHAPES:
                self.faces.append(frame)
                return
            self.sound.append((frame.t, frame.payload, time.monotonic()))
            return
        envelope = decode_server(data)
        self.envelopes.append(envelope)
        if isinstance(envelope.message, TtsAudioChunk):
            assert envelope.t is not None
            self.sound.append((envelope.t, base64.b64decode(envelope.message.data), time.monotonic()))
        elif isinstance(envelope.message, Part):
            if (whole := self._joiner.add(envelope.message)) is not None:
                self._whole.append(decode_server(whole))
        else:
            self._whole.append(envelope)

    async def say(self, *messages: Message) -> None:
        for message in messages:
            self._seq += 1
            await self.connection.send(Envelope(message, 0, self._seq).to_json(), text=True)

    async def listen(self, enough: Callable[[], bool], seconds: float = 10) -> None:
        """Wait until `enough`, or until the connection is over."""
        async with asyncio.timeout(seconds):
            while not enough() and not self._reading.done():
                self._changed.clear()
                await self._changed.wait()

    async def next(self) -> Envelope[Any]:
        """The next whole message that is no sound."""
        await self.listen(lambda: bool(self._whole))
        return self._whole.popleft()

    async def until(self, kind: type[Message]) -> Any:
        """The next message of a kind; others are passed over."""
        while True:
            message = (await self.next()).message
            if isinstance(message, kind):
                return message

    async def closed(self) -> tuple[list[Message], int | None, str]:
        """Wait for the end: the messages that were not taken, the close code, the reason."""
        async with asyncio.timeout(10):
            await self._reading
        return [envelope.message for envelope in self._whole], self.connection.close_code, self.connection.close_reason or ""


Connect = Callable[..., Awaitable[Page]]


@contextlib.asynccontextmanager
async def door(host: EchoHost, config: Config, **options: Any) -> AsyncIterator[tuple[Connect, str]]:
    app = FastAPI()
    app.include_router(websocket_router(host, verify, config))
    async with serving(app, **options) as address, contextlib.AsyncExitStack() as stack:

        async def connect(hello: ClientHello | None = ClientHello(), token: str = TOKEN) -> Page:  # noqa: B008
            connection = await stack.enter_async_context(
                websockets.connect(
                    f"ws://{address}/ws/session",
                    subprotocols=[Subprotocol("visavis.v1"), Subprotocol(f"token.{token}")],
                    max_size=None,
                    compression=None,
                )
            )
            page = Page(connection)
            if hello is not None:
                await page.say(hello)
                assert isinstance((await page.next()).message, ServerHello)
            return page

        yield connect, address


def frames(pcm: np.ndarray, start: int = 0, size: int = 320) -> list[bytes]:
    """Microphone sound as binary frames, `start` being the sample of the first."""
    return [Frame(Kind.MICROPHONE, pcm[i : i + size].tobytes(), t=start + i).to_bytes() for i in range(0, len(pcm), size)]
