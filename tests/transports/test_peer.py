"""The peer door with a real aiortc client on a real server."""

from __future__ import annotations

import asyncio
import base64
import gc
import os
import re
import socket
import threading
import time
from typing import Any

import aioice.ice
import aioice.mdns
import numpy as np
import psutil
import pytest

from agent.config import Config, Ice
from agent.protocol.envelope import Envelope
from agent.protocol.messages import (
    AssistantText,
    ClientHello,
    ClientInterrupt,
    Clock,
    ContextUpdate,
    ErrorMessage,
    PageState,
    Ping,
    Pong,
    Restore,
    ServerInterrupt,
    TextInput,
)
from agent.protocol.parts import split
from agent.transports import webrtc_connection
from tests.transports.echo import EchoHost, chirp, find
from tests.transports.peer_client import Browser, Connect, door, post


async def test_a_full_house_and_unready_models_are_told(config: Config, real_offer: str) -> None:
    for host, code in ((EchoHost(capacity=0), "busy"), (EchoHost(ready=False), "not_ready")):
        async with door(host, config) as (_, address):
            response = await post(address, {"sdp": real_offer, "type": "offer"})
            assert response.status_code == 503
            assert response.json()["error"]["code"] == code
            assert int(response.headers["Retry-After"]) >= 1


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


async def test_server_messages_are_numbered_without_gaps(connect: Connect) -> None:
    browser = await connect()
    for i in range(5):
        await browser.say(Ping(id=i))
        browser.channel.send("{")
    await browser.listen(lambda: len(browser.envelopes) >= 11)
    assert [envelope.seq for envelope in browser.envelopes] == list(range(1, len(browser.envelopes) + 1))


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
