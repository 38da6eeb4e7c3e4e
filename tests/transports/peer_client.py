"""A real aiortc client of the peer door."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from fractions import Fraction
from typing import Any

import httpx
import numpy as np
from aiortc import MediaStreamTrack, RTCConfiguration, RTCDataChannel, RTCPeerConnection, RTCSessionDescription
from aiortc.rtp import RtpPacket
from av import AudioFrame
from fastapi import FastAPI

from agent.config import Config
from agent.media.block import Pcm
from agent.protocol.envelope import Envelope, decode_server
from agent.protocol.frames import Frame, decode_frame
from agent.protocol.messages import (
    ClientHello,
    Message,
    Part,
    ServerHello,
)
from agent.protocol.parts import Joiner
from agent.transports.opus import Decoder
from agent.transports.webrtc_internals import tap
from agent.transports.webrtc_peer import peer_router
from tests.transports.echo import TOKEN, EchoHost, serving, verify

AUTHORIZED = {"Authorization": f"Bearer {TOKEN}"}


class Microphone(MediaStreamTrack):
    """Says `sound` (48 kHz) once, at the pace of real time, between silence."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self._pts = 0
        self._began: float | None = None
        self._blocks: deque[Pcm] = deque()
        self.said_at: float | None = None

    def say(self, sound: Pcm) -> None:
        self._blocks.extend(sound.reshape(-1, 960))

    async def recv(self) -> AudioFrame:
        now = time.monotonic()
        self._began = self._began or now
        await asyncio.sleep(self._began + self._pts / 48_000 - now)
        block = np.zeros(960, np.int16)
        if self._blocks:
            block = self._blocks.popleft()
            self.said_at = self.said_at or time.monotonic()
        frame = AudioFrame.from_ndarray(block[np.newaxis], format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = 48_000, self._pts, Fraction(1, 48_000)
        self._pts += 960
        return frame


class Browser:
    """A client: a real peer connection with the protocol's words. Everything that comes is kept."""

    def __init__(self, *, audio: bool = True) -> None:
        self.connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.microphone = Microphone()
        self.packets: list[tuple[int, bytes, float]] = []
        """RTP timestamp, payload and time of arrival."""
        self.envelopes: list[Envelope[Any]] = []
        self.faces: list[Frame] = []
        self.closed = asyncio.Event()
        self._whole: deque[Envelope[Any]] = deque()
        self._joiner = Joiner()
        self._changed = asyncio.Event()
        self._seq = 0
        if audio:
            tap(self.connection.addTransceiver(self.microphone, "sendrecv").receiver, self._packet)
        self.channel: RTCDataChannel = self.connection.createDataChannel("visavis")
        self.fast: RTCDataChannel = self.connection.createDataChannel("visavis.fast", ordered=False, maxRetransmits=0)
        self.channel.on("message", self._message)
        self.channel.on("open", self._changed.set)
        self.fast.on("open", self._changed.set)
        self.fast.on("message", lambda data: self.faces.append(decode_frame(data)))
        self.channel.on("close", self._close)
        self.connection.on("connectionstatechange", self._state)

    def _packet(self, packet: RtpPacket) -> None:
        self.packets.append((packet.timestamp, packet.payload, time.monotonic()))
        self._changed.set()

    def _message(self, data: str | bytes) -> None:
        envelope = decode_server(data)
        self.envelopes.append(envelope)
        if isinstance(envelope.message, Part):
            if (whole := self._joiner.add(envelope.message)) is not None:
                self._whole.append(decode_server(whole))
        else:
            self._whole.append(envelope)
        self._changed.set()

    def _state(self) -> None:
        if self.connection.connectionState in ("closed", "failed"):
            self._close()

    def _close(self) -> None:
        self.closed.set()
        self._changed.set()

    async def offer(self) -> str:
        await self.connection.setLocalDescription(await self.connection.createOffer())
        return self.connection.localDescription.sdp

    async def connect(self, address: str, change: Callable[[str], str] = str) -> httpx.Response:
        """Offer (`change`d), take the answer, wait until the channel is open."""
        sdp = change(await self.offer())
        async with httpx.AsyncClient(verify=False) as http:
            response = await http.post(f"http://{address}/api/rtc/offer", json={"sdp": sdp, "type": "offer"}, headers=AUTHORIZED)
        assert response.status_code == 200, response.text
        await self.connection.setRemoteDescription(RTCSessionDescription(**response.json()))
        await self.listen(lambda: self.channel.readyState == "open")
        return response

    async def say(self, *messages: Message) -> None:
        for message in messages:
            self._seq += 1
            self.channel.send(Envelope(message, 0, self._seq).to_json().decode())

    async def listen(self, enough: Callable[[], bool], seconds: float = 15) -> None:
        async with asyncio.timeout(seconds):
            while not enough():
                self._changed.clear()
                await self._changed.wait()

    async def next(self) -> Envelope[Any]:
        await self.listen(lambda: bool(self._whole))
        return self._whole.popleft()

    async def until(self, kind: type[Message]) -> Any:
        """The next message of a kind; others are passed over."""
        while True:
            message = (await self.next()).message
            if isinstance(message, kind):
                return message

    def heard(self) -> Pcm:
        """What was received so far, 48 kHz."""
        decoder = Decoder()
        return np.concatenate([decoder.decode(payload) for _, payload, _ in self.packets])


Connect = Callable[..., Awaitable[Browser]]


@contextlib.asynccontextmanager
async def door(host: EchoHost, config: Config) -> AsyncIterator[tuple[Connect, str]]:
    app = FastAPI()
    app.include_router(peer_router(host, verify, config))
    async with serving(app) as address, contextlib.AsyncExitStack() as stack:

        async def connect(hello: ClientHello | None = ClientHello(), change: Callable[[str], str] = str, audio: bool = True) -> Browser:  # noqa: B008
            browser = Browser(audio=audio)
            stack.push_async_callback(browser.connection.close)
            await browser.connect(address, change)
            if hello is not None:
                await browser.say(hello)
                assert isinstance((await browser.next()).message, ServerHello)
            return browser

        yield connect, address


async def post(address: str, body: Any, headers: dict[str, str] = AUTHORIZED) -> httpx.Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    async with httpx.AsyncClient(verify=False) as http:
        return await http.post(f"http://{address}/api/rtc/offer", content=content, headers=headers)
