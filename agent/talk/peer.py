"""The WebRTC peer door from the client's side (aiortc at both ends)."""

from __future__ import annotations

import asyncio
from fractions import Fraction
from typing import Final

import httpx
import numpy as np
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame

from agent.aio import Tasks
from agent.media.turn_taking import MICROPHONE_RATE
from agent.protocol.envelope import Envelope, decode_server
from agent.protocol.messages import ClientHello, Message
from agent.protocol.parts import split
from agent.talk.door import CONNECT_SECONDS, DoorError, Listener, fetch_token

QUEUE_FRAMES: Final = 50


class Microphone(MediaStreamTrack):
    """The track that carries what is spoken."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self._queue: asyncio.Queue[bytes] = asyncio.Queue(maxsize=QUEUE_FRAMES)
        self._pts = 0

    def put(self, pcm: bytes) -> None:
        if self._queue.full():
            self._queue.get_nowait()
        self._queue.put_nowait(pcm)

    async def recv(self) -> AudioFrame:
        pcm = await self._queue.get()
        frame = AudioFrame(format="s16", layout="mono", samples=len(pcm) // 2)
        frame.planes[0].update(pcm)
        frame.sample_rate = MICROPHONE_RATE
        frame.pts, frame.time_base = self._pts, Fraction(1, MICROPHONE_RATE)
        self._pts += len(pcm) // 2
        return frame


class PeerDoor:
    def __init__(self, url: str, listener: Listener, identity: str = "") -> None:
        self._url = url.rstrip("/")
        self._listener = listener
        self._identity = identity
        self._tasks = Tasks("peer door")
        self._microphone = Microphone()
        self._peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._channel = self._peer.createDataChannel("visavis")
        self._fast = self._peer.createDataChannel("visavis.fast", ordered=False, maxRetransmits=0)
        self._seq = 0

    async def connect(self, hello: ClientHello) -> None:
        opened = asyncio.Event()
        self._channel.on("open", opened.set)
        self._channel.on("message", self._message)
        self._peer.on("track", lambda track: self._tasks.start(self._hear(track), "ear"))
        self._peer.on("connectionstatechange", self._state_changed)
        self._peer.addTrack(self._microphone)
        token = (await fetch_token(self._url, self._identity))["participant_token"]
        await self._peer.setLocalDescription(await self._peer.createOffer())
        offer = {"sdp": self._peer.localDescription.sdp, "type": "offer"}
        try:
            async with httpx.AsyncClient(timeout=CONNECT_SECONDS, trust_env=False) as http:
                answer = await http.post(f"{self._url}/api/rtc/offer", json=offer, headers={"Authorization": f"Bearer {token}"})
        except httpx.HTTPError as error:
            raise DoorError(f"{self._url}/api/rtc/offer did not answer: {type(error).__name__}") from None
        if answer.status_code != 200:
            raise DoorError(f"{self._url}/api/rtc/offer answered {answer.status_code}: {answer.text[:200]}")
        body = answer.json()
        await self._peer.setRemoteDescription(RTCSessionDescription(sdp=body["sdp"], type=body["type"]))
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await opened.wait()
        except TimeoutError:
            raise DoorError(f"no connection within {CONNECT_SECONDS:.0f} s: UDP may be blocked; try --door ws") from None
        await self.send(hello)

    def _state_changed(self) -> None:
        if self._peer.connectionState in ("failed", "closed"):
            self._listener.closed(f"the connection is {self._peer.connectionState}")

    def _message(self, data: str | bytes) -> None:
        self._listener.message(decode_server(data))

    async def _hear(self, track: MediaStreamTrack) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                frame = await track.recv()
            except MediaStreamError:
                return
            assert isinstance(frame, AudioFrame)
            samples = frame.to_ndarray().reshape(-1, len(frame.layout.channels))
            self._listener.sound(samples.mean(axis=1).astype(np.int16), loop.time())

    async def speak(self, pcm: bytes) -> None:
        self._microphone.put(pcm)

    async def send(self, message: Message) -> None:
        self._seq += 1
        for part in split(Envelope(message, 0, self._seq), f"p{self._seq}"):
            self._channel.send(part.to_json().decode())

    async def aclose(self) -> None:
        await self._peer.close()
        await self._tasks.aclose()
