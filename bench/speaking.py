"""What a further room costs whose agent speaks all the time: our worker, a bare participant, stock livekit-agents, one after the other in the same run.

Every contender is one process, first in one room, then in four. The users are silent, the model and the voice instant, voice activity is detected by the local
model.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import tempfile
from dataclasses import dataclass
from typing import Final

from bench.instant import WORD_SECONDS
from bench.livekit_rooms import livekit_server
from bench.options import Options, Unmeasured
from bench.processes import Cost, Program, program
from bench.report import Result, Row
from bench.server import SETTINGS
from infra.livekit_server import LiveKitServer

ROOMS: Final = 4
CPU_GOAL: Final = 7.0
MEMORY_GOAL_MB: Final = 4.0
SETTLE_SECONDS: Final = 4.0
NAMES: Final = {
    "worker": "our worker",
    "speak": "bare, a tone out, sound taken out and dropped",
    "stock": "stock livekit-agents, one process",
}


@dataclass(frozen=True)
class Load:
    """Of one room and of all: cores, and resident memory."""

    first_cpu: float
    all_cpu: float
    first_mb: float
    all_mb: float

    @property
    def room_percent(self) -> float:
        """Of each further room, percent of a core."""
        return 100 * (self.all_cpu - self.first_cpu) / (ROOMS - 1)

    @property
    def room_mb(self) -> float:
        return (self.all_mb - self.first_mb) / (ROOMS - 1)


async def _cpu(agents: Program, seconds: float) -> tuple[float, float]:
    loop = asyncio.get_running_loop()
    await asyncio.sleep(SETTLE_SECONDS)
    before, began = Cost.of(agents.child.pid), loop.time()
    await asyncio.sleep(seconds)
    after, ended = Cost.of(agents.child.pid), loop.time()
    return (after.cpu_seconds - before.cpu_seconds) / (ended - began), after.rss_bytes / 1e6


async def load_of(server: LiveKitServer, contender: str, seconds: float) -> Load:
    """Start the contender and then its silent users, first one, then the others."""
    rooms = [f"speaking-{contender}-{number}" for number in range(ROOMS)]
    arguments = {
        "worker": ("bench.server", "worker", "real-ears"),
        "stock": ("bench.stock", "--speaking", *rooms),
    }.get(contender, ("bench.bare", contender, *rooms))
    alone = 2 * SETTLE_SECONDS + seconds
    words = round((alone + 3 * SETTLE_SECONDS + seconds) / WORD_SECONDS)
    persona = json.dumps({"default": {"name": "Vera", "greeting": "Welcome" + words // 2 * " and on" + "."}})
    with tempfile.TemporaryDirectory(prefix="visavis-bench-") as home:
        env = {**SETTINGS, **server.environment, "VISAVIS_HOME": home, "VISAVIS__PERSONAS": persona, "BENCH_FIRST_ROOM_SECONDS": str(alone)}
        async with contextlib.AsyncExitStack() as stack:
            agents = await stack.enter_async_context(program(*arguments, env=env))
            await agents.line("ready")
            mode = "dispatch" if contender == "worker" else "wait"
            people = await stack.enter_async_context(program("bench.rooms", mode, *rooms, env=env))
            await people.line("met one")
            first_cpu, first_mb = await _cpu(agents, seconds)
            await people.line("met all")
            all_cpu, all_mb = await _cpu(agents, seconds)
            return Load(first_cpu, all_cpu, first_mb, all_mb)


def rows(loads: dict[str, Load]) -> list[Row]:
    """The table; contenders that are missing are dashes."""
    table = []
    for name, title in NAMES.items():
        load = loads.get(name)
        ours = name == "worker"
        table += [
            Row(f"{title}: first room", None if load is None else load.first_cpu * 100, "% of a core"),
            Row(f"{title}: a further room", None if load is None else load.room_percent, "% of a core", CPU_GOAL if ours else None),
            Row(f"{title}: memory of a further room", None if load is None else load.room_mb, "MB", MEMORY_GOAL_MB if ours else None),
        ]
    if "worker" in loads and "speak" in loads:
        table.append(
            Row("a further room of ours, less the bare one's", loads["worker"].room_percent - loads["speak"].room_percent, "% of a core")
        )
    return table


async def measure(options: Options) -> Result:
    loads: dict[str, Load] = {}
    notes = [
        f"From one room to {ROOMS}, each agent speaking all the time; processor time over {options.seconds} s each. Without echo canceller, recogniser and turn model.",
        "The instant voice is done at once, so each room holds up to half a minute of sound that waits to be heard.",
        "The users' microphones send digital silence, which our ears pass over without asking the detector.",
    ]
    async with livekit_server() as server:
        for contender in NAMES:
            try:
                loads[contender] = await load_of(server, contender, options.seconds)
            except Unmeasured as error:
                notes.append(f"{contender} was not measured: {str(error).splitlines()[0]}")
    raw = {name: vars(load) for name, load in loads.items()}
    return Result("speaking", "A further room in which the agent speaks", rows(loads), notes, raw)
