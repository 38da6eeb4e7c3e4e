"""Rooms for benchmarks: a livekit-server on free ports, tokens, and a client that joins with a token of its own."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import yaml
from livekit import api, rtc

from agent.protocol.messages import ClientHello
from agent.talk.door import CONNECT_SECONDS, DoorError, Listener
from agent.talk.livekit import LiveKitDoor
from bench.options import Unmeasured
from infra.console import Failure
from infra.livekit_install import program
from infra.livekit_server import Keys, LiveKitServer, Ports, configuration, running
from infra.paths import ROOT

AGENT = "visavis"


@contextlib.asynccontextmanager
async def livekit_server() -> AsyncIterator[LiveKitServer]:
    """With the project's livekit.yaml. Raises `Unmeasured` when none is installed, or it does not start."""
    path = program()
    if not path.is_file():
        raise Unmeasured("livekit-server is not installed; `make livekit` installs it")
    base = yaml.safe_load((ROOT / "livekit.yaml").read_text(encoding="utf-8"))
    try:
        async with running(path, configuration(base, Ports.free()), Keys.new()) as server:
            yield server
    except Failure as error:
        raise Unmeasured(str(error)) from None


def token(key: str, secret: str, room: str, identity: str, *, dispatch: bool = False, agent: bool = False) -> str:
    """To join `room`. `dispatch`: our agent is sent there; `agent`: it is an agent who joins."""
    access = api.AccessToken(key, secret).with_identity(identity).with_grants(api.VideoGrants(room_join=True, room=room))
    if agent:
        access = access.with_kind("agent")
    if dispatch:
        access = access.with_room_config(api.RoomConfiguration(agents=[api.RoomAgentDispatch(agent_name=AGENT)]))
    return access.to_jwt()


class RoomDoor(LiveKitDoor):
    """The terminal client's LiveKit door, told where to go instead of asking a token endpoint."""

    def __init__(self, server: LiveKitServer, room: str, listener: Listener, *, dispatch: bool = False) -> None:
        super().__init__("", listener)
        self._server_url = server.url
        self._token = token(server.keys.api_key, server.keys.api_secret, room, "caller", dispatch=dispatch)
        self._says_hello = dispatch

    async def connect(self, hello: ClientHello) -> None:
        heard = asyncio.Event()

        def subscribed(track: rtc.Track, publication: Any, participant: Any) -> None:
            if track.kind == rtc.TrackKind.KIND_AUDIO:
                self._tasks.start(self._hear(track), "ear")
                heard.set()

        self._room.on("track_subscribed", subscribed)
        self._room.on("data_received", self._data)
        self._room.register_text_stream_handler("visavis", self._text_stream)
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await self._room.connect(self._server_url, self._token)
                await self._room.local_participant.publish_track(
                    rtc.LocalAudioTrack.create_audio_track("microphone", self._source),
                    rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE),
                )
                await heard.wait()
        except (rtc.ConnectError, TimeoutError) as error:
            raise DoorError(f"nobody was met in the room: {type(error).__name__} {error}") from None
        if self._says_hello:
            await self.send(hello)
