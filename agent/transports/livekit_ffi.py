"""What passes between livekit.rtc's native library and us fifty times a second and room, without its detours. The only file that knows livekit.rtc inside.

livekit.rtc hands each event of the native library to every room and every audio stream of the process, and `AudioSource.capture_frame` subscribes to all of
them anew for each frame: with n rooms that is n² work, and with eight rooms half of a worker's time. Here the two kinds of event that come with each
frame go straight to their owner, from the native thread; all others take livekit.rtc's own way. Written for livekit 1.1.
"""

from __future__ import annotations

import asyncio
import ctypes
import itertools
import logging
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from livekit import rtc
from livekit.rtc._ffi_client import FfiClient, FfiHandle, FfiQueue
from livekit.rtc._proto import audio_frame_pb2
from livekit.rtc._proto.ffi_pb2 import FfiEvent, FfiRequest

from agent.media.block import BLOCK_SAMPLES, SILENCE, Pcm
from agent.protocol.messages import RATE

logger = logging.getLogger("visavis.livekit")

CAPTURE_SECONDS: Final = 2.0
"""How long the native library may take to make room for a block."""
FRAME_SAMPLES: Final = BLOCK_SAMPLES // 2
"""A source without a queue takes 10 ms at a time."""
_FIRST_ID: Final = 1 << 62
"""Our asynchronous ids begin here; the native library counts its own from 1."""


class Switch(FfiQueue[FfiEvent]):
    """Takes the place of livekit.rtc's event queue: sorts out what has an owner here, passes the rest on. `put` runs on native threads."""

    def __init__(self, usual: FfiQueue[FfiEvent]) -> None:
        self._lock = usual._lock
        self._subscribers = usual._subscribers
        self.captures: dict[int, Callable[[str], None]] = {}
        """By asynchronous id: told when a block was taken, with an error or an empty text."""
        self.streams: dict[int, Callable[[Any], None]] = {}
        """By handle of an audio stream: told of each of its events."""

    def put(self, item: FfiEvent) -> None:
        match item.WhichOneof("message"):
            case "capture_audio_frame":
                number = item.capture_audio_frame.async_id
                if (taken := self.captures.get(number)) is not None:
                    taken(item.capture_audio_frame.error)
                if number >= _FIRST_ID:  # of a writer that was closed with a block under way, nobody wants to know
                    return
            case "audio_stream_event":
                owner = self.streams.get(item.audio_stream_event.stream_handle)
                if owner is not None:
                    owner(item.audio_stream_event)
                    return
        super().put(item)


def _switch() -> Switch:
    client = FfiClient.instance
    if not isinstance(client.queue, Switch):
        client._queue = Switch(client.queue)
    queue = client.queue
    assert isinstance(queue, Switch)
    return queue


def _call_soon(loop: asyncio.AbstractEventLoop, callback: Callable[[], None]) -> None:
    """From a native thread. A loop that is closed needs nothing any more."""
    try:
        loop.call_soon_threadsafe(callback)
    except RuntimeError:
        logger.debug("an event came after the end of the loop")


class BlockWriter:
    """Writes blocks into an `rtc.AudioSource` without a queue, in frames of 10 ms, one under way at a time: the native library copies a frame while we hold it
    still, and might put two of them in the wrong order."""

    _ids = itertools.count(_FIRST_ID)

    def __init__(self, source: rtc.AudioSource) -> None:
        self._loop = asyncio.get_running_loop()
        self._switch = _switch()
        self._id = next(self._ids)
        self._switch.captures[self._id] = self._taken
        self._request = FfiRequest()
        capture = self._request.capture_audio_frame
        capture.source_handle = source._ffi_handle.handle
        capture.request_async_id = self._id
        capture.buffer.sample_rate = RATE
        capture.buffer.num_channels = 1
        capture.buffer.samples_per_channel = FRAME_SAMPLES
        self._silence = self._request_for(SILENCE, 0)
        self._held: Pcm | None = None
        self._busy = False
        self._waiter: asyncio.Future[None] | None = None
        self._error = ""

    async def write(self, pcm: Pcm) -> None:
        """Send 960 samples; waits only until all but the last frame is taken. Raises `RuntimeError` when the native library refuses or does not answer."""
        assert pcm.shape == (BLOCK_SAMPLES,)
        assert pcm.flags.c_contiguous
        for start in range(0, BLOCK_SAMPLES, FRAME_SAMPLES):
            if self._busy:
                await self._wait()
            if self._error:
                error, self._error = self._error, ""
                raise RuntimeError(f"the audio source refused a block: {error}")
            self._held = pcm
            self._send(self._silence if pcm is SILENCE else self._request_for(pcm, start))

    def _send(self, raw: bytes) -> None:
        self._busy = True
        answer, length = ctypes.POINTER(ctypes.c_ubyte)(), ctypes.c_size_t()
        library = FfiClient.instance._ffi_lib
        pointer = ctypes.cast(ctypes.c_char_p(raw), ctypes.POINTER(ctypes.c_ubyte))
        handle = library.livekit_ffi_request(pointer, len(raw), ctypes.byref(answer), ctypes.byref(length))
        if not handle:
            self._busy = False
            raise RuntimeError("the native library did not take a block of sound; the audio source is closed")
        library.livekit_ffi_drop_handle(handle)

    def close(self) -> None:
        """Write no more."""
        self._switch.captures.pop(self._id, None)

    def _request_for(self, pcm: Pcm, start: int) -> bytes:
        self._request.capture_audio_frame.buffer.data_ptr = pcm.__array_interface__["data"][0] + start * pcm.itemsize
        return self._request.SerializeToString()

    def _taken(self, error: str) -> None:
        # on a native thread: `_wait` looks after it has left a waiter, this looks for a waiter after it has said so, hence one of them sees the other
        self._error = error
        self._busy = False
        if self._waiter is not None:
            _call_soon(self._loop, self._wake)

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def _wait(self) -> None:
        waiter = self._waiter = self._loop.create_future()
        try:
            if self._busy:
                async with asyncio.timeout(CAPTURE_SECONDS):
                    await waiter
        except TimeoutError:
            self._busy = False
            raise RuntimeError(f"the native library took no block of sound for {CAPTURE_SECONDS:g} s") from None
        finally:
            self._waiter = None


class FrameReader:
    """Reads an audio track as 16-bit mono at `rate`, frames of `frame_ms`; `on_frames` gets one or more of them at once, on the event loop."""

    def __init__(self, track: rtc.RemoteAudioTrack, on_frames: Callable[[bytes], None], *, rate: int, frame_ms: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._switch = _switch()
        self._on_frames = on_frames
        self._frames: deque[bytes] = deque()
        self._scheduled = False
        self._closed = False
        request = FfiRequest()
        stream = request.new_audio_stream
        stream.track_handle = track._ffi_handle.handle
        stream.sample_rate = rate
        stream.num_channels = 1
        stream.frame_size_ms = frame_ms
        stream.type = audio_frame_pb2.AUDIO_STREAM_NATIVE
        made = FfiClient.instance.request(request).new_audio_stream.stream
        self._handle = FfiHandle(made.handle.id)
        self._switch.streams[self._handle.handle] = self._event

    def close(self) -> None:
        """No frame comes after this."""
        self._closed = True
        self._frames.clear()
        self._handle.dispose()

    def _event(self, event: Any) -> None:
        # on a native thread
        if not event.HasField("frame_received"):  # the end, of the track or by our own hand; the native side has forgotten the handle
            self._switch.streams.pop(self._handle.handle, None)
            self._handle.mark_consumed()
            return
        frame = event.frame_received.frame
        pcm = ctypes.string_at(frame.info.data_ptr, frame.info.samples_per_channel * 2)
        FfiClient.instance._ffi_lib.livekit_ffi_drop_handle(frame.handle.id)
        if self._closed:
            return
        self._frames.append(pcm)
        if not self._scheduled:
            self._scheduled = True
            _call_soon(self._loop, self._deliver)

    def _deliver(self) -> None:
        self._scheduled = False
        frames = []
        while self._frames:  # the native thread may append meanwhile
            frames.append(self._frames.popleft())
        if frames and not self._closed:
            self._on_frames(b"".join(frames))
