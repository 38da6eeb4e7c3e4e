"""Clients of the WebSocket door that are hostile, broken or slow: an error in words, and nobody else notices."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import socket
import time
from typing import Any

import numpy as np
import pytest
import websockets
from websockets.typing import Subprotocol

from agent.config import Config, Limits
from agent.protocol.frames import Flag, Frame, Kind
from agent.protocol.messages import (
    AssistantText,
    ClientHello,
    ErrorMessage,
    Ping,
    Pong,
    StateUpdate,
)
from agent.transports import websocket
from tests.transports.echo import TOKEN, EchoGuest, EchoHost, chirp
from tests.transports.websocket_client import Connect, door, frames

HELLO = {"v": 1, "type": "hello", "gen": 0, "seq": 0, "t": None, "d": {}}


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
