"""The WebSocket door with real clients on a real server."""

from __future__ import annotations

import asyncio
import base64
import gc
import os
import time

import numpy as np
import pytest

from agent.config import Config
from agent.protocol.envelope import Envelope
from agent.protocol.frames import Flag, Frame, Kind
from agent.protocol.messages import (
    AssistantText,
    AudioChunk,
    ClientHello,
    ClientInterrupt,
    ContextUpdate,
    ErrorMessage,
    PageState,
    Ping,
    Pong,
    Restore,
    ServerInterrupt,
    StartListen,
    StateUpdate,
    StopListen,
    TextInput,
)
from agent.protocol.parts import split
from agent.transports.opus import Decoder, Encoder
from tests.transports.echo import TOKEN, EchoHost, chirp, find
from tests.transports.websocket_client import Connect, door, frames


async def test_the_token_is_never_echoed_and_the_identity_reaches_the_host(host: EchoHost, connect: Connect) -> None:
    page = await connect()
    assert page.connection.subprotocol == "visavis.v1"
    assert page.connection.response is not None
    assert TOKEN not in str(page.connection.response.headers)
    assert "permessage-deflate" not in page.connection.response.headers.get("Sec-WebSocket-Extensions", "")
    assert host.identities == ["ann"]


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
