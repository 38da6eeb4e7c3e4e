"""Both doors before real conversations (AgentSession, instant engines): the host's places, the order of an answer, and its sound."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agent.config import Config, Journal
from agent.conversation.host import ConversationHost
from agent.media.arkit import ARKIT
from agent.media.blendshapes import FPS, PACKET_FRAMES, SAMPLES
from agent.protocol.messages import (
    AssistantText,
    AssistantTextDelta,
    ClientHello,
    ClientInterrupt,
    Clock,
    GenerationEnd,
    GenerationStart,
    ServerInterrupt,
    StateUpdate,
    TextInput,
)
from agent.sessions.chronicle import Chronicler
from agent.sessions.sqlite import SqliteStore
from agent.sessions.store import state_of
from bench.instant import InstantEngines
from tests.transports import peer_client, websocket_client

CONFIG = Config.model_validate({"limits": {"sessions": 2}, "personas": {"default": {"greeting": ""}}})


@pytest.fixture
async def chronicler(tmp_path: Path) -> AsyncIterator[Chronicler]:
    chronicler = Chronicler(Journal(url=f"sqlite:///{tmp_path / 'journal.sqlite3'}"))
    chronicler.start()
    yield chronicler
    await chronicler.aclose()


@pytest.fixture
async def real_host(chronicler: Chronicler) -> AsyncIterator[ConversationHost]:
    host = ConversationHost(CONFIG, InstantEngines(), sessions=chronicler)
    yield host
    await host.aclose()


@pytest.fixture(params=["peer", "ws"])
async def enter(request: pytest.FixtureRequest, real_host: ConversationHost) -> AsyncIterator[Callable[..., Awaitable[Any]]]:
    """Connects a client through the door."""
    doors: Any = peer_client.door if request.param == "peer" else websocket_client.door
    async with doors(real_host, CONFIG) as (connect, _):
        yield connect


def kinds(client: Any) -> list[type]:
    return [type(envelope.message) for envelope in client.envelopes]


async def empty(host: ConversationHost, seconds: float = 10) -> None:
    async with asyncio.timeout(seconds):
        while host.count:  # noqa: ASYNC110 - the host tells nobody
            await asyncio.sleep(0.02)


async def test_an_answer_comes_in_words_and_sound(enter: Callable[..., Awaitable[Any]]) -> None:
    client = await enter()
    await client.say(TextInput(text="What can you do?"))
    start = await client.until(GenerationStart)
    text = await client.until(AssistantText)
    end = await client.until(GenerationEnd)
    assert text.text
    assert not text.interrupted
    order = [kind for kind in kinds(client) if kind in (GenerationStart, AssistantTextDelta, AssistantText, GenerationEnd)]
    assert order[0] is GenerationStart
    assert order[-2:] == [AssistantText, GenerationEnd]
    said = "".join(e.message.text for e in client.envelopes if isinstance(e.message, AssistantTextDelta))
    assert said.strip() == text.text
    assert [envelope.seq for envelope in client.envelopes] == list(range(1, len(client.envelopes) + 1))
    if isinstance(client, websocket_client.Page):
        assert client.sound[0][0] == start.t0
        assert client.sound[-1][0] < end.t_end
        loud = np.frombuffer(client.sound[1][1], "<i2")
    else:
        clock = next(e.message for e in client.envelopes if isinstance(e.message, Clock))
        place = (clock.rtp + start.t0 - clock.t - client.packets[0][0]) & 0xFFFFFFFF
        await client.listen(lambda: len(client.packets) * 960 > place + 9_600)
        recording = client.heard()
        loud = recording[place : place + 4_800]
        onset = int(np.argmax(np.abs(recording.astype(int)) > 1_000))
        assert place - 120 <= onset <= place + 480
    assert np.abs(loud.astype(int)).max() > 1_000


async def test_what_came_through_a_door_is_in_the_journal(
    enter: Callable[..., Awaitable[Any]], real_host: ConversationHost, chronicler: Chronicler, tmp_path: Path
) -> None:
    client = await enter()
    await client.say(TextInput(text="What can you do?"))
    answer = await client.until(AssistantText)
    await client.until(GenerationEnd)
    await client.connection.close()
    await empty(real_host)
    await chronicler.aclose()
    store = SqliteStore(tmp_path / "journal.sqlite3")
    (session,) = await store.sessions()
    events = await store.read(session.session)
    assert events[0].d["door"] == ("ws" if isinstance(client, websocket_client.Page) else "peer")
    assert events[0].d["user"]
    assert session.user == events[0].d["user"]
    assert session.ended is not None
    assert [item.text for item in (await state_of(store, session.session)).items] == ["What can you do?", answer.text]
    await store.aclose()


async def test_an_interrupt_is_the_end_of_the_answer(enter: Callable[..., Awaitable[Any]]) -> None:
    client = await enter()
    await client.say(TextInput(text="What can you do?"))
    await client.until(AssistantTextDelta)
    await client.say(ClientInterrupt())
    await client.until(ServerInterrupt)
    cut = next(i for i, kind in enumerate(kinds(client)) if kind is ServerInterrupt)
    gen = client.envelopes[cut].gen
    await client.until(StateUpdate)
    await client.say(TextInput(text="And now?"))
    await client.until(GenerationEnd)
    assert all(envelope.gen >= gen for envelope in client.envelopes[cut:])


async def test_a_face_comes_to_a_client_that_asks_for_it(enter: Callable[..., Awaitable[Any]]) -> None:
    client = await enter(ClientHello(wants=["binary", "blendshapes"]))
    await client.say(TextInput(text="What can you do?"))
    start = await client.until(GenerationStart)
    end = await client.until(GenerationEnd)
    packets = sorted(client.faces, key=lambda frame: frame.seq)
    for packet in packets:
        assert packet.payload[:2] == bytes((FPS, PACKET_FRAMES))
        assert len(packet.payload) == 2 + PACKET_FRAMES * len(ARKIT)
    shown = {
        packet.t + k * SAMPLES: packet.payload[2 + k * len(ARKIT) + ARKIT.index("jawOpen")]
        for packet in packets
        for k in range(PACKET_FRAMES)
    }
    assert max(jaw for t, jaw in shown.items() if start.t0 <= t < end.t_end) > 50
    assert all(jaw == 0 for t, jaw in shown.items() if t < start.t0 - SAMPLES)


async def test_a_face_does_not_come_unasked(enter: Callable[..., Awaitable[Any]]) -> None:
    client = await enter()
    await client.say(TextInput(text="What can you do?"))
    await client.until(GenerationEnd)
    assert client.faces == []


async def test_a_client_that_leaves_frees_its_place_and_the_next_comes_in(
    enter: Callable[..., Awaitable[Any]], real_host: ConversationHost
) -> None:
    for _ in range(2):
        clients = [await enter(), await enter()]
        assert real_host.count == 2
        for client in clients:
            await client.connection.close()
        await empty(real_host)


async def test_a_host_that_shuts_down_closes_the_doors(enter: Callable[..., Awaitable[Any]], real_host: ConversationHost) -> None:
    client = await enter()
    await real_host.aclose()
    assert real_host.count == 0
    if isinstance(client, websocket_client.Page):
        assert (await client.closed())[1] == 1000
    else:
        await asyncio.wait_for(client.closed.wait(), 10)
