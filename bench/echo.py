"""Bare loopbacks: a peer and a WebSocket that say back what they hear, with the doors' wire and nothing behind it. `python -m bench.echo` prints its address."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from typing import Any

import numpy as np
import soxr
import uvicorn
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from fastapi import FastAPI, WebSocket, WebSocketDisconnect

from agent.media.turn_taking import MICROPHONE_RATE
from agent.protocol.frames import Kind, decode_frame
from agent.protocol.messages import RATE
from agent.serving import bind


def create_app() -> FastAPI:
    """The addresses that the terminal client asks, for anybody."""
    app = FastAPI()
    peers: set[RTCPeerConnection] = set()

    @app.post("/api/token")
    async def token() -> dict[str, str]:
        return {"participant_token": "nobody-asks"}

    @app.post("/api/rtc/offer")
    async def offer(body: dict[str, Any]) -> dict[str, str]:
        peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        peers.add(peer)

        @peer.on("track")
        def track(track: MediaStreamTrack) -> None:
            peer.addTrack(track)

        @peer.on("connectionstatechange")
        async def changed() -> None:
            if peer.connectionState in ("failed", "closed"):
                peers.discard(peer)

        await peer.setRemoteDescription(RTCSessionDescription(body["sdp"], body["type"]))
        await peer.setLocalDescription(await peer.createAnswer())
        return {"sdp": peer.localDescription.sdp, "type": "answer"}

    @app.websocket("/ws/session")
    async def session(socket: WebSocket) -> None:
        await socket.accept("visavis.v1")
        try:
            while (message := await socket.receive())["type"] == "websocket.receive":
                if data := message.get("bytes"):
                    await socket.send_bytes(said_back(data))
        except WebSocketDisconnect:
            return

    return app


def said_back(data: bytes) -> bytes:
    """A microphone frame (16 kHz) as answer sound (24 kHz) of the same time."""
    frame = decode_frame(data)
    pcm = soxr.resample(np.frombuffer(frame.payload, "<i2"), MICROPHONE_RATE, RATE // 2)
    return replace(frame, kind=Kind.ANSWER, payload=pcm.tobytes(), t=frame.t * (RATE // MICROPHONE_RATE)).to_bytes()


async def main() -> None:
    listener = bind("127.0.0.1", 0)
    print(f"ready http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    await uvicorn.Server(uvicorn.Config(create_app(), log_level="warning", access_log=False)).serve([listener])


if __name__ == "__main__":
    logging.basicConfig(level=logging.ERROR)
    asyncio.run(main())
