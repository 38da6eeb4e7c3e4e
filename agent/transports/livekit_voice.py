"""The agent's voice in a LiveKit room: the track on which it speaks."""

from __future__ import annotations

import logging
from typing import Final

from livekit import rtc

from agent.media.block import SILENCE, Block
from agent.protocol.messages import RATE
from agent.transports.livekit_ffi import BlockWriter

logger = logging.getLogger("visavis.livekit")

TRACK_NAME: Final = "voice"
QUEUE_MS: Final = 20
"""The native queue takes up to twice this before it makes us wait: at most 40 ms lie between the clock and the wire. It is never cleared: what was pushed is
the track's timeline."""


class Voice:
    """The agent's track: 48 kHz mono, source MICROPHONE, by which clients find it. It never starves while `play` is called at the pace of real time."""

    def __init__(self) -> None:
        self._source = rtc.AudioSource(RATE, 1, queue_size_ms=QUEUE_MS)
        self._writer = BlockWriter(self._source)
        self._track = rtc.LocalAudioTrack.create_audio_track(TRACK_NAME, self._source)
        self._failed = False

    async def publish(self, room: rtc.Room) -> None:
        """Publish the track. Raises livekit.rtc's `PublishTrackError`."""
        await room.local_participant.publish_track(self._track, rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE))

    async def play(self, block: Block) -> None:
        """Queue a block. A source that fails is reported once; the room's end follows."""
        if self._failed:
            return
        try:
            await self._writer.write(SILENCE if block.blank else block.pcm)
        except RuntimeError as error:
            self._failed = True
            logger.error("the agent's voice cannot be sent: %s", error)

    async def aclose(self) -> None:
        """After the room was left."""
        self._writer.close()
        await self._source.aclose()
