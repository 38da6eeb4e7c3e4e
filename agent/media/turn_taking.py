"""When the user speaks, pauses and has finished. A state machine without I/O (`TABLE`): VAD windows, transcripts and hints in, decisions out; time is
microphone samples.

At the first dip the sentence so far is a *candidate*: it is transcribed while the silence is still being waited out. How long the silence must be
depends on whether the sentence sounds complete: `silence` when it does, `patience` when it does not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

from agent.dialogue.completeness import breaks_off, ends_sentence, leads_on, sounds_complete

MICROPHONE_RATE: Final = 16_000
CERTAIN: Final = 0.9
UNLIKELY: Final = 0.2
"""What a turn model's completeness means."""


@dataclass(frozen=True)
class TurnSettings:
    """All lengths in microphone samples (16 kHz)."""

    threshold: float = 0.5
    """VAD probability above which a window is speech, to begin."""
    release: float = 0.35
    """VAD probability below which a window is silence, to pause."""
    onset: int = MICROPHONE_RATE * 64 // 1000
    """Speech that begins an utterance."""
    dip: int = MICROPHONE_RATE * 64 // 1000
    """Silence at which the candidate is transcribed."""
    certain: int = MICROPHONE_RATE * 448 // 1000
    """Silence that ends a sentence of which text and intonation say that it is complete."""
    ready: int = MICROPHONE_RATE * 192 // 1000
    """Silence that ends such a sentence when its answer is ready to be heard; until then, waiting on costs nothing."""
    silence: int = MICROPHONE_RATE * 500 // 1000
    """Silence that ends a sentence which reads as complete."""
    patience: int = MICROPHONE_RATE * 1000 // 1000
    """Silence that ends any other sentence."""
    minimum: int = MICROPHONE_RATE * 96 // 1000
    """Speech of an utterance; less is a click."""
    longest: int = MICROPHONE_RATE * 60
    """An utterance is committed at its next dip after this, and at once after half as much again."""


class Phase(Enum):
    QUIET = "quiet"
    SPEAKING = "speaking"
    PAUSED = "paused"


class Sign(Enum):
    """What was noticed."""

    ONSET = "64 ms of voice"
    DIP = "64 ms of silence"
    VOICE = "the voice goes on"
    ENOUGH = "silence that is long enough, and a transcript"
    NOTHING = "a click, or no words"
    RESET = "the turn was given otherwise"


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """The user speaks since sample `at`."""

    at: int


@dataclass(frozen=True, slots=True)
class Dipped:
    """The user may have finished at sample `end`: transcribe from `start` to now as `candidate`."""

    candidate: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Resumed:
    """The user goes on: `candidate` is void."""

    candidate: int


@dataclass(frozen=True, slots=True)
class Committed:
    """The user has finished: `text` is what was said."""

    candidate: int
    text: str
    end: int


@dataclass(frozen=True, slots=True)
class Discarded:
    """It was no speech: a click, a cough, a breath."""


Decision = SpeechStarted | Dipped | Resumed | Committed | Discarded

TABLE: Final[Mapping[tuple[Phase, Sign], tuple[Phase, type[Decision]]]] = {
    (Phase.QUIET, Sign.ONSET): (Phase.SPEAKING, SpeechStarted),
    (Phase.SPEAKING, Sign.DIP): (Phase.PAUSED, Dipped),
    (Phase.SPEAKING, Sign.NOTHING): (Phase.QUIET, Discarded),
    (Phase.SPEAKING, Sign.RESET): (Phase.QUIET, Discarded),
    (Phase.PAUSED, Sign.VOICE): (Phase.SPEAKING, Resumed),
    (Phase.PAUSED, Sign.ENOUGH): (Phase.QUIET, Committed),
    (Phase.PAUSED, Sign.NOTHING): (Phase.QUIET, Discarded),
    (Phase.PAUSED, Sign.RESET): (Phase.QUIET, Discarded),
}
"""Whatever else is noticed changes nothing."""


class TurnTaking:
    """The machine. `now` counts the samples of all windows so far."""

    def __init__(self, settings: TurnSettings | None = None) -> None:
        self.settings = settings or TurnSettings()
        self.now = 0
        self.phase = Phase.QUIET
        self.voiced = 0
        """Samples of speech in this utterance."""
        self._started = 0
        self._run = 0
        self._silence = 0
        self._candidate = 0
        self._text: str | None = None
        self._complete: float | None = None
        self._final = False
        self._prepared = False

    @property
    def rising(self) -> int:
        """Samples of speech that may become an utterance."""
        return self._run if self.phase is Phase.QUIET else 0

    @property
    def started(self) -> int:
        """Where the utterance began."""
        return self._started

    def window(self, probability: float, samples: int) -> list[Decision]:
        """One VAD window has passed."""
        self.now += samples
        s = self.settings
        if self.phase is Phase.QUIET:
            self._run = self._run + samples if probability >= s.threshold else 0
            if self._run < s.onset:
                return []
            self._notice(Sign.ONSET)
            self._started, self.voiced, self._silence = self.now - self._run, self._run, 0
            return [SpeechStarted(self._started)]
        if probability >= s.release:
            self.voiced += samples
            self._silence = 0
            if self.phase is Phase.PAUSED:
                self._notice(Sign.VOICE)
                self._text = self._complete = None
                self._final = self._prepared = False
                return [Resumed(self._candidate)]
            if self.now - self._started > s.longest * 3 // 2:
                return self._dip()
            return []
        self._silence += samples
        if self.phase is Phase.SPEAKING and self._silence >= s.dip:
            if self.voiced < s.minimum:
                self._end(Sign.NOTHING)
                return [Discarded()]
            return self._dip()
        return self._judge()

    def awaits(self, candidate: int) -> bool:
        """Whether the candidate may be what is said: the user has not gone on since."""
        return self.phase is Phase.PAUSED and candidate == self._candidate

    def transcript(self, candidate: int, text: str) -> list[Decision]:
        """The candidate was transcribed; an old candidate is ignored."""
        if not self.awaits(candidate):
            return []
        self._text = text
        return self._judge()

    def hint(self, candidate: int, completeness: float) -> list[Decision]:
        """What the turn model thinks: 1 finished, 0 not. It speeds a decision up or slows it down and never makes it alone."""
        if not self.awaits(candidate):
            return []
        self._complete = completeness
        return self._judge()

    def prepared(self) -> list[Decision]:
        """The answer to the present candidate is ready to be heard."""
        if self.phase is not Phase.PAUSED:
            return []
        self._prepared = True
        return self._judge()

    def finish(self) -> list[Decision]:
        """The microphone was closed: what was said until now is all."""
        if self.phase is Phase.QUIET:
            self._run = 0
            return []
        self._final = True
        if self.phase is Phase.SPEAKING:
            return self._dip()
        return self._judge()

    def reset(self) -> list[Decision]:
        """Forget the utterance (a user turn was given otherwise: by text, say)."""
        if self.phase is Phase.QUIET:
            return []
        self._end(Sign.RESET)
        return [Discarded()]

    def needed(self) -> int:
        """Samples of silence that end the present sentence."""
        s = self.settings
        if self._final:
            return 0
        if self._text is None:
            return s.patience
        if self.now - self._started > s.longest:
            return s.dip
        if not sounds_complete(self._text) or leads_on(self._text):
            return s.patience
        if breaks_off(self._text):
            return s.silence if self._complete is not None and self._complete >= CERTAIN else s.patience
        ended = ends_sentence(self._text)
        if self._complete is None:
            return s.silence
        if ended and self._complete >= CERTAIN:
            return min(s.ready if self._prepared else s.certain, s.silence)
        return s.silence if ended or self._complete >= UNLIKELY else (s.silence + s.patience) // 2

    def _dip(self) -> list[Decision]:
        self._notice(Sign.DIP)
        self._candidate += 1
        self._text = self._complete = None
        self._prepared = False
        return [Dipped(self._candidate, self._started, self.now - self._silence)]

    def _judge(self) -> list[Decision]:
        if self.phase is not Phase.PAUSED or self._text is None or self._silence < self.needed():
            return []
        text, end, candidate = self._text, self.now - self._silence, self._candidate
        self._end(Sign.ENOUGH if text.strip() else Sign.NOTHING)
        return [Committed(candidate, text, end) if text.strip() else Discarded()]

    def _notice(self, sign: Sign) -> None:
        self.phase, _ = TABLE[self.phase, sign]

    def _end(self, sign: Sign) -> None:
        self._notice(sign)
        self._run = self._silence = self.voiced = 0
        self._final = self._prepared = False
        self._text = self._complete = None
