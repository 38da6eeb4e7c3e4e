"""Interruption by voice in a room of a real livekit-server: from the user's first sample to silence at the user's ear, beside stock livekit-agents.

What is said is speech of the local voices, and the local model detects it; the answers are tones whose pitch tells which answer they belong to.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
from typing import Any, Final

import numpy as np

from agent.config import Persona
from agent.media.block import Pcm
from agent.talk.door import DoorError
from bench.interrupting import Interrupter, Silence
from bench.livekit_rooms import RoomDoor, livekit_server
from bench.local_engines import local_engines
from bench.options import Options, Unmeasured
from bench.processes import program
from bench.questions import QUESTIONS, VOICE, spoken
from bench.report import Result, Row, less, median
from bench.server import SETTINGS
from infra.livekit_server import LiveKitServer

INTERRUPTIONS: Final = (
    "Stop, please wait a moment.",
    "No, that is not what I meant.",
    "Excuse me, I have another question.",
    "Hold on, let me think.",
)
GREETING: Final = "Welcome, this is greeting number seven, which goes on and on" + 20 * " and on" + "."
WATCH_SECONDS: Final = 2.0
EARLY: Final = 4
NAMES: Final = {"worker": "ours", "stock": "stock livekit-agents, defaults", "stock fast": "stock livekit-agents, its fastest"}
GOALS: Final = {"median": 160.0, "p95": 190.0, "worst": 200.0, "ghosts": 0.0}


def p95(values: list[float]) -> float | None:
    return float(np.percentile(values, 95)) if values else None


async def loopback(server: LiveKitServer, sounds: list[Pcm]) -> list[float]:
    """Milliseconds from the first sample said to the first one that comes back from an echo."""
    caller = Interrupter()
    found = []
    async with program("bench.bare", "echo", "barge-in-echo", env=dict(server.environment)) as child:
        await child.line("ready")
        try:
            await caller.call(RoomDoor(server, "barge-in-echo", caller))
            await asyncio.sleep(1.0)
            for sound in sounds:
                began, ended = await caller.say(sound)
                found.append((await caller.begins(began, 3.0) - began) * 1000)
                await caller.quiet(0.5)
                await asyncio.sleep(max(0.0, ended + 0.7 - asyncio.get_running_loop().time()))
        finally:
            await caller.aclose()
    return found


async def contend(server: LiveKitServer, name: str, question: Pcm, sounds: list[Pcm]) -> tuple[list[Silence], list[Silence]]:
    """The interruptions of answers in one call, and before that, in calls of their own, of the greeting soon after joining."""
    ordinary, early = [], []
    room = f"barge-in-{name.replace(' ', '-')}"
    rooms = [*(f"{room}-{i}" for i in range(EARLY)), room]
    arguments = ("bench.server", "worker", "real-ears") if name == "worker" else ("bench.stock", "--barge-in", name, *rooms)
    persona = {"default": {"name": "Vera", "greeting": GREETING}}
    with tempfile.TemporaryDirectory(prefix="visavis-bench-") as home:
        env = {**SETTINGS, **server.environment, "VISAVIS_HOME": home, "VISAVIS__PERSONAS": json.dumps(persona)}
        async with program(*arguments, env=env) as child:
            await child.line("ready")
            for number, where in enumerate(rooms):
                caller = Interrupter()
                try:
                    await caller.call(RoomDoor(server, where, caller, dispatch=name == "worker"))
                    heard = await caller.begins(0.0, 20.0)
                    if where != room:
                        await asyncio.sleep(max(0.0, heard + 0.95 + 0.35 * number - asyncio.get_running_loop().time()))
                        early.append(await caller.interrupt(sounds[number % len(sounds)], WATCH_SECONDS))
                        continue
                    await caller.interrupt(question, WATCH_SECONDS)
                    for turn, sound in enumerate(sounds):
                        began = await caller.begins(asyncio.get_running_loop().time() - 0.3, 20.0)
                        await asyncio.sleep(max(0.0, began + 1.0 + 0.13 * (turn % 8) - asyncio.get_running_loop().time()))
                        ordinary.append(await caller.interrupt(sound, WATCH_SECONDS))
                except (DoorError, TimeoutError):
                    continue
                finally:
                    await caller.aclose()
    return ordinary, early


def rows(bare: list[float], found: dict[str, tuple[list[Silence], list[Silence]]], turns: int) -> list[Row]:
    """The table."""
    loop = median(bare)
    table = [Row("bare loopback of the room, median", loop, "ms", None, f"{len(bare)} sounds")]
    for name, title in NAMES.items():
        if name not in found:
            continue
        ordinary, early = found[name]
        times = [silence.seconds * 1000 for silence in ordinary if silence.seconds is not None]
        soon = [silence.seconds * 1000 for silence in early if silence.seconds is not None]
        told = [silence.told_seconds * 1000 for silence in ordinary if silence.told_seconds is not None]
        goal = GOALS if name == "worker" else {}
        ghosts = sum(silence.ghost_seconds for silence in (*ordinary, *early))
        table += [
            Row(
                f"{title}: first sample → silence, median",
                median(times),
                "ms",
                goal.get("median"),
                f"{len(times)} of {turns} interruptions",
            ),
            Row(f"{title}: p95", p95(times), "ms", goal.get("p95")),
            Row(f"{title}: median less loopback", less(median(times), loop), "ms"),
            *([Row(f"{title}: of which until the caller is told, median", median(told), "ms")] if told else []),
            Row(f"{title}: soon after joining, worst", max(soon, default=None), "ms", goal.get("worst"), f"{len(soon)} of {EARLY}"),
            Row(f"{title}: interrupted answers that came back", ghosts, "s", goal.get("ghosts")),
        ]
    return table


async def measure(options: Options) -> Result:
    async with local_engines() as engines:
        voice = engines.build(Persona(voice=VOICE)).tts
        question = await spoken(QUESTIONS["en"][1], voice)
        sounds = [await spoken(INTERRUPTIONS[i % len(INTERRUPTIONS)], voice) for i in range(options.turns)]
    notes = [
        "In rooms of a real livekit-server on this machine, judged from the sound that reaches a livekit.rtc client, its jitter buffer included. Instant model and voice.",
        f"Soon after joining: the greeting is interrupted 0.9 to 2 s after its first sound. An answer came back: its pitch was heard again within {WATCH_SECONDS:g} s, after 0.3 s of silence; the next answer may have it by chance.",
    ]
    found: dict[str, tuple[list[Silence], list[Silence]]] = {}
    async with livekit_server() as server:
        bare = await loopback(server, sounds[:8])
        for name in NAMES:
            try:
                found[name] = await contend(server, name, question, sounds)
            except Unmeasured as error:
                notes.append(f"{name} was not measured: {str(error).splitlines()[0]}")
    raw: dict[str, Any] = {
        "loopback_ms": bare,
        **{name: [[(s.seconds, s.ghost_seconds) for s in part] for part in parts] for name, parts in found.items()},
    }
    return Result("barge_in", "Interruption by voice, in a room", rows(bare, found, options.turns), notes, raw)
