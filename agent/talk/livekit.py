"""The LiveKit door from the client's side: a participant in a room."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
from livekit import rtc

from agent.aio import Tasks
from agent.media.turn_taking import MICROPHONE_RATE
from agent.protocol.envelope import MAX_FRAME_BYTES, Envelope, decode_server
from agent.protocol.messages import RATE, ClientHello, Message
from agent.talk.door import CONNECT_SECONDS, DoorError, Listener, fetch_token

TOPIC = "visavis"


class LiveKitDoor:
    def __init__(self, url: str, listener: Listener) -> None:
        self._url = url.rstrip("/")
        self._listener = listener
        self._tasks = Tasks("livekit door")
        self._room = rtc.Room()
        self._source = rtc.AudioSource(MICROPHONE_RATE, 1, queue_size_ms=100)
        self._seq = 0

    async def connect(self, hello: ClientHello) -> None:
        heard = asyncio.Event()

        def subscribed(track: rtc.Track, publication: Any, participant: rtc.RemoteParticipant) -> None:
            if track.kind == rtc.TrackKind.KIND_AUDIO and participant.kind == rtc.ParticipantKind.PARTICIPANT_KIND_AGENT:
                self._tasks.start(self._hear(track), "ear")
                heard.set()

        self._room.on("track_subscribed", subscribed)
        self._room.on("data_received", self._data)
        self._room.on("disconnected", lambda reason: self._listener.closed(f"the room was left ({reason})"))
        self._room.register_text_stream_handler(TOPIC, self._text_stream)
        granted = await fetch_token(self._url)
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await self._room.connect(granted["server_url"], granted["participant_token"])
                track = rtc.LocalAudioTrack.create_audio_track("microphone", self._source)
                options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
                await self._room.local_participant.publish_track(track, options)
                await heard.wait()
        except rtc.ConnectError as error:
            raise DoorError(f"livekit-server at {granted['server_url']} did not let us in: {error}") from None
        except TimeoutError:
            raise DoorError(f"no agent joined within {CONNECT_SECONDS:.0f} s; is a worker running (`visavis worker`)?") from None
        await self.send(hello)

    def _data(self, packet: rtc.DataPacket) -> None:
        if packet.topic == TOPIC:
            self._listener.message(decode_server(packet.data))

    def _text_stream(self, reader: rtc.TextStreamReader, identity: str) -> None:
        self._tasks.start(self._long(reader), "long message")

    async def _long(self, reader: rtc.TextStreamReader) -> None:
        self._listener.message(decode_server(await reader.read_all()))

    async def _hear(self, track: rtc.Track) -> None:
        loop = asyncio.get_running_loop()
        stream = rtc.AudioStream(track, sample_rate=RATE, num_channels=1, frame_size_ms=20)
        try:
            async for event in stream:
                self._listener.sound(np.frombuffer(event.frame.data, np.int16).copy(), loop.time())
        finally:
            await stream.aclose()

    async def speak(self, pcm: bytes) -> None:
        await self._source.capture_frame(rtc.AudioFrame(pcm, MICROPHONE_RATE, 1, len(pcm) // 2))

    async def send(self, message: Message) -> None:
        self._seq += 1
        raw = Envelope(message, 0, self._seq).to_json()
        if len(raw) <= MAX_FRAME_BYTES:
            await self._room.local_participant.publish_data(raw, reliable=True, topic=TOPIC)
        else:
            await self._room.local_participant.send_text(raw.decode(), topic=TOPIC)

    async def aclose(self) -> None:
        await self._tasks.aclose()
        await self._room.disconnect()
        await self._source.aclose()
