"""The agent's voice in a LiveKit room: the track on which it speaks."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from livekit import rtc

from agent.aio import Tasks
from agent.media.block import SILENCE, Block, Pcm
from agent.media.pump import Pump
from agent.media.timeline import Timeline
from agent.protocol.messages import RATE
from agent.transports.livekit_ffi import BlockWriter

logger = logging.getLogger("visavis.livekit")

TRACK_NAME: Final = "voice"
MAX_SPARE: Final = 2
"""Voices that are kept without need."""


class Voice:
    """The agent's track: 48 kHz mono, source MICROPHONE, by which clients find it. `play` is called at the pace of real time.

    There is no queue behind it: what is played is on the wire within a millisecond or two, and nothing that was played could be called back. Small irregularities
    are evened out by the receiver's jitter buffer, which is there anyway.
    """

    def __init__(self) -> None:
        self._source = rtc.AudioSource(RATE, 1, queue_size_ms=0)
        self._writer = BlockWriter(self._source)
        self._track = rtc.LocalAudioTrack.create_audio_track(TRACK_NAME, self._source)
        self.failed = False

    async def publish(self, room: rtc.Room) -> None:
        """Publish the track. Raises livekit.rtc's `PublishTrackError`."""
        await room.local_participant.publish_track(self._track, rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE))

    async def unpublish(self, room: rtc.Room) -> None:
        """Take the track off the air; the room goes on. Raises livekit.rtc's `UnpublishTrackError`."""
        await room.local_participant.unpublish_track(self._track.sid)

    async def play(self, block: Block) -> None:
        """Send a block. A source that fails is reported once; the room's end follows."""
        if self.failed:
            return
        try:
            await self._writer.write(SILENCE if block.blank else block.pcm)
        except RuntimeError as error:
            self.failed = True
            logger.error("the agent's voice cannot be sent: %s", error)

    async def say(self, pcm: Pcm, tasks: Tasks, over: Callable[[], bool]) -> None:
        """Say something outside of a conversation, at the pace of real time, to its end or until it is `over`."""
        timeline, ended = Timeline(), asyncio.Event()
        segment = timeline.open(0)
        timeline.append(segment, pcm)
        timeline.close(segment)

        async def play(block: Block) -> None:
            if timeline.current is None or over():
                ended.set()
            await self.play(block)

        pump = tasks.start(Pump(timeline, play, lambda fired, due: None).run(), "pump of an announcement")
        try:
            await ended.wait()
        finally:
            pump.cancel()

    async def aclose(self) -> None:
        """Off the air for good."""
        self._writer.close()
        await self._source.aclose()


class Voices:
    """The voices of a process, used again by room after room.

    A track that is published when livekit-server ends the room is never freed by livekit.rtc (1.1), its thread included, and with the last track its whole
    native engine goes and comes anew, which holds up the event loop. So no voice is thrown away but those that were taken off the air in good order, and
    one is always there.
    """

    def __init__(self) -> None:
        self._idle: list[Voice] = []

    def warm(self) -> None:
        """Start the native engine: up to 100 ms on the event loop, better now than during a conversation."""
        if not self._idle:
            self._idle.append(Voice())

    def take(self) -> Voice:
        """A voice that is not on the air."""
        return self._idle.pop() if self._idle else Voice()

    async def give_back(self, voice: Voice, *, in_good_order: bool) -> None:
        """`in_good_order`: it was unpublished, or we left the room ourselves."""
        if voice.failed or (in_good_order and len(self._idle) >= MAX_SPARE):
            await voice.aclose()
        else:
            self._idle.append(voice)

    async def aclose(self) -> None:
        for voice in self._idle:
            await voice.aclose()
        self._idle.clear()
