"""The sample clock, and the clock of who listens, after half an hour in a room."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
import pytest

from agent.media.timeline import Timeline
from tests.transports.livekit_stage import RATE, Person, room_name, sine, staged, until

MINUTES = 30
EVERY_SECONDS = 60
MOST_SECONDS = 0.010


class Onsets:
    """Where tones begin, in samples of the receiver; keeps no sound."""

    def __init__(self) -> None:
        self.samples = 0
        self.found: list[int] = []
        self._quiet = RATE

    def hear(self, pcm: np.ndarray[Any, np.dtype[np.int16]]) -> None:
        loud = np.flatnonzero(np.abs(pcm.astype(np.int32)) > 2_000)
        if len(loud) and self._quiet + int(loud[0]) >= RATE // 2:
            self.found.append(self.samples + int(loud[0]))
        self._quiet = len(pcm) - 1 - int(loud[-1]) if len(loud) else self._quiet + len(pcm)
        self.samples += len(pcm)


@pytest.mark.soak
@pytest.mark.livekit
@pytest.mark.timeout(MINUTES * 60 + 120)
async def test_the_clock_does_not_drift_in_half_an_hour_of_silence_and_tones(livekit_server: Any) -> None:
    async with staged(livekit_server) as stage, Person(stage, "ann", room_name()) as ann:
        onsets = Onsets()
        ann.on_sound = onsets.hear
        await ann.join(listen=True)
        guest = await stage.guest()
        await until(lambda: onsets.samples > RATE, what="a second of silence")
        sent: list[int] = []
        for minute in range(MINUTES * 60 // EVERY_SECONDS + 1):
            if minute:
                await asyncio.sleep(EVERY_SECONDS)
            sent.append(_sing(guest.timeline))
            await until(lambda: len(onsets.found) == len(sent), what="the tone")
        offsets = (np.array(onsets.found) - np.array(sent)) / RATE
        apart = offsets - offsets[0]
        print(
            f"\nthe receiver's clock less ours, over {MINUTES} min: {apart[-1] * 1000:+.1f} ms at the end, {1000 * np.abs(apart).max():.1f} ms at most"
        )
        assert abs(float(np.median(apart[-3:]))) <= MOST_SECONDS


def _sing(timeline: Timeline) -> int:
    """Play a tone from the next block on. Returns its media sample."""
    segment = timeline.open(1)
    timeline.append(segment, sine(880, 0.2))
    timeline.close(segment)
    return timeline.t
