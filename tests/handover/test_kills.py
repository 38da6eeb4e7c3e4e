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
WORDS = 8


async def ended_well(talk: BrokenOff, journal: Settings) -> None:
    wrong = await talk.end(journal)
    assert not wrong, f"{wrong}\n{talk.told()}"


async def test_a_conversation_outlives_its_workers_and_livekit_server(
    mortal_server: MortalServer, shared_journal: Settings, tmp_path: Path
) -> None:
    """Workers are killed while they speak, think, and listen, one is stopped and wakes when another goes on; livekit-server is killed and comes again; and a worker is
    told to end, between two answers."""
    async with worker_pool(mortal_server.now, shared_journal, tmp_path, 5) as pool:
        client = MarkedClient(mortal_server.now, ROOM)
        await client.join()
        talk = BrokenOff(client, pool, ROOM, random.Random(1))
        await talk.ask(WORDS, "speaking")
        await talk.ask(WORDS, "thinking")
        await talk.ask(3, "listening")
        assert all(hello.resumed for _, hello in client.hellos[1:])

        frozen = await pool.holder(ROOM)
        await talk.ask(WORDS, "speaking", stopped)
        gone_on(frozen)
        assert await pool.holder(ROOM, other_than=frozen)
        assert len(client.hellos) == 5

        asking = asyncio.create_task(talk.ask(2 * WORDS, "never"))
        assert await client.until(lambda: client.words_of(5) >= 3, 10)
        await mortal_server.kill()
        await mortal_server.start()
        await asking
        assert len(client.hellos) == 6

        leaving, told = await pool.holder(ROOM), len(client.told)
        told_to_end(leaving)
        assert await client.until(lambda: len(client.hellos) == 7, 10)
        assert await pool.holder(ROOM, other_than=leaving) == frozen
        assert len(client.told) == told
        await talk.ask(3, "never")
        await ended_well(talk, shared_journal)
        assert len(client.hellos) == 7
        await client.leave()


@pytest.mark.soak
async def test_a_conversation_outlives_a_livekit_server_that_shuts_down(
    mortal_server: MortalServer, shared_journal: Settings, tmp_path: Path
) -> None:
    """It throws everybody out; the session is left, taken again, and its agent knocks until the server is back."""
    async with worker_pool(mortal_server.now, shared_journal, tmp_path, 2) as pool:
        client = MarkedClient(mortal_server.now, ROOM)
        await client.join()
        talk = BrokenOff(client, pool, ROOM, random.Random(1))
        await talk.ask(WORDS, "never")
        asking = asyncio.create_task(talk.ask(2 * WORDS, "never"))
        assert await client.until(lambda: client.words_of(2) >= 3, 10)
        await mortal_server.shut_down()
        await asyncio.sleep(2)  # it is away for so long
        await mortal_server.start()
        await client.join_again()
        await asking
        await ended_well(talk, shared_journal)
        assert [hello.resumed for _, hello in client.hellos] == [False, True]
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
        await ended_well(talk, shared_journal)
        await client.leave()
