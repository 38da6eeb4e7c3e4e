"""The end of a turn in a room of a real livekit-server: from the user's last sample to the answer's first at the user's ear, beside stock livekit-agents.

Spoken questions, the local detectors and the local recogniser; the model and the voice that answer are instant, so what is left is deciding that the user has
finished, and the way through the room.
"""

from __future__ import annotations

import json
import tempfile
from typing import Any, Final

from agent.config import Persona
from agent.media.block import Pcm
from agent.talk.door import DoorError
from bench.barge_in import NAMES, loopback, p95
from bench.caller import Caller, Exchange
from bench.livekit_rooms import RoomDoor, livekit_server
from bench.local_engines import local_engines
from bench.options import Options, Unmeasured
from bench.pauses import COMMA_SECONDS, SENTENCES, with_pause
from bench.processes import program
from bench.questions import QUESTIONS, VOICE, spoken
from bench.report import Result, Row, less, median
from bench.server import SETTINGS
from infra.livekit_server import LiveKitServer

GOALS: Final = {"median": 350.0, "p95": 420.0}
WAIT_SECONDS: Final = 6.0
SETTLE_SECONDS: Final = 1.0


async def contend(server: LiveKitServer, name: str, plain: list[Pcm], paused: list[Pcm]) -> tuple[list[Exchange], list[Exchange]]:
    """All questions in one call."""
    room = f"turn-end-{name.replace(' ', '-')}"
    arguments = ("bench.server", "worker", "local-ears") if name == "worker" else ("bench.stock", "--turn-end", name, room)
    with tempfile.TemporaryDirectory(prefix="visavis-bench-") as home:
        persona = json.dumps({"default": {"name": "Vera", "language": "en"}})
        env = {**SETTINGS, **server.environment, "VISAVIS_HOME": home, "VISAVIS__PERSONAS": persona}
        async with program(*arguments, env=env) as child:
            await child.line("ready")
            caller = Caller()
            try:
                await caller.call(RoomDoor(server, room, caller, dispatch=name == "worker"))
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
    raw: dict[str, Any] = {
        "loopback_ms": bare,
        **{name: [[(e.latency_ms, e.cut_in, e.problem) for e in part] for part in parts] for name, parts in found.items()},
    }
    return Result("turn_end", "The end of a turn, in a room", rows(bare, found), notes, raw)
