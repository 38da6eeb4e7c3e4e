"""Clients of the peer door that are hostile, broken or slow: an error in words, and nobody else notices."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import psutil
import pytest

from agent.config import Config, Limits
from agent.protocol.envelope import Envelope
from agent.protocol.frames import Frame, Kind
from agent.protocol.messages import (
    AssistantText,
    AudioChunk,
    ClientHello,
    ErrorMessage,
    Ping,
    Pong,
    ServerHello,
)
from agent.transports import webrtc_connection
from tests.transports.echo import TOKEN, EchoHost
from tests.transports.peer_client import AUTHORIZED, Connect, door, post


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
