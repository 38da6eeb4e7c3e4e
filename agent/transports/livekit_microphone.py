"""The microphone of one participant of a LiveKit room, as a conversation wants it: one stream of sound that keeps its time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from livekit import rtc
from livekit.rtc._proto.track_pb2 import AudioTrackFeature

from agent.aio import Tasks
from agent.transports.livekit_ffi import FrameReader
from agent.transports.livekit_preconnect import PreConnect
from agent.transports.microphone import RATE

FRAME_MS: Final = 20
SILENCE_SECONDS: Final = 0.2
"""How often silence is reported while there is nothing to be heard."""
MAX_SILENCE_SECONDS: Final = 2.0
"""Silence that is made up for at once."""
HELD_SECONDS: Final = 10
"""Live sound that is held back while a recording is awaited; the oldest is dropped."""
SLICE_BYTES: Final = 2 * RATE // 5
"""Sound that is passed on without a break: 200 ms."""

_SOURCES: Final = (rtc.TrackSource.SOURCE_MICROPHONE, rtc.TrackSource.SOURCE_UNKNOWN)


class Sound:
    """Joins tracks, recordings and pauses into one stream to `hear`: 16 kHz mono 16-bit, in order, as long as the time that passes.

    While a track is muted or gone nothing is decoded, and silence is reported five times a second. While a recording is awaited, live sound waits.
    """

    def __init__(self, hear: Callable[[bytes], None], tasks: Tasks) -> None:
        self._hear = hear
        self._tasks = tasks
        self._clock = asyncio.get_running_loop().time
        self._reader: FrameReader | None = None
        self._held: bytearray | None = None
        self._beginning: asyncio.Task[None] | None = None
        self._silence: asyncio.Task[None] | None = None
        self._heard_until = self._clock()

    def begin_with(self, recording: Awaitable[bytes]) -> None:
        """What `recording` gives comes before what is heard from now on."""
        if self._beginning is not None:
            self._beginning.cancel()
        self._held = bytearray()
        self._beginning = self._tasks.start(self._begin_with(recording), "pre-connect audio")

    def read(self, track: rtc.RemoteAudioTrack) -> None:
        """Hear `track` from now on."""
        self._stop_reading()
        self._fill()
        if self._silence is not None:
            self._silence.cancel()
            self._silence = None
        self._reader = FrameReader(track, self._live, rate=RATE, frame_ms=FRAME_MS)

    def pause(self) -> None:
        """Hear silence from now on."""
        self._stop_reading()
        if self._silence is None:
            self._silence = self._tasks.start(self._be_silent(), "silence")

    def close(self) -> None:
        """Hear nothing more."""
        self._stop_reading()
        for task in (self._silence, self._beginning):
            if task is not None:
                task.cancel()

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
        del self._held[: -2 * RATE * HELD_SECONDS]

    async def _be_silent(self) -> None:
        while True:
            await asyncio.sleep(SILENCE_SECONDS)
            self._fill()

    def _fill(self) -> None:
        now = self._clock()
        seconds = min(now - self._heard_until, MAX_SILENCE_SECONDS)
        self._heard_until = now
        if self._silence is not None and seconds > 0:
            self._live(bytes(2 * round(seconds * RATE)))

    async def _begin_with(self, recording: Awaitable[bytes]) -> None:
        """The recording, in slices, so that a long one does not hold up the event loop; then what was held, which grows meanwhile."""
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


class RoomMicrophone:
    """Subscribes to the microphone of participant `identity`, follows it when it is muted, lost and published anew, and passes its sound to `hear`.

    `listen(True)` and `listen(False)` tell when the microphone was opened and closed; one that was never closed is not opened either.
    """

    def __init__(
        self,
        room: rtc.Room,
        identity: str,
        tasks: Tasks,
        *,
        hear: Callable[[bytes], None],
        listen: Callable[[bool], None],
        preconnect: PreConnect,
    ) -> None:
        self._room = room
        self._identity = identity
        self._listen = listen
        self._preconnect = preconnect
        self._sound = Sound(hear, tasks)
        self._track: rtc.RemoteAudioTrack | None = None
        self._recorded: set[str] = set()
        self._open = True
        room.on("track_published", self._published)
        room.on("track_subscribed", self._subscribed)
        room.on("track_unsubscribed", self._unsubscribed)
        room.on("track_muted", self._muted)
        room.on("track_unmuted", self._unmuted)
        for publication in self._publications():
            self._published(publication)

    def close(self) -> None:
        """Hear nothing more and unsubscribe."""
        room = self._room
        room.off("track_published", self._published)
        room.off("track_subscribed", self._subscribed)
        room.off("track_unsubscribed", self._unsubscribed)
        room.off("track_muted", self._muted)
        room.off("track_unmuted", self._unmuted)
        self._sound.close()
        if room.isconnected():
            for publication in self._publications():
                if publication.subscribed:
                    publication.set_subscribed(False)

    def _publications(self) -> list[rtc.RemoteTrackPublication]:
        participant = self._room.remote_participants.get(self._identity)
        return [] if participant is None else list(participant.track_publications.values())

    def _published(self, publication: rtc.RemoteTrackPublication, participant: rtc.RemoteParticipant | None = None) -> None:
        if participant is not None and participant.identity != self._identity:
            return
        if publication.kind == rtc.TrackKind.KIND_AUDIO and publication.source in _SOURCES:
            publication.set_subscribed(True)

    def _subscribed(self, track: rtc.RemoteTrack, publication: rtc.RemoteTrackPublication, participant: rtc.RemoteParticipant) -> None:
        if participant.identity != self._identity or not isinstance(track, rtc.RemoteAudioTrack):
            return
        self._track = track
        if AudioTrackFeature.TF_PRECONNECT_BUFFER in publication.audio_features and track.sid not in self._recorded:
            self._recorded.add(track.sid)
            self._sound.begin_with(self._preconnect.recording(self._identity, track.sid))
        self._mute(publication.muted)

    def _unsubscribed(self, track: rtc.RemoteTrack | None, *_: object) -> None:
        if self._track is not None and track is not None and track.sid == self._track.sid:
            self._track = None
            self._mute(True)

    def _muted(self, participant: rtc.Participant, publication: rtc.TrackPublication) -> None:
        if self._track is not None and publication.sid == self._track.sid:
            self._mute(True)

    def _unmuted(self, participant: rtc.Participant, publication: rtc.TrackPublication) -> None:
        if self._track is not None and publication.sid == self._track.sid:
            self._mute(False)

    def _mute(self, muted: bool) -> None:
        if muted or self._track is None:
            self._sound.pause()
        else:
            self._sound.read(self._track)
        if self._open is muted:
            self._open = not muted
            self._listen(self._open)
