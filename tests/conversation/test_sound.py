"""A conversation whose sound is recorded: announced, both sides at the samples of their blocks, and only what was heard."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agent.config import Config
from agent.config import Journal as Settings
from agent.conversation.host import ConversationHost
from agent.protocol.envelope import Envelope
from agent.protocol.messages import (
    RATE,
    ClientHello,
    ClientInterrupt,
    GenerationEnd,
    Message,
    ServerHello,
    ServerInterrupt,
    StopListen,
    TextInput,
)
from agent.sessions.chronicle import Chronicler
from agent.sessions.placing import Pcm
from agent.sessions.store import events_of
from agent.sessions.stores import open_store, recordings_of
from agent.sessions.tracks import FRAME, LEFT, RIGHT
from bench.instant import InstantEngines
from tests.conversation.client import VOICE, Client, begin, speak
from tests.sessions.sounds import played

Recorded = tuple[ConversationHost, Chronicler]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(url=f"sqlite:///{tmp_path / 'journal.sqlite3'}", recording=True)


@pytest.fixture
async def recorded(settings: Settings, engines: InstantEngines) -> AsyncIterator[Recorded]:
    chronicler = Chronicler(settings)
    chronicler.start()
    host = ConversationHost(Config(journal=settings), engines, chronicle=chronicler.open)
    yield host, chronicler
    await host.aclose()
    await chronicler.aclose()


def envelope(message: Message) -> Envelope[Any]:
    return Envelope(message, 0, 1, None)


async def sound_of(recorded: Recorded, settings: Settings, session: str) -> tuple[Pcm, int]:
    """The recording, and the media sample with which it begins, by the journal."""
    host, chronicler = recorded
    await host.aclose()
    await chronicler.aclose()
    store = open_store(settings)
    (d,) = [event.d async for event in events_of(store, session) if event.type == "recording"]
    await store.aclose()
    return played(recordings_of(settings).folder / d["file"]), d["t0"]


def loud(sound: Pcm) -> Any:
    return np.flatnonzero(np.abs(sound.astype(int)) > 500)


async def test_the_answer_is_recorded_where_it_was_played(recorded: Recorded, settings: Settings) -> None:
    conversation, client = await begin(recorded[0])
    assert client.messages(ServerHello)[0].recorded
    conversation.receive(envelope(TextInput(text="Hello")))
    await client.until_count(GenerationEnd, 1)
    await conversation.aclose("done")
    sound, t0 = await sound_of(recorded, settings, conversation.session_id)
    sounding = [block for block in client.blocks if not block.blank]
    given = np.concatenate([block.pcm for block in sounding]).astype(float)
    begin_at = sounding[0].t - t0
    heard = sound[begin_at : begin_at + len(given), RIGHT].astype(float)
    assert np.corrcoef(given[: len(heard)], heard)[0, 1] > 0.95, "sample by sample"
    assert not loud(sound[:, LEFT]).size


async def test_the_user_is_recorded_while_the_microphone_is_listened_to(recorded: Recorded, settings: Settings) -> None:
    conversation, client = await begin(recorded[0])
    begun: list[int] = []
    for part in range(0, 6_400, 320):
        await client.until(lambda: len(client.blocks) > len(begun) + 5)
        begun.append(client.blocks[-1].t)
        speak(conversation, VOICE[part : part + 320])
    conversation.receive(envelope(StopListen()))
    stopped = client.blocks[-1].t
    for _ in range(20):
        count = len(client.blocks)
        await client.until(lambda count=count: len(client.blocks) > count)
        speak(conversation, VOICE[:320])
    await conversation.aclose("done")
    sound, t0 = await sound_of(recorded, settings, conversation.session_id)
    voiced = loud(sound[:, LEFT]) + t0
    assert abs(voiced[0] - begun[0]) < 3 * FRAME
    assert voiced[-1] <= stopped + 3 * FRAME


class AheadClient(Client):
    ahead_seconds = 0.2


async def test_what_was_called_back_from_a_door_that_takes_sound_ahead_is_not_in_the_recording(
    recorded: Recorded, settings: Settings
) -> None:
    client = AheadClient()
    conversation = await recorded[0].open(client, ClientHello())
    conversation.receive(envelope(TextInput(text="Hello")))
    await client.until(lambda: sum(not block.blank for block in client.blocks) > 60)
    due = conversation.media_now()
    conversation.receive(envelope(ClientInterrupt()))
    await client.until_count(ServerInterrupt, 1)
    handed = max(block.t for block in client.blocks if not block.blank) + FRAME
    assert handed - due > RATE // 10, "it was ahead"
    await asyncio.sleep(0.3)
    await conversation.aclose("done")
    sound, t0 = await sound_of(recorded, settings, conversation.session_id)
    assert abs(loud(sound[:, RIGHT])[-1] + t0 - due) <= 2 * FRAME


async def test_what_nobody_hears_any_more_is_not_in_the_recording(recorded: Recorded, settings: Settings) -> None:
    client = AheadClient()
    conversation = await recorded[0].open(client, ClientHello())
    conversation.receive(envelope(TextInput(text="Hello")))
    await client.until(lambda: sum(not block.blank for block in client.blocks) > 60)
    due = conversation.media_now()
    await conversation.aclose("the client left")
    sound, t0 = await sound_of(recorded, settings, conversation.session_id)
    assert abs(loud(sound[:, RIGHT])[-1] + t0 - due) <= 2 * FRAME
