"""One recording of one conversation: what comes in on the event loop, and the work that a thread does with it.

What was handed over is written some 0.4 s after it was due, so that sound of either side can still find its place. On the right is what was heard, as far as the server
knows: sound that a door took ahead of time and that was called back, by an interrupt or a hold, is silent from the moment of the call on, to a block's precision.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from agent.protocol.messages import RATE
from agent.sessions.ogg_opus import Disk, Gone, OggOpus
from agent.sessions.placing import Pcm, Piece, Placing
from agent.sessions.recordings import Recordings
from agent.sessions.tracks import FRAME, LEFT, RIGHT, Tracks, Tripler

logger = logging.getLogger("visavis.sessions")

HELD_SAMPLES: Final = RATE * 2 // 5
"""So long after it was due sound is written."""
ROOM: Final = 2_000
"""What may wait for the thread: 20 s of both sides."""

OpenDisk = Callable[[Path], Disk]
Told = Callable[[str, int, int], None]
"""The first sound is in a file: its name, the media sample of its first sample, and its Unix time in milliseconds. Called in the thread."""


class _Heard(NamedTuple):
    """Microphone sound, 16 kHz."""

    pcm: bytes
    now: int


class _Played(NamedTuple):
    """20 ms that were handed to the door; None: silence."""

    t: int
    pcm: Pcm | None
    now: int


class _Cut(NamedTuple):
    """What was handed over and is not due yet was called back."""


class Take:
    """Implements `conversation.ports.Sound`. `now` is the media sample that is due now. `work` belongs to the thread, all else to the event loop."""

    def __init__(self, session: str, recordings: Recordings, told: Told, open_disk: OpenDisk = Disk) -> None:
        self._session = session
        self._recordings = recordings
        self._told = told
        self._open_disk = open_disk
        self._waiting: deque[_Heard | _Played | _Cut] = deque()
        self._wall_ms = 0
        self._closing = False
        self._dropped = 0
        self._told_dropped = False
        self.over = False
        """Nothing more is written."""
        self._now = 0
        self._pieces: list[Piece] = []
        self._placing = Placing()
        self._tripler = Tripler()
        self._tripled = 0
        self._tracks: Tracks | None = None
        self._path: Path | None = None
        self._file: OggOpus | None = None
        self.frames = 0
        """Frames of 20 ms that were written."""

    # ------------------------------------------------------------------------------------------------------- on the event loop

    @property
    def recorded(self) -> bool:
        """Whether what is said now is recorded."""
        return not self.over and not self._closing

    @property
    def dropped(self) -> int:
        """Pieces of sound that found no room."""
        return self._dropped

    def heard(self, pcm: bytes, now: int) -> None:
        """Microphone sound arrived: 16 kHz mono, 16-bit."""
        self._put(_Heard(pcm, now))

    def played(self, t: int, pcm: Pcm | None, now: int) -> None:
        """The 20 ms from media sample `t` on were handed to the door. None: silence. The array is not changed afterwards by anybody."""
        if not self._wall_ms:
            self._wall_ms = time.time_ns() // 1_000_000
        self._put(_Played(t, pcm, now))

    def cut(self) -> None:
        """What was handed over and is not due yet is not heard."""
        self._put(_Cut())

    def close(self) -> None:
        """The conversation is over. What came so far is written."""
        self._closing = True

    def _put(self, item: _Heard | _Played | _Cut) -> None:
        if self.over or self._closing:
            return
        if len(self._waiting) >= ROOM:
            self._dropped += 1
            return
        self._waiting.append(item)

    # ------------------------------------------------------------------------------------------------------- in the thread

    def work(self) -> None:
        """Write what can be written by now. Raises `OSError` when nothing can be, any more; then it is `over`."""
        closing = self._closing  # before the rest is looked at
        try:
            self._take_in()
            self._write(self._now if closing else self._now - HELD_SAMPLES)
            if self._dropped and not self._told_dropped:
                self._told_dropped = True
                logger.warning("session %s: the recording cannot follow, and has holes", self._session)
            if closing:
                self._end()
        except Gone:
            logger.info("session %s: its recording was removed, and ends", self._session)
            self._abandon()
        except BaseException:
            self._abandon()
            raise

    def _take_in(self) -> None:
        for _ in range(len(self._waiting)):
            match self._waiting.popleft():
                case _Heard(pcm, now):
                    self._now = max(self._now, now)
                    self._pieces.append(Piece(np.frombuffer(pcm, "<i2"), now))
                case _Played(t, block, now):
                    self._now = max(self._now, now)
                    tracks = self._tracks or self._begin(t)
                    if block is not None:
                        tracks.put(RIGHT, t, block)
                case _Cut() if self._tracks is not None:
                    self._tracks.hush(RIGHT, self._not_due(self._tracks))
                case _:
                    pass

    def _not_due(self, tracks: Tracks) -> int:
        """The first block that has not begun. `now` was asked for with the last block, so by half a block on average it is old."""
        return tracks.t0 - (tracks.t0 - self._now - FRAME // 2) // FRAME * FRAME

    def _begin(self, t0: int) -> Tracks:
        self._path = self._recordings.create(self._session, self._wall_ms)
        self._file = OggOpus(self._open_disk(self._path))
        self._tracks = Tracks(t0)
        return self._tracks

    def _write(self, until: int) -> None:
        if self._tracks is None or self._file is None or self._path is None:
            return
        for start, pcm in self._placing.place(self._pieces, self._tracks.t):
            if start != self._tripled:
                self._tripler.reset()
            sound = self._tripler(pcm)
            self._tracks.put(LEFT, start, sound)
            self._tripled = start + len(sound)
        self._pieces.clear()
        for frame in self._tracks.take(until):
            self._file.write(frame)
            self.frames += 1
            if self.frames == 1:
                self._told(self._path.name, self._tracks.t0, self._wall_ms)

    def _end(self) -> None:
        if self._file is not None:
            self._file.close()
        self.over = True
        if self._dropped:
            logger.warning("session %s: %d pieces of sound are missing in its recording", self._session, self._dropped)

    def _abandon(self) -> None:
        """The file is left as it is; one without sound is removed."""
        self.over = True
        self._waiting.clear()
        if self._file is not None:
            self._file.abandon()
        if self._path is not None and not self.frames:
            with suppress(OSError):
                self._path.unlink(missing_ok=True)


class Unrecorded:
    """Implements `conversation.ports.Sound`: nothing is recorded."""

    recorded = False

    def heard(self, pcm: bytes, now: int) -> None:
        pass

    def played(self, t: int, pcm: Pcm | None, now: int) -> None:
        pass

    def cut(self) -> None:
        pass

    def close(self) -> None:
        pass
