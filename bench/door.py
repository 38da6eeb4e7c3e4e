"""What a door adds to an answer: instant engines behind each door, and the bare loopback of the same wire in the same run.

    raw = loopback + silence that ends a turn + engine + door

The engine's share is taken at the local door, which has no wire. Stock livekit-agents answers in a real room with the same engines and the same silence.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import AsyncIterator
from typing import Any, Final

from agent.config import Config
from agent.conversation.host import ConversationHost
from agent.media.turn_taking import MICROPHONE_RATE
from agent.talk.door import Door, DoorError
from agent.talk.local import LocalDoor
from agent.talk.peer import PeerDoor
from agent.talk.websocket import WebSocketDoor
from bench.caller import Caller
from bench.instant import InstantEngines, tone
from bench.livekit_rooms import RoomDoor, livekit_server
from bench.options import Options, Unmeasured
from bench.processes import program
from bench.report import Result, Row, less, median, p90
from bench.server import SETTINGS

GOAL_MS: Final = 60.0
ALLOWANCE_SECONDS: Final = 8.0
WARM_UP: Final = 4
NAMES: Final = {"peer": "WebRTC peer", "ws": "WebSocket", "livekit": "LiveKit room"}


async def ask(caller: Caller, door: Door, turns: int, *, echo: bool = False, settle_seconds: float = 0.6) -> list[float]:
    """The latencies of `turns` questions in one call, in ms. What is asked until the first answer comes does not count.

    `settle_seconds`: how long it must be quiet before the next question; long for who does not tell when the answer has ended.
    """
    question = tone(500, 0.2 if echo else 0.7, MICROPHONE_RATE)
    latencies = []
    try:
        await caller.call(door)
        for _ in range(WARM_UP):
            if (
                await caller.ask(question, echo=echo, limit_seconds=ALLOWANCE_SECONDS, settle_seconds=settle_seconds)
            ).first_sound is not None:
                break
        for _ in range(turns):
            exchange = await caller.ask(question, echo=echo, limit_seconds=ALLOWANCE_SECONDS, settle_seconds=settle_seconds)
            if exchange.latency_ms is not None:
                latencies.append(exchange.latency_ms)
    except DoorError as error:
        raise Unmeasured(str(error)) from None
    finally:
        await caller.aclose()
    return latencies


@contextlib.asynccontextmanager
async def _serving(module: str, *arguments: str, env: dict[str, str] | None = None) -> AsyncIterator[str]:
    with tempfile.TemporaryDirectory(prefix="visavis-bench-") as home:
        async with program(module, *arguments, env={**SETTINGS, "VISAVIS_HOME": home, **(env or {})}) as child:
            yield await child.line("ready")


async def own_doors(turns: int) -> dict[str, list[float]]:
    """The doors that need no server but ours, and their loopbacks."""
    found: dict[str, list[float]] = {}
    host = ConversationHost(Config(), InstantEngines())
    caller = Caller()
    found["local"] = await ask(caller, LocalDoor(host, caller), turns)
    await host.aclose()
    async with _serving("bench.echo") as url:
        for name, door in (("peer", PeerDoor), ("ws", WebSocketDoor)):
            caller = Caller()
            found[f"{name} loopback"] = await ask(caller, door(url, caller), turns, echo=True)
    async with _serving("bench.server", "gateway") as url:
        for name, door in (("peer", PeerDoor), ("ws", WebSocketDoor)):
            caller = Caller()
            found[name] = await ask(caller, door(url, caller), turns)
    return found


async def room_doors(turns: int) -> tuple[dict[str, list[float]], list[str]]:
    """In rooms of a real livekit-server: bare loopback, our worker, stock livekit-agents. With it, what could not be measured and why."""
    found: dict[str, list[float]] = {}
    problems: list[str] = []
    async with livekit_server() as server:
        for name, module, arguments in (
            ("livekit loopback", "bench.bare", ("echo", "bench-echo")),
            ("livekit", "bench.server", ("worker",)),
            ("stock", "bench.stock", ("bench-stock",)),
        ):
            caller = Caller()
            door = RoomDoor(server, arguments[-1], caller, dispatch=name == "livekit")
            try:
                async with _serving(module, *arguments, env=dict(server.environment)):
                    found[name] = await ask(caller, door, turns, echo="loopback" in name, settle_seconds=2.0 if name == "stock" else 0.6)
            except Unmeasured as error:
                problems.append(f"{name} was not measured: {error}")
    return found, problems


def rows(found: dict[str, list[float]], silence_ms: float) -> list[Row]:
    """The table. `found` maps doors, `… loopback` and `stock` to latencies in ms; what is missing is a dash."""
    medians = {name: median(values) for name, values in found.items()}
    engine = less(medians.get("local"), silence_ms)
    table = [
        Row("in process: end of speech → first sound", medians.get("local"), "ms"),
        Row("the engine: that, less the silence", engine, "ms"),
    ]
    for door, name in NAMES.items():
        values, loopback = found.get(door, []), medians.get(f"{door} loopback")
        table += [
            Row(f"{name}: end of speech → first sound", median(values), "ms", note=_spread(values)),
            Row(f"{name}: bare loopback", loopback, "ms"),
            Row(f"{name}: less loopback and silence", less(median(values), loopback, silence_ms), "ms"),
            Row(f"{name}: the door, less the engine too", less(median(values), loopback, silence_ms, engine), "ms", GOAL_MS),
        ]
    stock = found.get("stock", [])
    room = medians.get("livekit loopback")
    return [
        *table,
        Row("stock livekit-agents in a room", median(stock), "ms", note=_spread(stock)),
        Row("stock livekit-agents: less loopback and silence", less(median(stock), room, silence_ms), "ms"),
    ]


def trusted(found: dict[str, list[float]], turns: int) -> dict[str, list[float]]:
    """Without the contenders that answered less than half of the questions: what they did answer says little about them, or about how they were asked."""
    return {name: values for name, values in found.items() if 2 * len(values) >= turns}


def unanswered(found: dict[str, list[float]], turns: int) -> list[str]:
    """A line for each contender that left questions without an answer."""
    return [f"{name}: {turns - len(values)} of {turns} questions got no sound" for name, values in found.items() if len(values) < turns]


def _spread(values: list[float]) -> str:
    ninth = p90(values)
    return "" if ninth is None else f"p90 {ninth:.0f} ms, {len(values)} questions"


async def measure(options: Options) -> Result:
    silence_ms = Config().turn.silence_ms
    found = await own_doors(options.turns)
    notes = [
        f"Medians of {options.turns} questions in one call each; instant engines, {silence_ms} ms of silence end a turn. Client and server are processes of their own.",
        "The terminal client keeps 60 ms against jitter at the WebSocket; its loopback contains them too.",
        "Below zero: the bare loopback was the slower of the two in this run; the door's share is lost in the difference, and the goal's mark says nothing.",
        f"Stock livekit-agents ({silence_ms} ms of silence, no further delay): AgentSession and RoomIO in one process, without its worker.",
    ]
    try:
        rooms, problems = await room_doors(options.turns)
        found |= rooms
        notes += problems
    except Unmeasured as error:
        notes.append(f"LiveKit rooms were not measured: {error}")
    notes += unanswered(found, options.turns)
    raw: dict[str, Any] = {"silence_ms": silence_ms, "latencies_ms": found}
    return Result("door", "The doors, with instant engines", rows(trusted(found, options.turns), silence_ms), notes, raw)
