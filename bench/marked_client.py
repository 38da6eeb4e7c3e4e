"""Somebody in a LiveKit room who asks `bench.marked` engines, hears their words, and reports what was played out as the web SDK does: every half second, and at an answer's
end. Nothing of it waits for a particular agent: agents may come and go."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import Any, Final

import numpy as np
from livekit import rtc

from agent.aio import Tasks
from agent.media.turn_taking import MICROPHONE_RATE
from agent.protocol.envelope import Envelope, decode_server
from agent.protocol.messages import (
    AsrFinal,
    ClientHello,
    GenerationEnd,
    GenerationStart,
    Message,
    Playout,
    Restore,
    ResumeConfirm,
    ResumeSecret,
    RoundUpdate,
    ServerHello,
    ServerInterrupt,
    TextInput,
)
from agent.transports.livekit_messages import TOPIC
from bench.caller import audible
from bench.livekit_rooms import token
from bench.mark_tones import RATE, Listener
from bench.marked import asked, question
from bench.retellings import Told
from infra.livekit_server import LiveKitServer

REPORT_SECONDS: Final = 0.5
HELLO_SECONDS: Final = 0.5
"""Until hello is said again."""
BEFORE_SECONDS: Final = 0.25
"""A word that began longer before its generation was told of belongs to an older one."""


class _Generation:
    """`end`: the media sample that ends it, once it is known; `offset`: of media time to the samples of the track that is heard, likewise."""

    def __init__(self, gen: int, t0: int, told_at: float) -> None:
        self.gen = gen
        self.t0 = t0
        self.told_at = told_at
        self.end: int | None = None
        self.offset: int | None = None
        self.done = False


class MarkedClient:
    """One a room. Times are Unix time, in seconds."""

    def __init__(self, server: LiveKitServer, room: str, identity: str = "ann") -> None:
        self.told: list[Told] = []
        """The words that were heard."""
        self.asked: dict[int, int] = {}
        """Questions that were taken, and how many words their answers have."""
        self.heard: dict[int, float] = {}
        """Loops of which the server said that they will never be heard again, and when."""
        self.hellos: list[tuple[float, ServerHello]] = []
        """Of each agent one."""
        self.restored: list[tuple[float, Restore]] = []
        self.messages: list[tuple[float, Envelope[Any]]] = []
        self.sounding: list[tuple[float, int]] = []
        """When each 20 ms came in which something could be heard, and on which track."""
        self.opened: dict[int, float] = {}
        """Since when each track is listened to. The ear of a busy client opens late."""
        self.streams = 0
        self.room = rtc.Room()
        self.on_message: Callable[[Message], None] = lambda message: None
        self._server = server
        self._name = room
        self._identity = identity
        self._tasks = Tasks("client")
        self._news = asyncio.Event()
        self._seq = 0
        self._hello: ServerHello | None = None
        self._greeted = asyncio.Event()
        self._listener = Listener()
        self._ear: asyncio.Task[None] | None = None
        self._generations: list[_Generation] = []
        self._source = rtc.AudioSource(MICROPHONE_RATE, 1, queue_size_ms=100)

    # ------------------------------------------------------------------------------------------------------- coming and going

    async def join(self) -> None:
        """Join the room, ask for an agent, and wait until it has said hello. Raises `TimeoutError`."""
        await self._enter()
        self._tasks.start(self._report(), "reports")
        async with asyncio.timeout(30):
            await self._introduce()

    async def _introduce(self) -> None:
        """Say hello until an agent does, as the web SDK: what is said in a room while one of both is not there is lost, and the agent learns from it that we have missed a part."""
        self._greeted.clear()
        while not self._greeted.is_set():
            await self._tell(ClientHello(sdk="visavis-bench"))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._greeted.wait(), HELLO_SECONDS)

    async def join_again(self) -> None:
        """Be in the room again: by itself livekit.rtc comes back where the connection broke off, but not when livekit-server has thrown us out. Raises `TimeoutError`."""
        async with asyncio.timeout(30):
            while self.room.connection_state == rtc.ConnectionState.CONN_RECONNECTING:  # noqa: ASYNC110 - both ends have an event of their own
                await asyncio.sleep(0.05)
        if self.room.connection_state == rtc.ConnectionState.CONN_DISCONNECTED:
            self.room = rtc.Room()
            await self._enter()

    async def _enter(self) -> None:
        keys = self._server.keys
        self.room.on("track_subscribed", self._subscribed)
        self.room.on("data_received", self._data)
        self.room.on("reconnected", lambda: self._tasks.start(self._introduce(), "hello again"))
        self.room.register_text_stream_handler(TOPIC, self._stream)
        options = rtc.RoomOptions(rtc_config=rtc.RtcConfiguration(ice_servers=[rtc.IceServer(urls=["stun:127.0.0.1:3478"])]))
        await self.room.connect(self._server.url, token(keys.api_key, keys.api_secret, self._name, self._identity, dispatch=True), options)
        track = rtc.LocalAudioTrack.create_audio_track("microphone", self._source)
        await self.room.local_participant.publish_track(track, rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE))

    async def leave(self) -> None:
        await self._tasks.aclose()
        await self.room.disconnect()
        await self._source.aclose()

    # ------------------------------------------------------------------------------------------------------- asking and waiting

    async def send(self, message: Message) -> None:
        """To the agent; lost when there is none."""
        self._seq += 1
        await self.room.local_participant.publish_data(Envelope(message, 0, self._seq).to_json(), reliable=True, topic=TOPIC)

    async def ask(self, loop: int, words: int, *, look: bool = False) -> None:
        """Type a question, once."""
        await self.send(TextInput(text=question(loop, words, look=look)))

    async def speak(self, seconds: float) -> None:
        """Make a noise into the microphone that is taken for a voice; done when it was made."""
        dice = np.random.default_rng()
        for _ in range(round(seconds * 50)):
            noise = dice.normal(0, 4_000, MICROPHONE_RATE // 50).astype(np.int16)
            await self._source.capture_frame(rtc.AudioFrame(noise.tobytes(), MICROPHONE_RATE, 1, len(noise)))

    async def until(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Wait until something has made `condition` true. Returns whether it did in time."""
        loop = asyncio.get_running_loop()
        limit = loop.time() + seconds
        while not condition():
            self._news.clear()
            if (rest := limit - loop.time()) <= 0:
                return False
            try:
                async with asyncio.timeout(rest):
                    await self._news.wait()
            except TimeoutError:
                return condition()
        return True

    @property
    def session(self) -> str:
        return self.hellos[-1][1].session_id

    def words_of(self, loop: int) -> int:
        """How many words of the loop's last telling were heard."""
        return next((told.mark.word + 1 for told in reversed(self.told) if told.mark.loop == loop), 0)

    # ------------------------------------------------------------------------------------------------------- sound

    def _subscribed(self, track: rtc.RemoteTrack, publication: Any, participant: rtc.RemoteParticipant) -> None:
        if isinstance(track, rtc.RemoteAudioTrack) and participant.kind == rtc.ParticipantKind.PARTICIPANT_KIND_AGENT:
            self.streams += 1
            if self._ear is not None:  # what comes next on the wire in its place would be heard there, too
                self._ear.cancel()
            self._ear = self._tasks.start(self._hear(track, self.streams), "ear")

    async def _hear(self, track: rtc.RemoteAudioTrack, stream: int) -> None:
        listener = self._listener = Listener()
        for generation in self._generations:
            generation.offset = None
        sound = rtc.AudioStream(track, sample_rate=RATE, num_channels=1, frame_size_ms=20)
        try:
            async for event in sound:
                pcm, now = np.frombuffer(event.frame.data, np.int16), time.time()
                self.opened.setdefault(stream, now - len(pcm) / RATE)
                if audible(pcm) is not None:
                    self.sounding.append((now, stream))
                    self._news.set()
                for mark, at in listener.hear(pcm):
                    began = now - (listener.samples - at) / RATE
                    self.told.append(Told(mark, began, stream, at / RATE))
                    self._place(at, began)
                    self._news.set()
        finally:
            await sound.aclose()

    def _place(self, at: int, began: float) -> None:
        """The first word of a generation tells which media sample is heard."""
        newest = self._generations[-1] if self._generations else None
        if newest is not None and newest.offset is None and began > newest.told_at - BEFORE_SECONDS:
            newest.offset = newest.t0 - at

    # ------------------------------------------------------------------------------------------------------- what was played out

    def _heard_media(self, generation: _Generation) -> int | None:
        return None if generation.offset is None else self._listener.samples + generation.offset

    async def _report(self) -> None:
        while True:
            await asyncio.sleep(REPORT_SECONDS)
            generation = self._generations[-1] if self._generations else None
            if generation is None or generation.done or (heard := self._heard_media(generation)) is None:
                continue
            told = await self._tell(Playout(gen=generation.gen, t_heard=heard))
            generation.done = told and generation.end is not None and heard >= generation.end

    async def _tell(self, message: Message) -> bool:
        """Returns whether the room was there to take it."""
        try:
            await self.send(message)
        except rtc.participant.PublishDataError:
            return False
        return True

    # ------------------------------------------------------------------------------------------------------- messages

    def _data(self, packet: rtc.DataPacket) -> None:
        if packet.topic == TOPIC:
            self._take(packet.data)

    def _stream(self, reader: rtc.TextStreamReader, identity: str) -> None:
        async def read() -> None:
            self._take(await reader.read_all())

        self._tasks.start(read(), "long message")

    def _take(self, data: bytes | str) -> None:
        envelope, now = decode_server(data), time.time()
        self.messages.append((now, envelope))
        match envelope.message:
            case ServerHello() as hello:
                self._greeted.set()
                self._hello = hello
                if not self.hellos or hello.session_id != self.session:
                    self._meet(now)
                if hello.resume is not None:
                    self._tasks.start(self._tell(ResumeConfirm(number=hello.resume.number)), "confirm")
            case ResumeSecret(number=number):
                self._tasks.start(self._tell(ResumeConfirm(number=number)), "confirm")
            case Restore() as restore:
                self._meet(now)
                self.restored.append((now, restore))
                for line in restore.lines:
                    if line.who == "user":
                        self._taken(line.text)
            case AsrFinal(text=text):
                self._taken(text)
            case GenerationStart(t0=t0):
                self._generations.append(_Generation(envelope.gen, t0, now))
            case GenerationEnd(t_end=t_end):
                for generation in self._generations:
                    if generation.gen == envelope.gen:
                        generation.end = t_end
            case ServerInterrupt():
                self._generations = [generation for generation in self._generations if generation.gen >= envelope.gen]
            case RoundUpdate(status="heard", loop=loop):
                self.heard.setdefault(loop, now)
        self.on_message(envelope.message)
        self._news.set()

    def _meet(self, now: float) -> None:
        """An agent begins, or goes on: any other hello only answers one of ours that was said again."""
        if self._hello is not None:
            self.hellos.append((now, self._hello))
        self._generations.clear()

    def _taken(self, text: str) -> None:
        if (what := asked(text)) is not None:
            self.asked[what[0]] = what[1]
