"""Eight rooms whose users are silent: a worker with instant engines, bare participants, stock livekit-agents, one after the other in the same run.

Every contender is one process in eight rooms, publishes a track and is subscribed to the user's; the users are one process of their own.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
import tempfile
from dataclasses import dataclass
from typing import Final

from livekit import rtc

from agent.aio import Tasks
from agent.media.turn_taking import MICROPHONE_RATE
from bench.livekit_rooms import livekit_server, token
from bench.options import Options, Unmeasured
from bench.processes import Cost, program
from bench.report import Result, Row, ratio
from bench.server import SETTINGS
from bench.stock import FIRST_ROOM_SECONDS
from infra.livekit_server import LiveKitServer

ROOMS: Final = 8
CPU_GOAL: Final = 1.5
MEMORY_GOAL_MB: Final = 6.0
SETTLE_SECONDS: Final = 4.0
NAMES: Final = {
    "worker": "our worker, instant engines",
    "read": "bare, sound taken out and dropped",
    "publish": "bare, connected, publishing, subscribed",
    "idle": "bare, its track without sound",
    "stock": "stock livekit-agents, one process",
}


@dataclass(frozen=True)
class Load:
    """`cpu`: cores, while all rooms are silent; `first_mb`, `all_mb`: resident memory with one room and with all."""

    cpu: float
    first_mb: float
    all_mb: float

    @property
    def room_mb(self) -> float:
        """Of each further room."""
        return (self.all_mb - self.first_mb) / (ROOMS - 1)


async def load_of(server: LiveKitServer, contender: str, seconds: int) -> Load:
    """Start the contender and its silent users, and weigh the contender."""
    rooms = [f"bench-{contender}-{number}" for number in range(ROOMS)]
    dispatched = contender == "worker"
    arguments = {"worker": ("bench.server", "worker"), "stock": ("bench.stock", *rooms)}.get(contender, ("bench.bare", contender, *rooms))
    with tempfile.TemporaryDirectory(prefix="visavis-bench-") as home:
        env = {**SETTINGS, **server.environment, "VISAVIS_HOME": home}
        async with contextlib.AsyncExitStack() as stack:
            # our agents are sent when users come, the others are there before them
            if dispatched:
                agents = await stack.enter_async_context(program(*arguments, env=env))
                await agents.line("ready")
                people = await stack.enter_async_context(program("bench.rooms", "dispatch", *rooms, env=env))
            else:
                people = await stack.enter_async_context(program("bench.rooms", "wait", *rooms, env=env))
                agents = await stack.enter_async_context(program(*arguments, env=env))
            await people.line("met one")
            await asyncio.sleep(SETTLE_SECONDS)
            first = Cost.of(agents.child.pid)
            await people.line("met all")
            await asyncio.sleep(SETTLE_SECONDS)
            before, began = Cost.of(agents.child.pid), asyncio.get_running_loop().time()
            await asyncio.sleep(seconds)
            after, ended = Cost.of(agents.child.pid), asyncio.get_running_loop().time()
            return Load((after.cpu_seconds - before.cpu_seconds) / (ended - began), first.rss_bytes / 1e6, after.rss_bytes / 1e6)


def rows(loads: dict[str, Load]) -> list[Row]:
    """The table; contenders that are missing are dashes."""
    table = []
    for name, title in NAMES.items():
        load = loads.get(name)
        table += [
            Row(f"{title}: processor", None if load is None else load.cpu * 100, "% of a core"),
            Row(
                f"{title}: memory of a further room",
                None if load is None else load.room_mb,
                "MB",
                MEMORY_GOAL_MB if name == "worker" else None,
            ),
        ]
    cpu = {name: load.cpu for name, load in loads.items()}
    table.append(Row("our worker / bare (connected, publishing, subscribed)", ratio(cpu.get("worker"), cpu.get("publish")), "×", CPU_GOAL))
    table.append(Row("our worker / bare whose track has no sound", ratio(cpu.get("worker"), cpu.get("idle")), "×"))
    table.append(Row("our worker / bare that takes the sound out", ratio(cpu.get("worker"), cpu.get("read")), "×"))
    table.append(Row("stock livekit-agents / bare (connected, publishing, subscribed)", ratio(cpu.get("stock"), cpu.get("publish")), "×"))
    return table


async def measure(options: Options) -> Result:
    loads: dict[str, Load] = {}
    notes = [
        f"{ROOMS} rooms, all users silent (their microphones send digital silence); processor time over {options.seconds} s, memory with one room and with all.",
        "Each contender is one process: stock livekit-agents without its worker, which would give each room a process or a thread.",
    ]
    async with livekit_server() as server:
        for contender in NAMES:
            try:
                loads[contender] = await load_of(server, contender, options.seconds)
            except Unmeasured as error:
                notes.append(f"{contender} was not measured: {str(error).splitlines()[0]}")
    raw = {name: {"cpu_cores": load.cpu, "first_mb": load.first_mb, "all_mb": load.all_mb} for name, load in loads.items()}
    return Result("rooms", "Eight silent rooms", rows(loads), notes, raw)


# ----------------------------------------------------------------------------------------------------------- the users


async def join(name: str, tasks: Tasks, *, dispatch: bool) -> rtc.Room:
    """A user with a silent microphone, once an agent's track is heard."""
    room, met = rtc.Room(), asyncio.Event()
    room.on("track_subscribed", lambda track, publication, participant: met.set())
    source = rtc.AudioSource(MICROPHONE_RATE, 1, queue_size_ms=100)
    credentials = os.environ["LIVEKIT_API_KEY"], os.environ["LIVEKIT_API_SECRET"]
    await room.connect(os.environ["LIVEKIT_URL"], token(*credentials, name, "caller", dispatch=dispatch))
    options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
    await room.local_participant.publish_track(rtc.LocalAudioTrack.create_audio_track("microphone", source), options)

    async def be_silent() -> None:
        samples = MICROPHONE_RATE // 50
        frame = rtc.AudioFrame(bytes(samples * 2), MICROPHONE_RATE, 1, samples)
        while True:
            await source.capture_frame(frame)

    tasks.start(be_silent(), name)
    await met.wait()
    return room


async def main(mode: str, names: list[str]) -> None:
    tasks = Tasks("users")
    rooms = [await join(names[0], tasks, dispatch=mode == "dispatch")]
    print("met one", flush=True)
    await asyncio.sleep(FIRST_ROOM_SECONDS)
    rooms += [await join(name, tasks, dispatch=mode == "dispatch") for name in names[1:]]
    print("met all", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    logging.basicConfig(level=logging.ERROR)
    asyncio.run(main(sys.argv[1], sys.argv[2:]))
