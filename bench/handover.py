"""A conversation in a LiveKit room that loses its worker: how soon another goes on, and what the time goes for. Real livekit-server, real Redis, workers as processes."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import Final

from agent import config
from agent.sessions.events import Event
from bench.barge_in import p95
from bench.broken_off import BrokenOff, Lost, journalled, told_to_end
from bench.livekit_rooms import livekit_server
from bench.marked_client import MarkedClient
from bench.options import Options, Unmeasured
from bench.report import Result, Row, median
from bench.worker_pool import WorkerPool, worker_pool
from infra import redis_server
from infra.console import Failure

ROOM: Final = "bench-handover"
KILLS: Final = 30
HAND_OVERS: Final = 5
WORDS: Final = 10
GOAL_MS: Final = 2_000.0
SETTLE_SECONDS: Final = 10.0
STAGES: Final = {
    "until a worker notices (the lease runs out, and is looked at)": "has no worker",
    "the session is taken, and its journal folded": "taken, after",
    "the room is joined, the voice published": "in room",
    "the conversation is made": "the session goes on",
}
"""Each by the words with which a worker tells that it has come so far."""


async def kills(talk: BrokenOff, client: MarkedClient, pool: WorkerPool) -> tuple[list[float], dict[str, list[float]], list[str]]:
    """For each kill the milliseconds until the first sound, those of each stage, and what went wrong."""
    sounds: list[float] = []
    stages: dict[str, list[float]] = {name: [] for name in [*STAGES, "the first sound is heard"]}
    problems = []
    for _ in range(KILLS):
        stream = client.streams
        try:
            await talk.ask(WORDS, "speaking")
        except Lost as lost:
            problems.append(str(lost))
            break
        _, killed = talk.breaks[-1]
        first = next((at for at, its in client.sounding if its > stream and at > killed), None)
        times = [next(iter(pool.stages(words, killed)), None) for words in STAGES.values()]
        if first is not None and None not in times:
            reached = [killed, *(at for at in times if at is not None), first]
            for name, (begin, end) in zip(stages, pairwise(reached), strict=True):
                stages[name].append((end - begin) * 1000)
            sounds.append((first - killed) * 1000)
        else:
            problems.append(f"after a kill: first sound {first}, stages {times}")
        await pool.start()
    return sounds, stages, problems


async def hand_overs(talk: BrokenOff, client: MarkedClient, pool: WorkerPool) -> None:
    """One worker after the other is told to end, between two answers."""
    for _ in range(HAND_OVERS):
        worker = await pool.holder(ROOM)
        await _hand_over(client, worker)
        await talk.ask(2, "never")
        del pool.workers[worker]
        await pool.start()


async def _hand_over(client: MarkedClient, worker: int) -> None:
    """Until another has greeted."""
    hellos = len(client.hellos)
    told_to_end(worker)
    await client.until(lambda: len(client.hellos) > hellos, SETTLE_SECONDS)


def gaps_of(events: Iterable[Event]) -> list[float]:
    """The milliseconds in which nobody had the conversation, each time that a worker left it in good order, by its journal."""
    gaps, left = [], None
    for event in events:
        if event.type == "round_left":
            left = event.wall_ms
        elif event.type == "round_came" and left is not None:
            gaps.append(float(event.wall_ms - left))
            left = None
    return gaps


def rows(sounds: list[float], stages: dict[str, list[float]], gaps: list[float]) -> list[Row]:
    return [
        Row("kill -9 while it speaks → first sound at the client: median", median(sounds), "ms"),
        Row("kill -9 while it speaks → first sound at the client: p95", p95(sounds), "ms", GOAL_MS),
        Row("kill -9 while it speaks → first sound at the client: worst", max(sounds, default=None), "ms"),
        *(Row(f"of that, {name}: median", median(values), "ms") for name, values in stages.items()),
        Row("a worker that is told to end → another goes on: median", median(gaps), "ms"),
        Row("a worker that is told to end → another goes on: worst", max(gaps, default=None), "ms"),
    ]


async def measure(options: Options) -> Result:
    if reason := redis_server.lacking():
        raise Unmeasured(reason)
    with tempfile.TemporaryDirectory(prefix="visavis-bench-") as home:
        folder = Path(home) / "redis"
        folder.mkdir()
        try:
            with redis_server.running(folder) as redis:
                settings = config.Journal(url=redis.url, archive=Path(home) / "archive")
                async with livekit_server() as server, worker_pool(server, settings, Path(home), 2) as pool:
                    client = MarkedClient(server, ROOM)
                    await client.join()
                    talk = BrokenOff(client, pool, ROOM, random.Random(1))
                    sounds, stages, problems = await kills(talk, client, pool)
                    await hand_overs(talk, client, pool)
                    wrong = await talk.end(settings)
                    gaps = gaps_of(await journalled(settings, client.session))
                    await client.leave()
        except Failure as error:
            raise Unmeasured(str(error)) from None
    notes = [
        f"{len(sounds)} kills at random moments of an answer, one session, two workers at a time; {len(gaps)} workers that were told to end between two answers.",
        "What was heard was compared with the journal word by word: "
        + ("nothing twice that was reported, nothing missing, the same words." if not wrong else "; ".join(wrong)),
        *problems,
    ]
    raw = {"first_sound_ms": sounds, "stages_ms": stages, "gaps_ms": gaps}
    return Result("handover", "A worker that dies in the middle of an answer", rows(sounds, stages, gaps), notes, raw)
