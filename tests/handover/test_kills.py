"""Workers that are killed, stopped and told to end while somebody talks with them through a real livekit-server, over a real Redis: what is heard, word by word."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest

from agent.config import Journal as Settings
from bench.broken_off import MOMENTS, BrokenOff, gone_on, stopped, told_to_end
from bench.marked_client import MarkedClient
from bench.worker_pool import worker_pool
from tests.handover.conftest import MortalServer

pytestmark = pytest.mark.livekit
ROOM = "room-1"
WORDS = 10


async def test_a_conversation_outlives_its_workers(mortal_server: MortalServer, shared_journal: Settings, tmp_path: Path) -> None:
    """Killed while it speaks and while it thinks; stopped, and awake again when another goes on; and told to end, between two answers."""
    async with worker_pool(mortal_server.now, shared_journal, tmp_path, 2) as pool:
        client = MarkedClient(mortal_server.now, ROOM)
        await client.join()
        talk = BrokenOff(client, pool, ROOM, random.Random(1))
        await talk.ask(WORDS, "speaking")
        await pool.start()
        await talk.ask(WORDS, "thinking")
        await pool.start()
        frozen = await pool.holder(ROOM)
        await talk.ask(WORDS, "speaking", stopped)
        gone_on(frozen)
        leaving = await pool.holder(ROOM, other_than=frozen)
        hellos, told = len(client.hellos), len(client.told)
        told_to_end(leaving)
        assert await client.until(lambda: len(client.hellos) > hellos, 10)
        assert await pool.holder(ROOM, other_than=leaving) == frozen
        assert len(client.told) == told
        await talk.ask(WORDS, "never")
        assert await talk.end(shared_journal) == []
        assert len(client.hellos) == 5
        assert all(hello.resumed for _, hello in client.hellos[1:])
        await client.leave()


@pytest.mark.parametrize("seconds", [1.0])
async def test_a_conversation_outlives_livekit_server(
    mortal_server: MortalServer, shared_journal: Settings, tmp_path: Path, seconds: float
) -> None:
    async with worker_pool(mortal_server.now, shared_journal, tmp_path, 2) as pool:
        client = MarkedClient(mortal_server.now, ROOM)
        await client.join()
        talk = BrokenOff(client, pool, ROOM, random.Random(2))
        await talk.ask(WORDS, "never")
        asking = asyncio.create_task(talk.ask(2 * WORDS, "never"))
        assert await client.until(lambda: client.words_of(2) >= 3, 10)
        await mortal_server.kill()
        await asyncio.sleep(seconds)  # it is away for so long
        await mortal_server.start()
        await asking
        assert await talk.end(shared_journal) == []
        await client.leave()


@pytest.mark.soak
@pytest.mark.timeout(1_200)
@pytest.mark.parametrize("seed", range(3))
async def test_thirty_kills_at_random_moments(mortal_server: MortalServer, shared_journal: Settings, tmp_path: Path, seed: int) -> None:
    dice = random.Random(seed)
    async with worker_pool(mortal_server.now, shared_journal, tmp_path, 2) as pool:
        client = MarkedClient(mortal_server.now, ROOM)
        await client.join()
        talk = BrokenOff(client, pool, ROOM, dice)
        for _ in range(10):
            await talk.ask(dice.randrange(4, 20), dice.choice(MOMENTS))
            await pool.start()
        assert await talk.end(shared_journal) == []
        await client.leave()
