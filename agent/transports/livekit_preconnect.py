"""Pre-connect audio: what a client recorded before the agent was there, so that the first words are not lost.

A client sends it as a byte stream, with the id of the track that goes on where the recording ends. Browsers record a container (WebM, Ogg or MP4), native
clients send 16-bit PCM; the stream's attributes tell rate and channels.
"""

from __future__ import annotations

import asyncio
import io
import logging
from collections.abc import Callable, Mapping
from typing import Final

import av
import numpy as np
import soxr
from livekit import rtc

from agent.aio import Tasks
from agent.transports.microphone import RATE

logger = logging.getLogger("visavis.livekit")

TOPIC: Final = "lk.agent.pre-connect-audio-buffer"
MAX_BYTES: Final = 3 * 1024 * 1024
"""30 s of PCM at 48 kHz."""
MAX_SECONDS: Final = 30
WAIT_SECONDS: Final = 3.0
"""How long live sound is held back for a recording that was announced."""
READ_SECONDS: Final = 10.0
MAX_RECORDINGS: Final = 4
"""Recordings that are read at once, and kept until their track comes, in one room."""


def container(data: bytes) -> str | None:
    """The demultiplexer for `data`, by its first bytes; None for PCM. Nothing else is ever tried: some demultiplexers open addresses that the data names."""
    if data.startswith(b"\x1aE\xdf\xa3"):
        return "matroska"
    if data.startswith(b"OggS"):
        return "ogg"
    if data[4:8] == b"ftyp":
        return "mp4"
    return None


def decode(data: bytes, attributes: Mapping[str, str]) -> bytes:
    """A recording as 16 kHz mono 16-bit PCM, at most `MAX_SECONDS` of it (the newest). Blocks. Raises `ValueError`."""
    kind = container(data)
    pcm = _demultiplexed(data, kind) if kind else _resampled(data, attributes)
    return pcm[-2 * RATE * MAX_SECONDS :]


def _demultiplexed(data: bytes, kind: str) -> bytes:
    resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE)
    out = bytearray()
    try:
        with av.open(io.BytesIO(data), "r", format=kind) as source:
            for frame in source.decode(audio=0):
                for part in resampler.resample(frame):
                    out += part.to_ndarray().tobytes()
                if len(out) > 4 * RATE * MAX_SECONDS:
                    del out[: -2 * RATE * MAX_SECONDS]
            for part in resampler.resample(None):
                out += part.to_ndarray().tobytes()
    except (av.error.FFmpegError, IndexError) as error:
        raise ValueError(f"expected audio in {kind}: {error}") from None
    return bytes(out)


def _resampled(data: bytes, attributes: Mapping[str, str]) -> bytes:
    rate, channels = _number(attributes, "sampleRate", 8_000, 192_000), _number(attributes, "channels", 1, 2)
    samples = np.frombuffer(data[: len(data) // (2 * channels) * 2 * channels], np.int16)
    if channels == 2:
        samples = samples.reshape(-1, 2).mean(axis=1).astype(np.int16)
    return samples.tobytes() if rate == RATE else soxr.resample(samples, rate, RATE, quality="MQ").astype(np.int16).tobytes()


def _number(attributes: Mapping[str, str], name: str, low: int, high: int) -> int:
    text = attributes.get(name, "")
    if not text.isascii() or not text.isdigit() or not low <= int(text) <= high:
        raise ValueError(f"expected the attribute {name} to be a number from {low} to {high}, not {text[:20]!r}")
    return int(text)


class PreConnect:
    """The recordings that come into one room, from those whom `accepts` names. Made before the room is connected."""

    def __init__(self, room: rtc.Room, tasks: Tasks, accepts: Callable[[str], bool]) -> None:
        self._tasks = tasks
        self._accepts = accepts
        self._recordings: dict[tuple[str, str], asyncio.Future[bytes]] = {}
        self._reading = 0
        room.register_byte_stream_handler(TOPIC, self._opened)

    async def recording(self, identity: str, track_sid: str) -> bytes:
        """What `identity` recorded before track `track_sid`: 16 kHz mono 16-bit PCM; empty when nothing comes in `WAIT_SECONDS`."""
        key = (identity, track_sid)
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                return await self._expected(key)
        except TimeoutError:
            logger.warning("pre-connect audio of %s was announced and did not come", identity)
            return b""
        finally:
            self._recordings.pop(key, None)

    def _expected(self, key: tuple[str, str]) -> asyncio.Future[bytes]:
        return self._recordings.setdefault(key, asyncio.get_running_loop().create_future())

    def _opened(self, reader: rtc.ByteStreamReader, identity: str) -> None:
        track_sid = (reader.info.attributes or {}).get("trackId", "")
        if not track_sid or self._reading >= MAX_RECORDINGS or not self._accepts(identity):
            logger.warning("pre-connect audio of %s is not read: it names no track, comes too often, or is for another agent", identity)
            reader.close()
            return
        key = (identity, track_sid)
        for unclaimed in [k for k, recording in self._recordings.items() if recording.done()][: -MAX_RECORDINGS + 1]:
            del self._recordings[unclaimed]
        self._reading += 1
        self._tasks.start(self._read(reader, key), "pre-connect audio")

    async def _read(self, reader: rtc.ByteStreamReader, key: tuple[str, str]) -> None:
        pcm = b""
        try:
            async with asyncio.timeout(READ_SECONDS):
                data = bytearray()
                async for chunk in reader:
                    data += chunk
                    if len(data) > MAX_BYTES:
                        raise ValueError(f"expected at most {MAX_BYTES} bytes")
                pcm = await asyncio.to_thread(decode, bytes(data), reader.info.attributes or {})
        except (ValueError, TimeoutError, rtc.StreamError) as error:
            logger.warning("pre-connect audio of %s cannot be used: %s", key[0], error or "it did not end in time")
        finally:
            self._reading -= 1
            reader.close()
        expected = self._expected(key)
        if not expected.done():
            expected.set_result(pcm)
