"""What the LiveKit door is tested with: agents of the real worker in rooms of a real livekit-server, real clients, and a host that records instead of talking."""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
from collections.abc import AsyncIterator, Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from livekit import api, rtc
from pydantic import SecretStr

from agent.aio import Tasks
from agent.config import Config, Limits, LiveKit, Persona
from agent.conversation.host import Busy, Place, UnknownPersona
from agent.conversation.ports import Transport
from agent.media.pump import Pump
from agent.media.timeline import Timeline
from agent.protocol.envelope import Envelope, decode_server
from agent.protocol.messages import ClientHello, LanguageChoice, Message, PersonaInfo, ServerHello
from agent.sessions.chronicle import Returned
from agent.transports.livekit_registration import Registration
from agent.worker import Attendants

RATE = 48_000
PERSONAS = {"default": Persona(name="Vera"), "guide": Persona(name="Gu")}


async def until(condition: Callable[[], Any], seconds: float = 15.0, what: str = "the condition") -> None:
    """Wait for `condition`; it is looked at often."""
    try:
        async with asyncio.timeout(seconds):
            while not condition():  # noqa: ASYNC110 - anything at all is waited for here
                await asyncio.sleep(0.01)
    except TimeoutError:
        raise AssertionError(f"{what} did not become true within {seconds:g} s") from None


def sine(hz: float, seconds: float, rate: int = RATE, level: float = 0.3) -> npt.NDArray[np.int16]:
    return (np.sin(np.arange(round(seconds * rate)) * 2 * np.pi * hz / rate) * level * 32767).astype(np.int16)


def strength(pcm: npt.NDArray[np.int16], hz: float, rate: int) -> float:
    """The share of the sound's energy that lies within 15 Hz of `hz`, by Fourier transform."""
    spectrum = np.abs(np.fft.rfft(pcm.astype(np.float64) * np.hanning(len(pcm)))) ** 2
    frequencies = np.fft.rfftfreq(len(pcm), 1 / rate)
    total = float(spectrum.sum())
    return float(spectrum[np.abs(frequencies - hz) < 15].sum()) / total if total else 0.0


class RecordingGuest:
    """Hears and receives, and says a tone as long as it is told to. Real timeline, real pump."""

    def __init__(
        self, host: RecordingHost, transport: Transport, hello: ClientHello, identity: str, room: rtc.Room | None, place: Place
    ) -> None:
        self.session_id = f"s-{secrets.token_hex(4)}"
        self.hello = hello
        self.identity = identity
        self.room = room
        self.transport = transport
        self.heard = bytearray()
        self.received: list[Envelope[Any]] = []
        self.ended: str | None = None
        self.faulty = False
        self.resting = True
        self.was_absent = False
        self.handed_over = False
        self.returned: Returned | None = None
        self._host = host
        self._place = place
        self._seq = 0
        self.timeline = Timeline()
        self._tasks = Tasks("guest")
        self._tasks.start(Pump(self.timeline, transport.play, lambda fired, due: None).run(), "pump")
        self.greet()

    def greet(self) -> None:
        persona_id = self.hello.persona or "default"
        persona = PersonaInfo(id=persona_id, name=PERSONAS[persona_id].name, language="auto")
        self.say(ServerHello(session_id=self.session_id, features=[], persona=persona, stored=False))

    def say(self, message: Message) -> None:
        self._seq += 1
        self.transport.send(Envelope(message, 0, self._seq))

    def sing(self, pcm: npt.NDArray[np.int16]) -> None:
        segment = self.timeline.open(1)
        self.timeline.append(segment, pcm)
        self.timeline.close(segment)

    def hear(self, pcm: bytes) -> None:
        if self.faulty:
            raise ZeroDivisionError("as it was told to")
        self.heard += pcm

    def receive(self, envelope: Envelope[Any]) -> None:
        self.received.append(envelope)
        if isinstance(envelope.message, ClientHello):
            self.greet()

    def types(self) -> list[str]:
        return [envelope.message.type for envelope in self.received]

    @property
    def sound(self) -> npt.NDArray[np.int16]:
        return np.frombuffer(bytes(self.heard), np.int16)

    def absent(self) -> None:
        self.was_absent = True

    def present(self) -> None:
        self.greet()

    def at_rest(self) -> bool:
        return self.resting and self.timeline.current is None

    async def hand_over(self, reason: str) -> None:
        self.handed_over = True
        await self.aclose(reason)

    async def aclose(self, reason: str) -> None:
        if self.ended is not None:
            return
        self.ended = reason
        await self._tasks.aclose()
        await self.transport.close(None)
        self._place.release()


class RecordingHost:
    def __init__(self, capacity: int = 8, *, queue: bool = False) -> None:
        self.capacity = capacity
        self._queue = queue
        self.given_up: Callable[[], None] | None = None
        self.guests: list[RecordingGuest] = []
        self._places: set[Place] = set()

    @property
    def count(self) -> int:
        return len(self._places)

    def reserve(self) -> Place:
        if len(self._places) >= self.capacity:
            raise Busy(self.capacity)
        place = Place(self._places.discard)
        self._places.add(place)
        return place

    async def admit(self) -> Place:
        if self._queue:
            await until(lambda: self.count < self.capacity, 60, "a free place")
        return self.reserve()

    def deserted(self, give_up: Callable[[], None]) -> None:
        self.given_up = give_up

    def rejoined(self, give_up: Callable[[], None]) -> None:
        self.given_up = None

    async def say_busy(self, language: LanguageChoice) -> npt.NDArray[np.int16]:
        return np.full(48_000, 3_000, np.int16)

    async def open(
        self, transport: Transport, hello: ClientHello, *, place: Place | None = None, identity: str = "", room: rtc.Room | None = None
    ) -> RecordingGuest:
        taken = place or self.reserve()
        if (hello.persona or "default") not in PERSONAS:
            taken.release()
            raise UnknownPersona(hello.persona or "", list(PERSONAS))
        guest = RecordingGuest(self, transport, hello, identity, room, taken)
        self.guests.append(guest)
        return guest

    async def adopt(
        self, transport: Transport, session: str, returned: Returned, *, place: Place, identity: str, room: rtc.Room
    ) -> RecordingGuest:
        guest = await self.open(transport, ClientHello(persona=returned.state.persona), place=place, identity=identity, room=room)
        guest.returned = returned
        return guest


class Stage:
    """A worker that is registered with the server under a name of its own."""

    def __init__(self, server: Any, capacity: int = 8, grace_seconds: float = 10.0, limits: Limits | None = None) -> None:
        self.server = server
        self.agent_name = f"agent-{secrets.token_hex(4)}"
        keys = LiveKit(url=server.url, api_key=server.keys.api_key, api_secret=SecretStr(server.keys.api_secret))
        self.config = Config(
            agent_name=self.agent_name, personas=PERSONAS, livekit=keys, limits=limits or Limits(sessions=capacity, queue_seconds=0)
        )
        self.host = RecordingHost(capacity, queue=self.config.limits.queue_seconds > 0)
        self.attendants = Attendants(self.host, self.config, grace_seconds=grace_seconds)
        self.registration = Registration(server.url, server.keys.api_key, server.keys.api_secret, self.agent_name, self.attendants)
        self.attendants.registration = self.registration
        self._tasks = Tasks("stage")

    async def start(self) -> None:
        self._tasks.start(self.registration.run(), "registration")
        await until(lambda: self.registration.registered, what="the registration")

    async def aclose(self) -> None:
        await self.attendants.aclose()
        await self._tasks.aclose()

    def token(self, identity: str, room: str, metadata: str | dict[str, Any] = "", agent: bool = True, **grants: Any) -> str:
        access = api.AccessToken(self.server.keys.api_key, self.server.keys.api_secret).with_identity(identity)
        access = access.with_grants(api.VideoGrants(room_join=True, room=room, **grants))
        if agent:
            text = metadata if isinstance(metadata, str) else json.dumps(metadata)
            dispatch = api.RoomAgentDispatch(agent_name=self.agent_name, metadata=text)
            access = access.with_room_config(api.RoomConfiguration(agents=[dispatch]))
        return access.to_jwt()

    async def guest(self, number: int = 0) -> RecordingGuest:
        await until(lambda: len(self.host.guests) > number, what="the conversation")
        return self.host.guests[number]


class Person:
    """A plain LiveKit client."""

    def __init__(self, stage: Stage, identity: str, room: str) -> None:
        self.stage = stage
        self.identity = identity
        self.room_name = room
        self.room = rtc.Room()
        self.messages: list[Envelope[Any]] = []
        self.raw: list[rtc.DataPacket] = []
        self.heard = bytearray()
        self.on_sound: Callable[[npt.NDArray[np.int16]], None] | None = None
        """Gets what is heard, which is not kept then."""
        self.source: rtc.AudioSource | None = None
        self.publication: rtc.LocalTrackPublication | None = None
        self._tasks = Tasks(f"person {identity}")
        self._streams: list[rtc.AudioStream] = []
        self._left = False

    async def join(
        self, metadata: str | dict[str, Any] = "", *, agent: bool = True, listen: bool = False, subscribe: bool = True, **grants: Any
    ) -> Person:
        self.room.on("data_received", self._data)
        self.room.register_text_stream_handler("visavis", self._text)
        if listen:
            self.room.on("track_subscribed", self._listen)
        token = self.stage.token(self.identity, self.room_name, metadata, agent, **grants)
        await self.room.connect(self.stage.server.url, token, rtc.RoomOptions(auto_subscribe=subscribe))
        return self

    async def __aenter__(self) -> Person:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.leave()

    async def leave(self) -> None:
        if self._left:
            return
        self._left = True
        await self._tasks.aclose()
        await self.room.disconnect()
        for stream in self._streams:
            await stream.aclose()
        if self.source is not None:
            await self.source.aclose()

    def _data(self, packet: rtc.DataPacket) -> None:
        self.raw.append(packet)
        sender = packet.participant
        if packet.topic == "visavis" and sender is not None and sender.kind == rtc.ParticipantKind.PARTICIPANT_KIND_AGENT:
            self.messages.append(decode_server(packet.data))

    def _text(self, reader: rtc.TextStreamReader, identity: str) -> None:
        async def read() -> None:
            self.messages.append(decode_server(await reader.read_all()))

        self._tasks.start(read(), "read")

    def _listen(self, track: rtc.RemoteTrack, publication: rtc.RemoteTrackPublication, participant: rtc.RemoteParticipant) -> None:
        assert isinstance(track, rtc.RemoteAudioTrack)
        stream = rtc.AudioStream(track, sample_rate=RATE, num_channels=1)
        self._streams.append(stream)

        async def read() -> None:
            async for event in stream:
                if self.on_sound is not None:
                    self.on_sound(np.frombuffer(event.frame.data, np.int16))
                else:
                    self.heard += bytes(event.frame.data)

        self._tasks.start(read(), "listen")

    @property
    def sound(self) -> npt.NDArray[np.int16]:
        return np.frombuffer(bytes(self.heard), np.int16)

    def agent(self) -> rtc.RemoteParticipant | None:
        agents = [p for p in self.room.remote_participants.values() if p.kind == rtc.ParticipantKind.PARTICIPANT_KIND_AGENT]
        return agents[0] if agents else None

    async def meets_agent(self, seconds: float = 15.0) -> rtc.RemoteParticipant:
        await until(lambda: self.agent() is not None, seconds, f"{self.identity} meeting an agent")
        agent = self.agent()
        assert agent is not None
        return agent

    async def send(self, message: Message | bytes, topic: str = "visavis", reliable: bool = True) -> None:
        data = message if isinstance(message, bytes) else Envelope(message).to_json()
        await self.room.local_participant.publish_data(data, reliable=reliable, topic=topic)

    async def introduce(self, hello: Message, answer: str = "hello") -> None:
        """Say hello until it is answered: the first may come before the agent knows who is there, or the answer before we know the agent."""
        await self.meets_agent()
        for _ in range(30):
            await self.send(hello)
            with contextlib.suppress(AssertionError):
                await until(lambda: self.told(answer), 0.5)
                return
        raise AssertionError("no hello was answered")

    def told(self, type_: str) -> list[Any]:
        return [envelope.message for envelope in self.messages if envelope.message.type == type_]

    async def sing(
        self, hz: float, source: rtc.TrackSource.ValueType = rtc.TrackSource.SOURCE_MICROPHONE, *, preconnect: bool = False
    ) -> None:
        """Publish a microphone with a tone, until the person leaves."""
        self.source = rtc.AudioSource(RATE, 1, queue_size_ms=100)
        track = rtc.LocalAudioTrack.create_audio_track("mic", self.source)
        self.publication = await self.room.local_participant.publish_track(
            track, rtc.TrackPublishOptions(source=source, preconnect_buffer=preconnect)
        )
        self._tasks.start(self._sing(hz, self.source), "sing")

    async def _sing(self, hz: float, source: rtc.AudioSource) -> None:
        second = sine(hz, 1.0)  # whole periods: it can be repeated
        at = 0
        while True:
            await source.capture_frame(rtc.AudioFrame(second[at : at + 960].tobytes(), RATE, 1, 960))
            at = (at + 960) % RATE


@contextlib.asynccontextmanager
async def staged(server: Any, **options: Any) -> AsyncIterator[Stage]:
    stage = Stage(server, **options)
    await stage.start()
    try:
        yield stage
    finally:
        await stage.aclose()


def room_name() -> str:
    return f"room-{secrets.token_hex(4)}"
