"""The peer door with a real aiortc client on a real server."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import gc
import json
import os
import re
import socket
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from fractions import Fraction
from typing import Any

import aioice.ice
import aioice.mdns
import httpx
import numpy as np
import psutil
import pytest
from aiortc import MediaStreamTrack, RTCConfiguration, RTCDataChannel, RTCPeerConnection, RTCSessionDescription
from aiortc.rtp import RtpPacket
from av import AudioFrame
from fastapi import FastAPI

from agent.config import Config, Ice, Limits
from agent.media.block import Pcm
from agent.protocol.envelope import Envelope, decode_server
from agent.protocol.frames import Frame, Kind, decode_frame
from agent.protocol.messages import (
    AssistantText,
    AudioChunk,
    ClientHello,
    ClientInterrupt,
    Clock,
    ContextUpdate,
    ErrorMessage,
    Message,
    PageState,
    Part,
    Ping,
    Pong,
    Restore,
    ServerHello,
    ServerInterrupt,
    TextInput,
)
from agent.protocol.parts import Joiner, split
from agent.transports import webrtc_connection
from agent.transports.opus import Decoder
from agent.transports.webrtc_internals import tap
from agent.transports.webrtc_peer import peer_router
from tests.transports.echo import TOKEN, EchoHost, chirp, find, serving, verify

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


@pytest.fixture
async def connect(host: EchoHost, config: Config) -> AsyncIterator[Connect]:
    async with door(host, config) as (connect, _):
        yield connect


async def post(address: str, body: Any, headers: dict[str, str] = AUTHORIZED) -> httpx.Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    async with httpx.AsyncClient(verify=False) as http:
        return await http.post(f"http://{address}/api/rtc/offer", content=content, headers=headers)


@pytest.fixture
async def real_offer() -> AsyncIterator[str]:
    browser = Browser()
    yield await browser.offer()
    await browser.connection.close()


# ------------------------------------------------------------------------------------------------------------- the offer


@pytest.mark.parametrize(
    "headers", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {TOKEN}"}, {"Authorization": "Bearer"}]
)
async def test_without_a_valid_token_nothing_is_answered(host: EchoHost, config: Config, real_offer: str, headers: dict[str, str]) -> None:
    async with door(host, config) as (_, address):
        response = await post(address, {"sdp": real_offer, "type": "offer"}, headers)
        assert response.status_code == 401
        assert response.headers["WWW-Authenticate"] == "Bearer"
        assert response.json()["error"]["code"] == "unauthorized"
        assert not host.places


BAD_BODIES: dict[str, tuple[Any, int, str, str]] = {
    "nothing": (b"", 400, "bad_json", "JSON"),
    "no JSON": (b"v=0", 400, "bad_json", "JSON"),
    "invalid UTF-8": (b'{"sdp": "\xff", "type": "offer"}', 400, "bad_json", "JSON"),
    "deep JSON": (b"[" * 60_000, 400, "bad_json", "JSON"),
    "no object": ([], 400, "bad_message", '"type": "offer"'),
    "an answer": ({"sdp": "v=0", "type": "answer"}, 400, "bad_message", '"type": "offer"'),
    "no text": ({"sdp": 7, "type": "offer"}, 400, "bad_message", '"type": "offer"'),
    "an empty description": ({"sdp": "", "type": "offer"}, 400, "bad_message", "m=audio"),
    "garbage": ({"sdp": "a=b\r\nm=\r\n\0钟", "type": "offer"}, 400, "bad_message", "SDP"),
    "a huge description": ({"sdp": "a=x\r\n" * 20_000, "type": "offer"}, 413, "too_large", "65536"),
}


@pytest.mark.parametrize("name", BAD_BODIES)
async def test_what_is_no_offer_is_refused_in_words(host: EchoHost, config: Config, name: str) -> None:
    body, status, code, words = BAD_BODIES[name]
    async with door(host, config) as (_, address):
        response = await post(address, body)
        assert (response.status_code, response.json()["error"]["code"]) == (status, code)
        assert words in response.json()["error"]["message"]
        assert not host.places


async def test_an_endless_body_is_not_read_to_its_end(host: EchoHost, config: Config) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while sent < 500 * 1024 * 1024:
            sent += 65_536
            yield bytes(65_536)

    async with door(host, config) as (_, address), httpx.AsyncClient() as http:
        with contextlib.suppress(httpx.TransportError):  # the server may close before we have seen its answer
            response = await http.post(f"http://{address}/api/rtc/offer", content=endless(), headers=AUTHORIZED)
            assert response.status_code == 413
        assert sent < 100 * 1024 * 1024


async def test_a_full_house_and_unready_models_are_told(config: Config, real_offer: str) -> None:
    for host, code in ((EchoHost(capacity=0), "busy"), (EchoHost(ready=False), "not_ready")):
        async with door(host, config) as (_, address):
            response = await post(address, {"sdp": real_offer, "type": "offer"})
            assert response.status_code == 503
            assert response.json()["error"]["code"] == code
            assert int(response.headers["Retry-After"]) >= 1


async def test_many_offers_take_no_more_than_the_places_and_give_them_back(
    config: Config, monkeypatch: pytest.MonkeyPatch, real_offer: str
) -> None:
    monkeypatch.setattr(webrtc_connection, "CONNECT_SECONDS", 4)
    host = EchoHost(capacity=2)
    async with door(host, config) as (_, address):
        statuses = [(await post(address, {"sdp": real_offer, "type": "offer"})).status_code for _ in range(5)]
        assert sorted(statuses) == [200, 200, 503, 503, 503]
        await host.until(lambda: not host.places)
        assert (await post(address, {"sdp": real_offer, "type": "offer"})).status_code == 200


async def test_the_answer_comes_at_once(host: EchoHost, config: Config, real_offer: str) -> None:
    async with door(host, config) as (_, address):
        times = []
        for _ in range(5):
            began = time.monotonic()
            assert (await post(address, {"sdp": real_offer, "type": "offer"})).status_code == 200
            times.append(time.monotonic() - began)
        print(f"\nan offer is answered in {1e3 * sorted(times)[2]:.0f} ms")
        assert min(times) < 1


async def test_no_server_is_asked_unless_one_is_configured(
    host: EchoHost, config: Config, real_offer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, int]] = []

    async def ask(protocol: Any, server: tuple[str, int]) -> Any:
        asked.append(server)
        raise ConnectionError

    monkeypatch.setattr(aioice.ice, "server_reflexive_candidate", ask)
    for config_, expected in ((config, set()), (Config(ice=Ice(servers=["stun:127.0.0.1:9"])), {("127.0.0.1", 9)})):
        async with door(host, config_) as (_, address):
            response = await post(address, {"sdp": real_offer, "type": "offer"})
            assert response.status_code == 200
            assert set(asked) == expected
            assert "127.0.0.1" in response.json()["sdp"]


# ------------------------------------------------------------------------------------------------------------- connecting


async def test_a_page_whose_addresses_are_names_connects_and_nobody_is_asked_for_them(
    host: EchoHost, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: Any, **kwargs: Any) -> Any:
        raise AssertionError(f"asked for a name: {args}")

    def hidden(sdp: str) -> str:
        named = re.sub(r"(a=candidate:\S+ \d+ udp \d+ )\S+", r"\g<1>3f1c7b0e-9c53-4f0e-8a35-0d0c6f6f5a11.local", sdp)
        assert ".local" in named
        return named

    async with door(host, config) as (connect, _):
        monkeypatch.setattr(aioice.mdns, "create_mdns_protocol", refuse)
        monkeypatch.setattr(socket, "gethostbyname", refuse)
        browser = await connect(change=hidden)
        await browser.say(Ping(id=1))
        await browser.until(Pong)


async def test_a_machine_without_a_network_connects_over_loopback(host: EchoHost, config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    async with door(host, config) as (connect, _):
        monkeypatch.setattr(aioice.ice, "get_host_addresses", lambda use_ipv4, use_ipv6: ["127.0.0.1"])
        browser = await connect()
        assert browser.connection.sctp is not None
        pairs = browser.connection.sctp.transport.transport._connection._nominated.values()
        assert {pair.remote_addr[0] for pair in pairs} == {"127.0.0.1"}


async def test_a_text_only_client_needs_no_sound(connect: Connect) -> None:
    browser = await connect(audio=False)
    await browser.say(TextInput(text="hello"))
    assert (await browser.until(AssistantText)).text == "5"


async def test_a_client_that_never_connects_gives_its_place_back(
    host: EchoHost, config: Config, real_offer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webrtc_connection, "CONNECT_SECONDS", 0.3)
    threads = threading.active_count()
    async with door(host, config) as (_, address):
        sockets = len(psutil.Process().net_connections("udp"))
        assert (await post(address, {"sdp": real_offer, "type": "offer"})).status_code == 200
        assert len(host.places) == 1
        await host.until(lambda: not host.places)
        await asyncio.sleep(0.1)
        assert len(psutil.Process().net_connections("udp")) == sockets
    assert threading.active_count() <= threads + 1


@pytest.mark.parametrize(
    "first",
    ["hello", "{", Envelope(Ping(id=1)).to_json().decode(), b"\1\1", '{"v":1,"type":"hello","d":{"persona":7}}'],
)
async def test_what_is_not_hello_ends_the_visit(host: EchoHost, connect: Connect, first: str | bytes) -> None:
    browser = await connect(None)
    browser.channel.send(first)
    assert (await browser.until(ErrorMessage)).code == "hello_expected"
    await asyncio.wait_for(browser.closed.wait(), 10)
    await host.until(lambda: not host.places)
    assert not host.opened


async def test_silence_instead_of_hello_ends_the_visit(host: EchoHost) -> None:
    async with door(host, Config(limits=Limits(hello_seconds=0.3))) as (connect, _):
        browser = await connect(None)
        assert "within 0.3 s" in (await browser.until(ErrorMessage)).message
        await host.until(lambda: not host.places)


async def test_the_fast_channel_is_heard_after_hello_only(host: EchoHost, connect: Connect) -> None:
    browser = await connect(None)
    await browser.listen(lambda: browser.fast.readyState == "open")
    browser.fast.send(Envelope(Ping(id=1)).to_json().decode())
    await browser.say(ClientHello())
    assert isinstance((await browser.next()).message, ServerHello)
    browser.fast.send(Envelope(Ping(id=2)).to_json().decode())
    assert (await browser.until(Pong)).id == 2
    assert host.identities == ["ann"]


# ------------------------------------------------------------------------------------------------------------- sound


async def test_what_is_said_comes_back_and_the_clock_tells_its_sample(host: EchoHost, connect: Connect) -> None:
    browser = await connect()
    (guest,) = host.guests
    clock = await browser.until(Clock)
    await guest.until(lambda: len(guest.heard) > 8_000)
    sweep = chirp(0.4, 48_000)
    browser.microphone.say(sweep)
    heard, received = len(guest.heard), len(browser.packets)
    await guest.until(lambda: len(guest.heard) > heard + 2 * 16_000 * 0.8)
    await browser.listen(lambda: len(browser.packets) > received + 50)
    # What the engine puts at media sample t is heard at the RTP time that the clock tells.
    guest.finish()
    received = len(browser.packets)
    await browser.listen(lambda: guest.timeline.waiting == 0 and len(browser.packets) > received)
    mark = chirp(0.2, 48_000)[::-1].copy()
    played = guest.timeline.t
    guest.say(mark)
    received = len(browser.packets)
    await browser.listen(lambda: len(browser.packets) > received + 20)

    _, fit = find(chirp(0.4, 16_000), np.frombuffer(bytes(guest.heard), "<i2"))
    assert fit > 0.95
    recording = browser.heard()
    place, fit = find(sweep, recording)
    assert fit > 0.8, "twice through Opus, the sweep is like itself: 0.88 or more, by where it falls in the codec's frames"
    assert browser.microphone.said_at is not None
    print(f"\nfirst echo {1e3 * (browser.packets[place // 960][2] - browser.microphone.said_at):.1f} ms after it was said")
    timestamps = [timestamp for timestamp, _, _ in browser.packets]
    assert set(np.diff(timestamps) % (1 << 32)) == {960}
    place, fit = find(mark, recording)
    assert fit > 0.9
    assert (timestamps[0] + place) & 0xFFFFFFFF == (clock.rtp + played - clock.t) & 0xFFFFFFFF


async def test_lost_doubled_and_shuffled_packets_keep_the_time(host: EchoHost, connect: Connect) -> None:
    browser = await connect()
    (guest,) = host.guests
    await guest.until(lambda: len(guest.heard) > 8_000)
    transport = browser.connection.getSenders()[0].transport
    send, count, kept = transport._send_rtp, 0, list[bytes]()

    async def network(data: bytes) -> None:
        nonlocal count
        is_rtcp = 64 <= data[1] & 0x7F < 96
        count += not is_rtcp
        if is_rtcp:
            await send(data)
        elif count % 10 == 3:
            kept.append(data)
        elif count % 10 == 5:
            await send(data)
            await send(kept.pop())
        elif count % 10 != 7:
            await send(data)
            if count % 10 == 1:
                await send(data)

    transport._send_rtp = network  # type: ignore[method-assign]
    sweep = chirp(2.0, 48_000)
    browser.microphone.say(sweep)
    before = len(guest.heard)
    await guest.until(lambda: len(guest.heard) > before + 2 * 16_000 * 3)
    heard = np.frombuffer(bytes(guest.heard), "<i2")
    place, fit = find(chirp(2.0, 16_000), heard)
    assert fit > 0.85, "a tenth is lost, the rest is in its place"
    spoken = heard[place : place + 32_000].reshape(-1, 320)
    holes = [i for i, block in enumerate(spoken) if not block.any()]
    assert 5 <= len(holes) + 5 <= 20


async def test_an_interrupt_takes_back_what_waits(host: EchoHost, connect: Connect) -> None:
    browser = await connect()
    (guest,) = host.guests
    guest.echo = False
    guest.say(chirp(5.0, 48_000))
    await browser.listen(lambda: len(browser.packets) > 20)
    await browser.say(ClientInterrupt())
    await browser.until(ServerInterrupt)
    first = len(browser.packets)
    await browser.listen(lambda: len(browser.packets) > first + 20)
    tail = browser.heard()[960 * (first + 4) :]
    assert not tail.any()


# ------------------------------------------------------------------------------------------------------------- words

BAD = {
    "no JSON": ("hello?", "bad_json"),
    "no object": ("[1, 2]", "bad_envelope"),
    "an unknown type": ('{"v":1,"type":"sing","d":{}}', "unknown_type"),
    "a missing field": ('{"v":1,"type":"ping","d":{}}', "bad_message"),
    "sound in a frame": (Frame(Kind.MICROPHONE, b"12").to_bytes(), "bad_frame"),
    "sound in a message": (Envelope(AudioChunk(seq=1, data="AAAA")).to_json().decode(), "bad_message"),
    "invalid UTF-8": (b"\xff\xfe", "bad_frame"),
    "an empty frame": (b"", "bad_frame"),
    "an empty text": ("", "bad_json"),
}


@pytest.mark.parametrize("name", BAD)
async def test_what_cannot_be_understood_is_an_error_and_the_session_goes_on(connect: Connect, name: str) -> None:
    data, code = BAD[name]
    browser = await connect()
    browser.channel.send(data)
    error = await browser.until(ErrorMessage)
    assert (error.code, error.recoverable) == (code, True)
    await browser.say(Ping(id=5))
    assert (await browser.until(Pong)).id == 5


async def test_text_that_is_not_utf8_is_an_error_and_the_session_goes_on(connect: Connect) -> None:
    browser = await connect()
    sctp = browser.connection.sctp
    assert sctp is not None
    assert browser.channel.id is not None
    await sctp._send(browser.channel.id, 51, b"\xff\xfe\xfd")  # 51: text (RFC 8831, 8)
    assert (await browser.until(ErrorMessage)).code == "bad_json"
    await browser.say(Ping(id=5))
    assert (await browser.until(Pong)).id == 5


async def test_large_messages_travel_in_parts_both_ways(connect: Connect) -> None:
    browser = await connect()
    text = "第三展厅：商代铜钟。" * 3_000
    for part in split(Envelope(ContextUpdate(version=1, text=text)), "p1"):
        await browser.say(part.message)
    assert (await browser.until(AssistantText)).text == text


async def test_a_page_of_1_mib_travels_both_ways(connect: Connect) -> None:
    browser = await connect()
    content = base64.b64encode(os.urandom(1024 * 1024)).decode()
    for part in split(Envelope(PageState(round=1, version=1, content=content)), "p1"):
        await browser.say(part.message)
    assert (await browser.until(Restore)).content == content


async def test_a_message_of_10_mb_ends_its_own_connection_only(host: EchoHost, connect: Connect) -> None:
    other, browser = await connect(), await connect()
    guest = host.guests[1]
    sctp = browser.connection.sctp
    assert sctp is not None
    sctp._remote_max_message_size = 0
    browser.channel.send("x" * 10_000_000)
    await host.until(lambda: len(host.places) == 1)
    assert guest.reason == "it sent a message without end"
    await other.say(Ping(id=1))
    await other.until(Pong)


async def test_a_flood_is_limited_and_the_session_goes_on(connect: Connect, config: Config) -> None:
    browser = await connect()
    began = time.monotonic()
    for i in range(1_000):
        await browser.say(Ping(id=i))
    await browser.until(ErrorMessage)
    await browser.listen(lambda: browser.channel.bufferedAmount == 0)
    await asyncio.sleep(2.5)
    await browser.say(Ping(id=10_000))
    while (await browser.until(Pong)).id != 10_000:
        pass
    errors = [envelope.message.code for envelope in browser.envelopes if isinstance(envelope.message, ErrorMessage)]
    assert set(errors) == {"rate_limited"}
    assert len(errors) <= time.monotonic() - began + 2


async def test_server_messages_are_numbered_without_gaps(connect: Connect) -> None:
    browser = await connect()
    for i in range(5):
        await browser.say(Ping(id=i))
        browser.channel.send("{")
    await browser.listen(lambda: len(browser.envelopes) >= 11)
    assert [envelope.seq for envelope in browser.envelopes] == list(range(1, len(browser.envelopes) + 1))


# ------------------------------------------------------------------------------------------------------------- the end


async def test_a_client_that_closes_ends_its_conversation(host: EchoHost, connect: Connect) -> None:
    browser = await connect()
    (guest,) = host.guests
    await browser.connection.close()
    await host.until(lambda: not host.places)
    assert guest.reason


async def test_a_client_that_vanishes_ends_its_conversation(host: EchoHost, connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webrtc_connection, "SILENT_SECONDS", 1.0)
    browser = await connect()
    (guest,) = host.guests
    assert browser.connection.sctp is not None
    for protocol in browser.connection.sctp.transport.transport._connection._protocols:
        protocol.transport.abort()
    await host.until(lambda: not host.places)
    assert guest.reason == "nothing came from it for 1 s"


async def test_a_client_that_only_listens_and_says_nothing_stays(host: EchoHost, connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aioice.ice, "CONSENT_INTERVAL", 0.5)
    monkeypatch.setattr(webrtc_connection, "SILENT_SECONDS", 2.0)
    browser = await connect(audio=False)
    await asyncio.sleep(4)
    await browser.say(Ping(id=1))
    await browser.until(Pong)
    assert len(host.places) == 1


async def test_a_connection_whose_consent_expires_ends_its_conversation(
    host: EchoHost, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aioice.ice, "CONSENT_INTERVAL", 0.1)
    monkeypatch.setattr(aioice.ice, "CONSENT_FAILURES", 2)
    browser = await connect()
    (guest,) = host.guests
    assert browser.connection.sctp is not None
    for protocol in browser.connection.sctp.transport.transport._connection._protocols:
        protocol.transport.abort()
    await host.until(lambda: not host.places, seconds=30)
    assert guest.reason


async def test_a_conversation_that_ends_closes_the_connection(host: EchoHost, connect: Connect) -> None:
    browser = await connect()
    (guest,) = host.guests
    guest.send(AssistantText(id="a1", text="Goodbye."))
    await guest.aclose("the time limit was reached")
    assert (await browser.until(AssistantText)).text == "Goodbye."
    await asyncio.wait_for(browser.closed.wait(), 10)
    await host.until(lambda: not host.places)


async def test_a_fault_of_the_engine_ends_one_session_with_a_word(host: EchoHost, connect: Connect) -> None:
    browser, other = await connect(), await connect()
    await browser.say(TextInput(text="fail"))
    assert (await browser.until(ErrorMessage)).code == "internal"
    await host.until(lambda: len(host.places) == 1)
    await other.say(Ping(id=1))
    await other.until(Pong)


async def test_a_slow_reader_loses_its_connection_and_nobody_else_notices(host: EchoHost, connect: Connect) -> None:
    other, browser = await connect(), await connect()
    guest = host.guests[1]
    assert browser.connection.sctp is not None

    async def deaf(data: bytes) -> None:
        pass

    browser.connection.sctp._handle_data = deaf  # type: ignore[method-assign]
    for _ in range(400):
        guest.send(AssistantText(id="a1", text="x" * 8_000))
        await asyncio.sleep(0)
    await host.until(lambda: len(host.places) == 1)
    assert guest.reason == "it read too slowly"
    await other.say(Ping(id=1))
    await other.until(Pong)


async def test_the_end_of_the_server_ends_all(config: Config) -> None:
    host = EchoHost()
    async with door(host, config) as (connect, _):
        await connect()
        browser = await connect(None)
        assert len(host.places) == 2
    assert not host.places
    await asyncio.wait_for(browser.closed.wait(), 10)


async def test_sessions_leave_nothing_behind(host: EchoHost, config: Config) -> None:
    process = psutil.Process()

    def alive() -> int:
        gc.collect()
        names = ("agent.transports", "tests.transports", "aiortc.", "aioice.")
        return sum(str(type(thing).__module__).startswith(names) for thing in gc.get_objects())

    async def once(address: str) -> None:
        browser = Browser()
        await browser.connect(address)
        await browser.say(ClientHello())
        await browser.listen(lambda: len(browser.packets) > 3)
        await browser.connection.close()
        await host.until(lambda: not host.places)

    def state() -> tuple[int, int, int, int, int]:
        return alive(), len(asyncio.all_tasks()), threading.active_count(), process.num_fds(), process.memory_info().rss

    async with door(host, config) as (_, address):
        for _ in range(5):
            await once(address)
        await asyncio.sleep(0.2)
        before = state()
        for _ in range(20):
            await once(address)
        await asyncio.sleep(0.2)
        after = state()
    print(f"\nobjects, tasks, threads, files, bytes: {before} before, {after} after 20 sessions")
    assert after[0] <= before[0] + 20
    assert after[1] <= before[1]
    assert after[2] <= before[2]
    assert after[3] <= before[3] + 1
    assert after[4] <= before[4] * 1.05
