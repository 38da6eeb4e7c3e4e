"""Bare participants in LiveKit rooms: `python -m bench.bare echo|read|publish|speak|idle ROOM…`. All publish a track and are subscribed to the user's.

`echo` says back what it hears, `read` takes the sound out of the library and drops it, `publish` leaves it there, `speak` does both with a track that sounds,
`idle` gives its own track no sound either.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from typing import Any, Final

from livekit import rtc

from agent.aio import Tasks
from agent.protocol.messages import RATE
from bench.instant import tone
from bench.livekit_rooms import token
from bench.stock import FIRST_ROOM_SECONDS

FRAME: Final = RATE // 50


async def join(mode: str, name: str, tasks: Tasks) -> rtc.Room:
    """A participant in the room."""
    room = rtc.Room()
    source = rtc.AudioSource(RATE, 1, queue_size_ms=0 if mode == "echo" else 100)

    async def listen(track: rtc.Track) -> None:
        async for event in rtc.AudioStream(track, sample_rate=RATE, num_channels=1):
            if mode == "echo":
                await source.capture_frame(event.frame)

    def subscribed(track: rtc.Track, publication: Any, participant: Any) -> None:
        if mode in ("echo", "read", "speak"):
            tasks.start(listen(track), f"ear {name}")

    async def sound() -> None:
        data = tone(500, 0.02, RATE).tobytes() if mode == "speak" else bytes(FRAME * 2)
        frame = rtc.AudioFrame(data, RATE, 1, FRAME)
        while True:
            await source.capture_frame(frame)  # waits while 100 ms are in the queue

    room.on("track_subscribed", subscribed)
    credentials = os.environ["LIVEKIT_API_KEY"], os.environ["LIVEKIT_API_SECRET"]
    await room.connect(os.environ["LIVEKIT_URL"], token(*credentials, name, "agent", agent=True))
    await room.local_participant.publish_track(
        rtc.LocalAudioTrack.create_audio_track("voice", source), rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
    )
    if mode in ("read", "publish", "speak"):
        tasks.start(sound(), f"sound {name}")
    return room


async def main(mode: str, rooms: list[str]) -> None:
    tasks = Tasks("bare rooms")
    joined = [await join(mode, rooms[0], tasks)]
    print("ready one", flush=True)
    if len(rooms) > 1:
        await asyncio.sleep(FIRST_ROOM_SECONDS)
        joined += [await join(mode, name, tasks) for name in rooms[1:]]
        print("ready", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    logging.basicConfig(level=logging.ERROR)
    asyncio.run(main(sys.argv[1], sys.argv[2:]))
