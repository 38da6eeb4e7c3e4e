"""Sound in a LiveKit room: the track on which the agent speaks, and the microphone of the participant to whom it listens."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from livekit import rtc

from agent.aio import Tasks
from agent.media.block import SILENCE, Block
from agent.protocol.messages import RATE
from agent.transports import microphone
from agent.transports.livekit_ffi import BlockWriter, FrameReader

logger = logging.getLogger("visavis.livekit")

TRACK_NAME: Final = "voice"
QUEUE_MS: Final = 20
"""The native queue takes up to twice this before it makes us wait: at most 40 ms lie between the clock and the wire. It is never cleared: what was pushed is
the track's timeline."""
FRAME_MS: Final = 20
SILENCE_SECONDS: Final = 0.2
"""How often silence is reported while there is no microphone."""
MAX_SILENCE_SECONDS: Final = 2.0
"""Silence that is made up for at once."""
HELD_SECONDS: Final = 10
"""Live sound that is held back while a recording is awaited; the oldest is dropped."""
SLICE_BYTES: Final = 2 * microphone.RATE // 5
"""Sound that is passed on without a break: 200 ms."""


class Voice:
    """The agent's track: 48 kHz mono, source MICROPHONE, by which clients find it. It never starves while `play` is called at the pace of real time."""

    def __init__(self) -> None:
        self._source = rtc.AudioSource(RATE, 1, queue_size_ms=QUEUE_MS)
        self._writer = BlockWriter(self._source)
        self._track = rtc.LocalAudioTrack.create_audio_track(TRACK_NAME, self._source)
        self._failed = False

    async def publish(self, room: rtc.Room) -> None:
        """Publish the track. Raises `rtc.PublishTrackError`."""
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


class RoomMicrophone:
    """Passes the linked participant's sound to `hear`, 16 kHz mono 16-bit, and keeps its time: what is muted or lost is silence.

    While the track is muted or gone nothing is decoded; silence is reported five times a second. `recording` gives what was recorded before a track, when
    the track announces that; until it is there, live sound waits.
    """

    def __init__(self, hear: Callable[[bytes], None], tasks: Tasks) -> None:
        self._hear = hear
        self._tasks = tasks
        self._clock = asyncio.get_running_loop().time
        self._track: rtc.RemoteAudioTrack | None = None
        self._reader: FrameReader | None = None
        self._held: bytearray | None = None
        self._beginning: asyncio.Task[None] | None = None
        self._silence: asyncio.Task[None] | None = None
        self._heard_until = self._clock()
        self._closed = False

    @property
    def track_sid(self) -> str | None:
        """The track that is listened to, muted or not."""
        return None if self._track is None else self._track.sid

    def attach(self, track: rtc.RemoteAudioTrack, *, muted: bool, recording: Awaitable[bytes] | None = None) -> None:
        """Listen to `track` from now on, and no longer to another."""
        self._stop_reading()
        self._track = track
        if self._beginning is not None:
            self._beginning.cancel()
            self._beginning = self._held = None
        if recording is not None:
            self._held = bytearray()
            self._beginning = self._tasks.start(self._begin_with(recording), "pre-connect audio")
        if muted:
            self._keep_time()
        else:
            self._read()

    def detach(self) -> None:
        """The track is gone."""
        self._stop_reading()
        self._track = None
        self._keep_time()

    def mute(self, muted: bool) -> None:
        """The participant muted or unmuted the track."""
        if muted:
            self._stop_reading()
            self._keep_time()
        elif self._reader is None and self._track is not None:
            self._read()

    def close(self) -> None:
        """Hear nothing more."""
        self._closed = True
        self._stop_reading()
        self._track = None
        for task in (self._silence, self._beginning):
            if task is not None:
                task.cancel()

    def _read(self) -> None:
        assert self._track is not None
        self._fill()
        if self._silence is not None:
            self._silence.cancel()
            self._silence = None
        self._reader = FrameReader(self._track, self._live, rate=microphone.RATE, frame_ms=FRAME_MS)

    def _stop_reading(self) -> None:
        if self._reader is not None:
            self._reader.close()
            self._reader = None
            self._heard_until = self._clock()

    def _live(self, pcm: bytes) -> None:
        if self._held is None:
            self._hear(pcm)
            return
        self._held += pcm
        del self._held[: -2 * microphone.RATE * HELD_SECONDS]

    def _keep_time(self) -> None:
        if self._silence is None and not self._closed:
            self._silence = self._tasks.start(self._be_silent(), "silence")

    async def _be_silent(self) -> None:
        while True:
            await asyncio.sleep(SILENCE_SECONDS)
            self._fill()

    def _fill(self) -> None:
        now = self._clock()
        seconds = min(now - self._heard_until, MAX_SILENCE_SECONDS)
        self._heard_until = now
        if self._silence is not None and seconds > 0:
            self._live(bytes(2 * round(seconds * microphone.RATE)))

    async def _begin_with(self, recording: Awaitable[bytes]) -> None:
        """The recording comes first, in slices, so that a long one does not hold up the event loop; then what was held, which grows meanwhile."""
        pcm = await recording
        for start in range(0, len(pcm), SLICE_BYTES):
            self._hear(pcm[start : start + SLICE_BYTES])
            await asyncio.sleep(0)
        while self._held:
            part = bytes(self._held[:SLICE_BYTES])
            del self._held[:SLICE_BYTES]
            self._hear(part)
            await asyncio.sleep(0)
        self._held = None
