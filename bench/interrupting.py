"""A caller who interrupts: says something over an answer, and looks at what is heard from then on."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import numpy as np

from agent.media.block import Pcm
from agent.media.turn_taking import MICROPHONE_RATE
from agent.protocol.envelope import Envelope
from agent.protocol.messages import RATE, Hold
from bench.caller import AUDIBLE, Caller, audible

GRAIN = RATE // 200
"""5 ms: how finely sound and silence are told apart."""
QUIET_SECONDS = 0.3
"""Silence as long as this is one."""


@dataclass(frozen=True)
class Silence:
    """`seconds`: from the first audible sample of the interruption to the silence; None when there was none within the time. `ghost_seconds`: sound of the
    answer that was interrupted, heard after the silence began."""

    seconds: float | None
    ghost_seconds: float = 0.0
    told_seconds: float | None = None
    """Until the caller was told that the voice is held."""


class Interrupter(Caller):
    """Keeps when there was sound, and its pitch, for as long as it is asked to."""

    def __init__(self) -> None:
        super().__init__()
        self._held_at: float | None = None
        self._grains: list[tuple[float, float]] = []
        """Times of audible grains, and their pitch (Hz)."""

    def message(self, envelope: Envelope[Any]) -> None:
        super().message(envelope)
        if isinstance(envelope.message, Hold) and self._held_at is None:
            self._held_at = asyncio.get_running_loop().time()

    def sound(self, pcm: Pcm, at: float) -> None:
        super().sound(pcm, at)
        for start in range(0, len(pcm) - GRAIN + 1, GRAIN):
            grain = pcm[start : start + GRAIN]
            if np.abs(grain.astype(np.int32)).max() >= AUDIBLE:
                self._grains.append((at + start / RATE, _pitch(grain)))
        del self._grains[:-20_000]

    def silent(self, at: float) -> None:
        super().silent(at)
        while self._grains and self._grains[-1][0] > at:
            self._grains.pop()

    async def begins(self, after: float, limit_seconds: float) -> float:
        """When sound is heard first after a moment. Raises `TimeoutError`."""
        async with asyncio.timeout(limit_seconds):
            while True:
                if found := next((t for t, _ in self._grains if t > after), None):
                    return found
                await asyncio.sleep(0.01)

    async def say(self, speech: Pcm) -> tuple[float, float]:
        """Begin to speak. Returns when its first audible sample leaves the microphone, and the last one."""
        bounds = audible(speech)
        assert bounds is not None
        self._speech_began = asyncio.get_running_loop().create_future()
        self._waiting = speech
        began = await self._speech_began
        return began + bounds[0] / MICROPHONE_RATE, began + bounds[1] / MICROPHONE_RATE

    async def interrupt(self, speech: Pcm, watch_seconds: float) -> Silence:
        """Say `speech` over the answer that is being heard, and listen for a while."""
        self._held_at = None
        began, _ = await self.say(speech)
        before = [pitch for t, pitch in self._grains if began - 0.5 < t <= began]
        await asyncio.sleep(began + watch_seconds - asyncio.get_running_loop().time())
        since = [t for t, _ in self._grains if t > began]
        last = began
        for t in since:
            if t - last > QUIET_SECONDS:
                break
            last = t + GRAIN / RATE
        else:
            if since and asyncio.get_running_loop().time() - last < QUIET_SECONDS:
                return Silence(None)
        old = float(np.median(before)) if before else 0.0
        ghosts = sum(1 for t, pitch in self._grains if t > last + QUIET_SECONDS and abs(pitch - old) < 40)
        return Silence(last - began, ghosts * GRAIN / RATE, None if self._held_at is None else self._held_at - began)

    async def quiet(self, seconds: float, limit_seconds: float = 30.0) -> None:
        """Wait until nothing was heard for so long. Raises `TimeoutError`."""
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(limit_seconds):
            while True:
                rest = self._last_sound + seconds - loop.time()
                if rest <= 0:
                    return
                await asyncio.sleep(rest)


def _pitch(grain: Pcm) -> float:
    spectrum = np.abs(np.fft.rfft(grain * np.hanning(len(grain)), 4_096))
    return float(np.argmax(spectrum)) * RATE / 4_096
