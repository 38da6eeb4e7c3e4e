"""The digital human's own voice, taken out of the microphone of a client that has no echo canceller: WebRTC's, from LiveKit's library.

It is told what was played and learns by itself how the room answers, and how much later. While nothing is played it does nothing and costs nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final

from livekit import rtc

from agent.media.block import BLOCK_SAMPLES, Block
from agent.media.turn_taking import MICROPHONE_RATE
from agent.protocol.messages import RATE

WANT: Final = "echo_cancellation"
"""What a client without one names in its hello's `wants`."""
TAIL: Final = RATE
"""Samples after the last sound in which its echo may still come."""
_STEP: Final = MICROPHONE_RATE // 100
_PLAYED_STEP: Final = RATE // 100
_KEPT: Final = 250
"""Blocks that may wait to be due: 5 s."""


class EchoCanceller:
    """One a conversation. `due`: the media sample that is heard, or on its way to the ear, now."""

    def __init__(self, due: Callable[[], int]) -> None:
        self._due = due
        self._module: rtc.AudioProcessingModule | None = None
        self._played: deque[Block] = deque(maxlen=_KEPT)
        self._sounds_until = -1
        self._rest = b""

    def played(self, block: Block) -> None:
        """A block was handed to the client, perhaps ahead of time."""
        if not block.blank:
            self._sounds_until = block.t + BLOCK_SAMPLES + TAIL
        if block.t < self._sounds_until:
            self._played.append(block)

    def clean(self, pcm: bytes) -> bytes:
        """Microphone sound (16 kHz mono, 16-bit) without the echo. What does not fill 10 ms waits for the next call."""
        due = self._due()
        self._refer(due)
        if due >= self._sounds_until:
            rest, self._rest = self._rest, b""
            return rest + pcm
        self._module = self._module or rtc.AudioProcessingModule(echo_cancellation=True)
        sound = bytearray(self._rest + pcm)
        whole = len(sound) - len(sound) % (2 * _STEP)
        self._rest = bytes(sound[whole:])
        cleaned = bytearray()
        for start in range(0, whole, 2 * _STEP):
            frame = rtc.AudioFrame(sound[start : start + 2 * _STEP], MICROPHONE_RATE, 1, _STEP)
            self._module.process_stream(frame)
            cleaned += frame.data.cast("B")
        return bytes(cleaned)

    def _refer(self, due: int) -> None:
        """Tell the module what has been heard since."""
        while self._played and self._played[0].t < due:
            block = self._played.popleft()
            self._module = self._module or rtc.AudioProcessingModule(echo_cancellation=True)
            sound = bytearray(block.pcm.tobytes())
            for start in range(0, len(sound), 2 * _PLAYED_STEP):
                frame = rtc.AudioFrame(sound[start : start + 2 * _PLAYED_STEP], RATE, 1, _PLAYED_STEP)
                self._module.process_reverse_stream(frame)
