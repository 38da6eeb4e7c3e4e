"""What the ear asks of others: detectors of speech and of its end, and the host that it tells what it heard."""

from __future__ import annotations

from typing import Final, Literal, Protocol

import numpy as np
import numpy.typing as npt

from agent.conversation.recognizers import Transcript

WINDOW: Final = 512
"""Samples of a VAD window (32 ms)."""
RECENT: Final = 576
"""Samples that a detector looks at between two windows."""


VoiceEvent = Literal["user_speech_start", "user_speech_end"]


class VoiceActivity(Protocol):
    """A detector of speech, on the event loop, for one microphone."""

    def probability(self, window: npt.NDArray[np.float32]) -> float:
        """Probability (0..1) that a window of 512 samples at 16 kHz holds speech; windows come in order."""

    def glimpse(self, recent: npt.NDArray[np.float32]) -> float:
        """The same in the middle of a window: of the last 576 samples. Changes nothing."""

    def reset(self) -> None:
        """Forget what came before."""


class TurnModel(Protocol):
    """Tells from the sound whether the speaker has finished."""

    async def completeness(self, pcm: npt.NDArray[np.float32]) -> float:
        """1 finished … 0 not, from up to 8 s of sound at 16 kHz."""


class EarHost(Protocol):
    """Whom the ear tells."""

    def busy(self) -> bool:
        """The digital human thinks or speaks."""

    def sounding(self) -> bool:
        """An answer is being heard."""

    def hold(self) -> None:
        """There is a voice: fall silent; it may go on."""

    def go_on(self) -> None:
        """It was no interruption."""

    def barge_in(self) -> bool:
        """The user takes the turn: stop. Returns whether the answer had barely begun."""

    def voice(self, kind: VoiceEvent, sample: int) -> None:
        """The user's voice began or ended, at a sample of the microphone."""

    def heard_partial(self, line: int, transcript: Transcript, *, prepared: bool = False) -> None:
        """`prepared`: its answer is being prepared already."""

    def fell_silent(self, seconds: float) -> None:
        """The user may have finished, so long ago."""

    def heard_pause(self, transcript: Transcript) -> None:
        """The words up to that pause."""

    def anticipated(self, *, used: bool) -> None:
        """An answer was prepared while the silence was waited out: it is used, or was made for nothing."""

    def went_on(self, question: str) -> None:
        """What is being said goes on with `question`, which was answered too early: it will be one."""

    def heard_final(self, line: int, transcript: Transcript, end: int) -> None:
        """`end`: microphone sample at which the user fell silent."""

    def recognition_failed(self, error: Exception) -> None: ...
