"""The WebSocket door with real clients on a real server."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import gc
import json
import os
import socket
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import numpy as np
import pytest
import websockets
from fastapi import FastAPI
from websockets.asyncio.client import ClientConnection
from websockets.typing import Subprotocol

from agent.config import Config, Limits
from agent.protocol.envelope import Envelope, decode_server
from agent.protocol.frames import Flag, Frame, Kind, decode_frame
from agent.protocol.messages import (
    AssistantText,
    AudioChunk,
    ClientHello,
    ClientInterrupt,
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
    StartListen,
    StateUpdate,
    StopListen,
    TextInput,
    TtsAudioChunk,
)
from agent.protocol.parts import Joiner, split
from agent.transports import websocket
from agent.transports.opus import Decoder, Encoder
from agent.transports.websocket import websocket_router
from tests.transports.echo import TOKEN, EchoGuest, EchoHost, chirp, find, serving, verify

HELLO = {"v": 1, "type": "hello", "gen": 0, "seq": 0, "t": None, "d": {}}


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


@pytest.fixture
async def connect(host: EchoHost, config: Config) -> AsyncIterator[Connect]:
    async with door(host, config) as (connect, _):
        yield connect


def frames(pcm: np.ndarray, start: int = 0, size: int = 320) -> list[bytes]:
    return [Frame(Kind.MICROPHONE, pcm[i : i + size].tobytes(), t=start + i).to_bytes() for i in range(0, len(pcm), size)]


# ------------------------------------------------------------------------------------------------------------- the handshake


@pytest.mark.parametrize(
    ("subprotocols", "status", "code"),
    [
        ([], 401, "unauthorized"),
        (["visavis.v1"], 401, "unauthorized"),
        (["visavis.v1", "token.wrong"], 401, "unauthorized"),
        (["visavis.v1", "token."], 401, "unauthorized"),
        (["visavis.v1", f"token.{TOKEN}", "token.wrong"], 401, "unauthorized"),
        ([f"token.{TOKEN}"], 400, "bad_message"),
    ],
)
async def test_without_a_valid_token_there_is_no_handshake(
    host: EchoHost, config: Config, subprotocols: list[str], status: int, code: str
) -> None:
    async with door(host, config) as (_, address):
        offered = [Subprotocol(name) for name in subprotocols] or None
        with pytest.raises(websockets.InvalidStatus) as refused:
            await websockets.connect(f"ws://{address}/ws/session", subprotocols=offered)
        assert refused.value.response.status_code == status
        error = json.loads(refused.value.response.body or b"")["error"]
        assert error["code"] == code
        assert TOKEN not in json.dumps(error)
        assert not host.places


async def test_the_token_is_never_echoed_and_the_identity_reaches_the_host(host: EchoHost, connect: Connect) -> None:
    page = await connect()
    assert page.connection.subprotocol == "visavis.v1"
    assert page.connection.response is not None
    assert TOKEN not in str(page.connection.response.headers)
    assert "permessage-deflate" not in page.connection.response.headers.get("Sec-WebSocket-Extensions", "")
    assert host.identities == ["ann"]


@pytest.mark.parametrize(
    "first", [json.dumps({**HELLO, "type": "ping", "d": {"id": 1}}), "hello", json.dumps({**HELLO, "d": {"persona": 7}}), b"\1\1", "{"]
)
async def test_what_is_not_hello_ends_the_visit(host: EchoHost, connect: Connect, first: str | bytes) -> None:
    page = await connect(None)
    await page.connection.send(first)
    messages, code, reason = await page.closed()
    assert [message.code for message in messages if isinstance(message, ErrorMessage)] == ["hello_expected"]
    assert (code, reason) == (1008, "hello_expected")
    assert not host.places
    assert not host.opened


async def test_silence_instead_of_hello_ends_the_visit(host: EchoHost) -> None:
    async with door(host, Config(limits=Limits(hello_seconds=0.3))) as (connect, _):
        page = await connect(None)
        messages, code, _ = await page.closed()
        assert isinstance(messages[0], ErrorMessage)
        assert "within 0.3 s" in messages[0].message
        assert code == 1008
        assert not host.places


async def test_a_full_house_and_unready_models_are_told_before_the_door_closes(config: Config) -> None:
    for host, expected in ((EchoHost(capacity=0), "busy"), (EchoHost(ready=False), "not_ready")):
        async with door(host, config) as (connect, _):
            page = await connect(None)
            messages, code, reason = await page.closed()
            assert isinstance(messages[0], ErrorMessage)
            assert messages[0].code == reason == expected
            assert messages[0].retry_ms
            assert code == 1013


async def test_an_unknown_persona_is_an_error_that_names_the_known(host: EchoHost, connect: Connect) -> None:
    page = await connect(None)
    await page.say(ClientHello(persona="nobody"))
    messages, code, reason = await page.closed()
    assert isinstance(messages[0], ErrorMessage)
    assert "nobody" in messages[0].message
    assert "default" in messages[0].message
    assert (code, reason) == (1008, "unknown_persona")
    assert not host.places


# ------------------------------------------------------------------------------------------------------------- sound


@pytest.mark.parametrize("down", ["json pcm", "binary pcm", "json opus", "binary opus"])
@pytest.mark.parametrize("up", ["json", "binary", "opus"])
async def test_what_is_said_comes_back(connect: Connect, up: str, down: str) -> None:
    framing, codec = down.split()
    hello = ClientHello.model_validate({"wants": ["binary"] if framing == "binary" else [], "audio": {"down": codec}})
    page = await connect(hello)
    sweep = np.concatenate((chirp(0.3, 16_000), np.zeros(1_600, np.int16)))
    began = time.monotonic()
    encoder = Encoder()
    at_48 = np.repeat(sweep, 3)

    async def speak() -> None:
        for i in range(len(sweep) // 320):
            pcm = sweep[320 * i : 320 * (i + 1)].tobytes()
            match up:
                case "json":
                    await page.say(AudioChunk(seq=i, data=base64.b64encode(pcm).decode()))
                case "binary":
                    await page.connection.send(Frame(Kind.MICROPHONE, pcm, t=320 * i).to_bytes())
                case "opus":
                    packet = encoder.encode(at_48[960 * i : 960 * (i + 1)])
                    await page.connection.send(Frame(Kind.MICROPHONE, packet, t=320 * i, flags=Flag.OPUS).to_bytes())
            await asyncio.sleep(max(0, began + 0.02 * (i + 1) - time.monotonic()))

    first_sent = time.monotonic()
    speaking = asyncio.create_task(speak())
    decoder = Decoder()

    def heard() -> np.ndarray:
        return np.concatenate([np.frombuffer(p, "<i2") if codec == "pcm" else decoder.decode(p) for _, p, _ in page.sound])

    rate = 24_000 if codec == "pcm" else 48_000
    await page.listen(lambda: sum(len(p) / 960 if codec == "pcm" else 1 for _, p, _ in page.sound) >= 19)
    await speaking
    step = 1_920 if codec == "pcm" else 960
    assert min(np.diff([t for t, _, _ in page.sound])) >= 960
    _, fit = find(chirp(0.3, rate), np.concatenate((heard(), np.zeros(2_000, np.int16))))
    assert fit > 0.9
    print(
        f"\n{up} up, {down} down: first sound back after {1e3 * (page.sound[0][2] - first_sent):.1f} ms (of which {step // 48} ms are the chunk)"
    )


async def test_chunks_out_of_order_twice_and_lost_are_put_right(host: EchoHost, connect: Connect) -> None:
    page = await connect()
    sound = chirp(0.4, 16_000)
    chunks = frames(sound)
    lost = 9
    order = [0, 2, 1, 3, 3, 4, 7, 6, 5, 8, *range(lost + 1, len(chunks))]
    for i in order:
        await page.connection.send(chunks[i])
    (guest,) = host.guests
    await guest.until(lambda: len(guest.heard) == sound.nbytes)
    expected = sound.copy()
    expected[320 * lost : 320 * (lost + 1)] = 0
    assert bytes(guest.heard) == expected.tobytes()


async def test_a_closed_microphone_leaves_nothing_behind(host: EchoHost, connect: Connect) -> None:
    page = await connect()
    sound = chirp(0.1, 16_000)
    chunks = frames(sound)
    await page.say(StartListen())
    for chunk in (chunks[0], chunks[2]):
        await page.connection.send(chunk)
    await page.say(StopListen())
    (guest,) = host.guests
    await guest.until(lambda: len(guest.received) == 2)
    assert len(guest.heard) == 3 * 640


async def test_an_answer_comes_ahead_of_real_time_but_not_far(host: EchoHost, connect: Connect) -> None:
    page = await connect(ClientHello(wants=["binary"]))
    (guest,) = host.guests
    answer = chirp(2.0, 48_000)
    began = time.monotonic()
    guest.say(answer)
    await page.listen(lambda: len(page.sound) == 50)
    t0 = page.sound[0][0]
    lead = [(t - t0) / 48_000 - (at - began) for t, _, at in page.sound]
    print(
        f"\nfirst chunk after {1e3 * (page.sound[0][2] - began):.1f} ms; lead over real time {1e3 * min(lead[5:]):.0f} to {1e3 * max(lead):.0f} ms"
    )
    assert 0.1 < max(lead) < 0.3


async def test_an_interrupt_lets_nothing_older_through(host: EchoHost, connect: Connect) -> None:
    page = await connect(ClientHello(wants=["binary"]))
    (guest,) = host.guests
    guest.say(chirp(5.0, 48_000))
    await page.listen(lambda: len(page.sound) >= 5)
    await page.say(ClientInterrupt())
    await page.until(ServerInterrupt)
    sound = len(page.sound)
    assert isinstance((await page.next()).message, StateUpdate)
    await page.say(Ping(id=1))
    await page.until(Pong)
    assert len(page.sound) == sound
    guest.say(chirp(0.2, 48_000))
    await page.listen(lambda: len(page.sound) > sound)


# ------------------------------------------------------------------------------------------------------------- words


async def test_large_messages_travel_in_parts_both_ways(host: EchoHost, connect: Connect) -> None:
    page = await connect()
    text = "第三展厅：商代铜钟。" * 3_000
    for part in split(Envelope(ContextUpdate(version=1, text=text)), "p1"):
        await page.say(part.message)
    assert (await page.until(AssistantText)).text == text
    assert host.guests[0].received[0].message.text == text


async def test_a_page_of_1_mib_travels_both_ways(connect: Connect) -> None:
    page = await connect()
    content = base64.b64encode(os.urandom(1024 * 1024)).decode()
    for part in split(Envelope(PageState(round=1, version=1, content=content)), "p1"):
        await page.say(part.message)
    assert (await page.until(Restore)).content == content


async def test_a_message_in_one_frame_may_be_large_too(connect: Connect) -> None:
    page = await connect()
    await page.say(ContextUpdate(version=1, text="x" * 60_000))
    assert (await page.until(AssistantText)).text == "x" * 60_000


async def test_server_messages_are_numbered_without_gaps(connect: Connect) -> None:
    page = await connect(ClientHello())
    for i in range(5):
        await page.say(Ping(id=i))
        await page.connection.send("{")
        await page.connection.send(frames(chirp(0.04, 16_000), start=320 * i)[0])
    await page.listen(lambda: len([e for e in page.envelopes if isinstance(e.message, ErrorMessage)]) == 5 and len(page.sound) >= 2)
    assert [envelope.seq for envelope in page.envelopes] == list(range(1, len(page.envelopes) + 1))


async def test_errors_of_the_door_bear_the_current_generation(host: EchoHost, connect: Connect) -> None:
    page = await connect()
    host.guests[0].gen = 7
    await page.say(Ping(id=1))
    await page.until(Pong)
    await page.connection.send("{")
    envelope = await page.next()
    assert isinstance(envelope.message, ErrorMessage)
    assert envelope.gen == 7


# ------------------------------------------------------------------------------------------------------------- bad input


def raw(**change: Any) -> str:
    return json.dumps({**HELLO, **change})


BAD = {
    "no JSON": ("hello?", "bad_json"),
    "half a surrogate": ('{"v": 1, "type": "ping", "d": {"id": "\\ud800"}}', "bad_json"),
    "no object": ("[1, 2]", "bad_envelope"),
    "no version": ('{"type": "ping"}', "bad_envelope"),
    "another version": (raw(v=2), "bad_envelope"),
    "a number out of range": (raw(seq=-1), "bad_envelope"),
    "an unknown type": (raw(type="sing"), "unknown_type"),
    "a missing field": (raw(type="ping"), "bad_message"),
    "a text that is too long": (raw(type="text_input", d={"text": "x" * 8_001}), "bad_message"),
    "10 MB of text": (raw(type="text_input", d={"text": "x" * 10_000_000}), "too_large"),
    "10 MB of nothing": ("x" * 10_000_000, "too_large"),
    "a part of nothing": (raw(type="part", d={"id": "p", "i": 7, "n": 2, "data": "x"}), "bad_message"),
    "a frame that is too short": (b"\1\1\0", "bad_frame"),
    "a frame of another version": (b"\2" + Frame(Kind.MICROPHONE, b"12").to_bytes()[1:], "bad_frame"),
    "a frame of an unknown kind": (b"\1\x09" + Frame(Kind.MICROPHONE, b"12").to_bytes()[2:], "bad_frame"),
    "a frame of the answer's kind": (Frame(Kind.ANSWER, b"12").to_bytes(), "bad_frame"),
    "a frame that is too long": (Frame(Kind.MICROPHONE, bytes(17_000)).to_bytes(), "bad_frame"),
    "an odd number of bytes": (Frame(Kind.MICROPHONE, b"123").to_bytes(), "bad_frame"),
    "no Opus": (Frame(Kind.MICROPHONE, b"\xfa\xf0\xff", flags=Flag.OPUS).to_bytes(), "bad_audio"),
    "a wrong rate": (raw(type="audio_chunk", d={"seq": 1, "sample_rate": 44100, "data": "AAAA"}), "bad_audio"),
    "no base64": (raw(type="audio_chunk", d={"seq": 1, "data": "*"}), "bad_audio"),
    "an odd chunk": (raw(type="audio_chunk", d={"seq": 1, "data": "AA=="}), "bad_audio"),
    "half a second in a chunk": (raw(type="audio_chunk", d={"seq": 1, "data": "A" * 16_388}), "bad_message"),
}


@pytest.mark.parametrize("name", BAD)
async def test_what_cannot_be_understood_is_an_error_and_the_session_goes_on(host: EchoHost, connect: Connect, name: str) -> None:
    data, code = BAD[name]
    page = await connect()
    await page.connection.send(data)
    error = await page.until(ErrorMessage)
    assert (error.code, error.recoverable) == (code, True)
    assert len(error.message) < 1_000
    await page.say(Ping(id=5))
    assert (await page.until(Pong)).id == 5
    sound = chirp(0.02, 16_000)
    for frame in frames(sound, start=10**9):
        await page.connection.send(frame)
    (guest,) = host.guests
    await guest.until(lambda: guest.heard.endswith(sound.tobytes()))


async def test_invalid_utf8_ends_its_own_connection_only(host: EchoHost, connect: Connect) -> None:
    page, other = await connect(), await connect()
    await page.connection.send(b"\xff\xfe{", text=True)
    _, code, _ = await page.closed()
    assert code == 1007
    await host.until(lambda: len(host.places) == 1)
    await other.say(Ping(id=1))
    assert (await other.until(Pong)).id == 1


async def test_a_flood_is_limited_and_the_session_goes_on(host: EchoHost, connect: Connect, config: Config) -> None:
    page, other = await connect(), await connect(ClientHello(wants=["binary"]))
    quiet = host.guests[1]
    quiet.say(chirp(2.0, 48_000))
    await other.listen(lambda: len(other.sound) >= 5)
    began = time.monotonic()
    for i in range(5_000):
        await page.connection.send(raw(type="ping", d={"id": i}))
    took = time.monotonic() - began
    await other.listen(lambda: len(other.sound) >= 45)
    steps = np.diff([at for _, _, at in other.sound[5:]])
    print(
        f"\n5,000 messages in {took:.2f} s; the neighbour's chunks came {1e3 * steps.mean():.0f} ms apart, at worst {1e3 * steps.max():.0f} ms"
    )
    await asyncio.sleep(1.2)
    await page.say(Ping(id=10_000))
    while (await page.until(Pong)).id != 10_000:
        pass
    told = [envelope.message for envelope in page.envelopes if isinstance(envelope.message, ErrorMessage)]
    answered = [envelope for envelope in page.envelopes if isinstance(envelope.message, Pong)]
    limit = config.limits.messages_per_second
    assert {error.code for error in told} == {"rate_limited"}
    assert 1 <= len(told) <= took + 3
    assert len(answered) <= limit * (took + 4)


async def test_a_flood_of_sound_is_limited(host: EchoHost, connect: Connect) -> None:
    page = await connect()
    for i in range(400):
        await page.connection.send(Frame(Kind.MICROPHONE, bytes(2 * 3_200), t=3_200 * i).to_bytes())
    error = await page.until(ErrorMessage)
    assert error.code == "bad_audio"
    assert "real time" in error.message
    assert len(host.guests[0].heard) / 32_000 < 20


async def test_a_fault_of_the_engine_ends_one_session_with_a_word(
    host: EchoHost, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    page, other = await connect(), await connect()
    await page.say(TextInput(text="fail"))
    messages, code, reason = await page.closed()
    assert [message.code for message in messages if isinstance(message, ErrorMessage)] == ["internal"]
    assert (code, reason) == (1011, "internal")
    assert "a fault of the engine" in caplog.text
    await other.say(Ping(id=1))
    await other.until(Pong)
    assert len(host.places) == 1


# ------------------------------------------------------------------------------------------------------------- the end


async def test_a_client_that_closes_ends_its_conversation(host: EchoHost, connect: Connect) -> None:
    page = await connect()
    (guest,) = host.guests
    await page.connection.close()
    await host.until(lambda: not host.places)
    assert guest.reason == "the client left (1000)"


async def test_a_client_that_vanishes_ends_its_conversation(host: EchoHost, connect: Connect) -> None:
    page = await connect()
    (guest,) = host.guests
    page.connection.transport.abort()
    await host.until(lambda: not host.places)
    assert guest.reason is not None


async def test_a_conversation_that_ends_closes_the_connection(host: EchoHost, connect: Connect) -> None:
    page = await connect()
    (guest,) = host.guests
    guest.send(AssistantText(id="a1", text="Goodbye."))
    await guest.aclose("the time limit was reached")
    messages, code, _ = await page.closed()
    assert [message.text for message in messages if isinstance(message, AssistantText)] == ["Goodbye."]
    assert code == 1000


async def test_a_last_word_of_the_conversation_names_the_close_code(host: EchoHost, connect: Connect) -> None:
    page = await connect()
    (guest,) = host.guests
    guest.send(ErrorMessage(code="internal", message="a fault", recoverable=False))
    await guest.aclose("a task failed")
    _, code, reason = await page.closed()
    assert (code, reason) == (1011, "internal")


async def deaf(address: str) -> socket.socket:
    """A client that says hello and never reads again; its receive buffer is small."""
    loop = asyncio.get_running_loop()
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    connection.setblocking(False)
    name, port = address.split(":")
    await loop.sock_connect(connection, (name, int(port)))
    request = (
        f"GET /ws/session HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        f"Sec-WebSocket-Key: {base64.b64encode(bytes(16)).decode()}\r\nSec-WebSocket-Protocol: visavis.v1, token.{TOKEN}\r\n\r\n"
    )
    await loop.sock_sendall(connection, request.encode())
    assert b"101" in await loop.sock_recv(connection, 4_096)
    hello = json.dumps(HELLO).encode()
    await loop.sock_sendall(connection, bytes((0x81, 0x80 | len(hello))) + bytes(4) + hello)
    return connection


async def test_a_slow_reader_loses_its_connection_and_nobody_else_notices(host: EchoHost, config: Config) -> None:
    async with door(host, config) as (connect, address):
        other = await connect(ClientHello(wants=["binary"]))
        host.guests[0].say(chirp(4.0, 48_000))
        with contextlib.closing(await deaf(address)) as connection:
            await host.until(lambda: len(host.guests) == 2)
            guest: EchoGuest = host.guests[1]
            for _ in range(40):
                for _ in range(50):
                    guest.send(AssistantText(id="a1", text="x" * 8_000))
                await asyncio.sleep(0)
                if guest.reason is not None:
                    break
            await host.until(lambda: len(host.places) == 1)
            assert guest.reason == "it read too slowly"
            await other.listen(lambda: len(other.sound) >= 60)
            steps = np.diff([at for _, _, at in other.sound[5:]])
            print(f"\nthe neighbour's chunks came {1e3 * steps.mean():.0f} ms apart, at worst {1e3 * steps.max():.0f} ms")
            assert steps.max() < 0.5
            await gone(connection)


async def test_a_client_that_answers_no_ping_has_vanished(host: EchoHost, config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even when so much waits to be sent to it that a close in good order would never come to its end."""
    monkeypatch.setattr(websocket, "ABORT_SECONDS", 0.5)
    async with door(host, config, ws_ping_interval=0.3, ws_ping_timeout=0.3) as (_, address):
        with contextlib.closing(await deaf(address)):
            await host.until(lambda: bool(host.guests))
            (guest,) = host.guests
            for _ in range(400):
                guest.send(AssistantText(id="a1", text="x" * 8_000))
            await host.until(lambda: not host.places)
            assert guest.reason is not None
            assert "slowly" not in guest.reason


async def gone(connection: socket.socket) -> None:
    """Wait until the server has given up the socket: reading it ends, or fails."""
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(15):
        with contextlib.suppress(ConnectionError):
            while await loop.sock_recv(connection, 65_536):
                pass


async def test_a_slow_reader_that_wakes_up_reads_why(host: EchoHost) -> None:
    """The bound is reached while the socket still takes something: the last word arrives."""
    async with door(host, Config(limits=Limits(send_queue=16))) as (connect, _):
        page = await connect()
        (guest,) = host.guests
        for _ in range(20):
            guest.send(StateUpdate(state="idle"))
        messages, code, reason = await page.closed()
        assert isinstance(messages[-1], ErrorMessage)
        assert messages[-1].code == "slow_reader"
        assert (code, reason) == (4000, "slow_reader")


async def test_sessions_leave_nothing_behind(host: EchoHost, connect: Connect) -> None:
    def alive() -> int:
        gc.collect()
        return sum(str(type(thing).__module__).startswith(("agent.transports", "tests.transports.echo")) for thing in gc.get_objects())

    async def once() -> None:
        page = await connect(ClientHello(wants=["binary"]))
        for frame in frames(chirp(0.1, 16_000)):
            await page.connection.send(frame)
        await page.listen(lambda: bool(page.sound))
        await page.connection.close()
        await host.until(lambda: not host.places)

    await once()
    tasks, before = len(asyncio.all_tasks()), alive()
    for _ in range(20):
        await once()
    await asyncio.sleep(0.1)
    assert len(asyncio.all_tasks()) <= tasks
    assert alive() <= before
