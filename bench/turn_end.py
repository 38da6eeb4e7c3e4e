"""The end of a turn in a room of a real livekit-server: from the user's last sample to the answer's first at the user's ear, beside stock livekit-agents.

Spoken questions, the local detectors and the local recogniser; the model and the voice that answer are instant, so what is left is deciding that the user has
finished, and the way through the room.
"""

from __future__ import annotations

import contextlib
import json
import tempfile
from typing import Any, Final

from agent.config import Persona
from agent.media.block import Pcm
from agent.protocol.messages import ClientHello
from agent.talk.door import DoorError
from bench.barge_in import NAMES, loopback, p95
from bench.caller import Caller, Exchange
from bench.instant import WORD_SECONDS
from bench.livekit_rooms import RoomDoor, livekit_server
from bench.local_engines import local_engines
from bench.options import Options, Unmeasured
from bench.pauses import COMMA_SECONDS, SENTENCES, with_pause
from bench.processes import program
from bench.questions import QUESTIONS, VOICE, spoken
from bench.report import Result, Row, less, median
from bench.server import SETTINGS
from infra.livekit_server import LiveKitServer

CROWD: Final = 7
CROWD_SECONDS: Final = 240.0
CROWD_GOAL_MS: Final = 500.0
GOALS: Final = {"median": 350.0, "p95": 420.0}
WAIT_SECONDS: Final = 6.0
SETTLE_SECONDS: Final = 1.0


async def contend(
    server: LiveKitServer, name: str, plain: list[Pcm], paused: list[Pcm], *, crowd: int = 0, ears: str = "local-ears"
) -> tuple[list[Exchange], list[Exchange]]:
    """All questions in one call. `crowd`: so many other rooms, in which our agent speaks all the time. `ears`: of our worker, see `bench.server`."""
    room = f"turn-end-{name.replace(' ', '-')}-{crowd}-{ears}"
    arguments = ("bench.server", "worker", ears) if name == "worker" else ("bench.stock", "--turn-end", name, room)
    with tempfile.TemporaryDirectory(prefix="visavis-bench-") as home:
        words = round(CROWD_SECONDS / WORD_SECONDS)
        crier = {"name": "Vera", "language": "en", "greeting": "Welcome" + words // 2 * " and on" + "."}
        persona = json.dumps(
            {"default": crier if crowd else {"name": "Vera", "language": "en"}, "quiet": {"name": "Vera", "language": "en"}}
        )
        env = {**SETTINGS, **server.environment, "VISAVIS_HOME": home, "VISAVIS__PERSONAS": persona}
        async with contextlib.AsyncExitStack() as stack:
            child = await stack.enter_async_context(program(*arguments, env={**env, "BENCH_FIRST_ROOM_SECONDS": "0"}))
            await child.line("ready")
            if crowd:
                others = [f"crowd-{ears}-{number}" for number in range(crowd)]
                people = await stack.enter_async_context(
                    program("bench.rooms", "dispatch", *others, env={**env, "BENCH_FIRST_ROOM_SECONDS": "0"})
                )
                await people.line("met all")
            caller = Caller()
            try:
                hello = ClientHello(sdk="visavis-bench", persona="quiet")
                await caller.call(RoomDoor(server, room, caller, dispatch=name == "worker"), hello)
                await caller.ask(plain[0], limit_seconds=WAIT_SECONDS, settle_seconds=SETTLE_SECONDS)
                asked = [await caller.ask(sound, limit_seconds=WAIT_SECONDS, settle_seconds=SETTLE_SECONDS) for sound in (*plain, *paused)]
            except DoorError as error:
                raise Unmeasured(str(error)) from None
            finally:
                await caller.aclose()
    return asked[: len(plain)], asked[len(plain) :]


def rows(bare: list[float], found: dict[str, tuple[list[Exchange], list[Exchange]]]) -> list[Row]:
    """The table."""
    loop = median(bare)
    table = [Row("bare loopback of the room, median", loop, "ms", None, f"{len(bare)} sounds")]
    for name, title in NAMES.items():
        if name not in found:
            continue
        plain, paused = found[name]
        times = [exchange.latency_ms for exchange in plain if exchange.latency_ms is not None and not exchange.cut_in]
        goal = GOALS if name == "worker" else {}
        table += [
            Row(f"{title}: end of speech → first sound, median", median(times), "ms", goal.get("median"), f"{len(times)} of {len(plain)}"),
            Row(f"{title}: p95", p95(times), "ms", goal.get("p95")),
            Row(f"{title}: median less loopback", less(median(times), loop), "ms"),
            Row(
                f"{title}: spoke before a plain question had ended",
                float(sum(e.cut_in for e in plain)),
                "",
                None,
                f"{len(plain)} questions",
            ),
            Row(
                f"{title}: spoke at a pause of {COMMA_SECONDS:g} s after a comma",
                float(sum(e.cut_in for e in paused)),
                "",
                None,
                f"{len(paused)} sentences",
            ),
        ]
    return table


def crowd_rows(asked: list[Exchange], ears: str, goal: float | None) -> list[Row]:
    """The rows of one room among others that speak."""
    times = [exchange.latency_ms for exchange in asked if exchange.latency_ms is not None and not exchange.cut_in]
    served = f"{len(times)} of {len(asked)}"
    return [
        Row(f"ours, beside {CROWD} rooms that speak, {ears}: median", median(times), "ms", goal, served),
        Row(f"ours, beside {CROWD} rooms that speak, {ears}: p95", p95(times), "ms"),
    ]


async def measure(options: Options) -> Result:
    async with local_engines() as engines:
        voice = engines.build(Persona(voice=VOICE)).tts
        plain = [await spoken(QUESTIONS["en"][turn % len(QUESTIONS["en"])], voice) for turn in range(options.turns)]
        paused = [await with_pause(halves, COMMA_SECONDS, voice) for halves in SENTENCES["en"]]
    notes = [
        "Judged from the sound that reaches a livekit.rtc client, its jitter buffer included. Everybody listens with the same local recogniser; instant model and voice.",
        "Stock, its fastest: a turn ends with the silence that its voice activity detector needs, and no further delay.",
    ]
    found: dict[str, tuple[list[Exchange], list[Exchange]]] = {}
    async with livekit_server() as server:
        bare = await loopback(server, plain[:8])
        for name in NAMES:
            try:
                found[name] = await contend(server, name, plain, paused)
            except Unmeasured as error:
                notes.append(f"{name} was not measured: {str(error).splitlines()[0]}")
        crowded, _ = await contend(server, "worker", plain, [], crowd=CROWD)
        unhurried, _ = await contend(server, "worker", plain, [], crowd=CROWD, ears="quick-ears")
    raw: dict[str, Any] = {
        "loopback_ms": bare,
        "crowd": [(e.latency_ms, e.cut_in, e.problem) for e in crowded],
        "crowd, instant recogniser": [(e.latency_ms, e.cut_in, e.problem) for e in unhurried],
        **{name: [[(e.latency_ms, e.cut_in, e.problem) for e in part] for part in parts] for name, parts in found.items()},
    }
    crowds = crowd_rows(unhurried, "an instant recogniser", CROWD_GOAL_MS) + crowd_rows(crowded, "the local recogniser", None)
    return Result("turn_end", "The end of a turn, in a room", rows(bare, found) + crowds, notes, raw)
