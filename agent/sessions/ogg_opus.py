"""Stereo sound as an Ogg file of Opus, written as it comes: whoever stops writing at any moment leaves a file that can be played to there. (RFC 6716, 7845; FFmpeg by PyAV.)"""

from __future__ import annotations

import os
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
from av import AudioFrame
from av.audio.stream import AudioStream

from agent.protocol.messages import RATE
from agent.sessions.placing import Pcm
from agent.sessions.tracks import FRAME

BIT_RATE: Final = 48_000
"""At most; silence takes a few bytes. In this mode and at this rate what one side says is 58 dB weaker on the other."""
PAGE_MICROSECONDS: Final = 200_000
"""A page is written when the next one is full: up to 0.4 s after its first sample."""


class Gone(Exception):
    """The file was removed while it was being written: what it held is to be forgotten."""


class Disk:
    """A file that FFmpeg writes to. Nothing is held back."""

    def __init__(self, path: Path) -> None:
        """Raises `OSError`."""
        self._file: int | None = os.open(path, os.O_WRONLY)

    def write(self, data: bytes) -> int:
        """All of it; into nothing once it is closed. Raises `OSError`, `Gone`."""
        if self._file is None:
            return len(data)
        if os.fstat(self._file).st_nlink == 0:
            raise Gone
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(self._file, rest) :]
        return len(data)

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None


class OggOpus:
    """Sample 0 of what a decoder gives is the first of the first frame. Every method may raise `OSError` or `Gone`; then nothing more can be written."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self._container = av.open(disk, "w", format="ogg", options={"page_duration": str(PAGE_MICROSECONDS), "flush_packets": "1"})
        stream = self._container.add_stream("libopus", rate=RATE)
        assert isinstance(stream, AudioStream)
        stream.codec_context.layout = "stereo"
        stream.codec_context.format = "s16"
        stream.codec_context.bit_rate = BIT_RATE
        stream.codec_context.options = {"application": "lowdelay", "compression_level": "5", "frame_duration": "20"}
        self._stream = stream
        self._pts = 0

    def write(self, frame: Pcm) -> None:
        """20 ms: (960, 2) samples."""
        sound = AudioFrame.from_ndarray(frame.reshape(1, -1), format="s16", layout="stereo")
        sound.sample_rate = RATE
        sound.time_base = Fraction(1, RATE)
        sound.pts = self._pts
        self._pts += FRAME
        self._container.mux(self._stream.encode(sound))

    def close(self) -> None:
        """Write what is left."""
        self._container.mux(self._stream.encode(None))
        self._container.close()
        self._disk.close()

    def abandon(self) -> None:
        """Leave the file as it is. Raises nothing."""
        self._disk.close()
        with suppress(av.FFmpegError):  # it remembers that it could not write
            self._container.close()
