"""Whether somebody who speaks while the digital human speaks takes the turn. A state machine without I/O (`TABLE`); time is microphone samples.

In two stages: at the first sign of a voice the digital human falls silent at once, which can be taken back; whether it was an interruption is decided as soon
as words are understood, or the voice has fallen silent again. Every `Hold` is followed by exactly one verdict, after `longest` at the latest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from agent.media.turn_taking import MICROPHONE_RATE
from agent.protocol.messages import InterruptMode


class Meaning(Enum):
    """What words mean while somebody else speaks."""

    NOTHING = auto()
    NOD = auto()
    WORDS = auto()


class Stage(Enum):
    CALM = "calm"
    HELD = "held"


class Sign(Enum):
    """What was noticed."""

    VOICE = "a voice"
    WORDS = "words"
    INSISTENCE = "a voice that does not end"
    NOTHING = "a nod, a cough, a click"
    TIMEOUT = "2 s without a verdict"
    SETTLED = "interrupted otherwise, or the answer has ended"


@dataclass(frozen=True)
class BargeInSettings:
    """Lengths in microphone samples."""

    trusted: int = MICROPHONE_RATE * 700 // 1000
    """Speech before words of an unfinished utterance count: what is understood of less, of a nod say, is often made up. Nobody hears the wait."""
    insisting: int = MICROPHONE_RATE * 900 // 1000
    """Speech that interrupts without a word having been understood."""
    nodding: int = MICROPHONE_RATE * 1600 // 1000
    """Speech that interrupts although it began with a nod."""
    doubt: int = MICROPHONE_RATE * 256 // 1000
    """A hold for what was only a glimpse of a voice lasts so long before silence ends it: a consonant, and the pause in the middle of "st"."""
    longest: int = MICROPHONE_RATE * 2
    """A hold is not longer."""
    attempts: int = 3
    """Holds of one answer that came to nothing; after so many, only words interrupt it (an echo, a noisy room)."""


@dataclass(frozen=True, slots=True)
class Hold:
    """Fall silent; it may go on."""


@dataclass(frozen=True, slots=True)
class GoOn:
    """It was nothing: go on where the sound stopped."""


@dataclass(frozen=True, slots=True)
class TakeTurn:
    """It is an interruption."""


Verdict = Hold | GoOn | TakeTurn

TABLE: Final[Mapping[tuple[Stage, Sign], tuple[Stage, Verdict | None]]] = {
    (Stage.CALM, Sign.VOICE): (Stage.HELD, Hold()),
    (Stage.CALM, Sign.WORDS): (Stage.CALM, TakeTurn()),
    (Stage.HELD, Sign.WORDS): (Stage.CALM, TakeTurn()),
    (Stage.HELD, Sign.INSISTENCE): (Stage.CALM, TakeTurn()),
    (Stage.HELD, Sign.NOTHING): (Stage.CALM, GoOn()),
    (Stage.HELD, Sign.TIMEOUT): (Stage.CALM, GoOn()),
    (Stage.HELD, Sign.SETTLED): (Stage.CALM, None),
}
"""What is not in it changes nothing."""


class BargeIn:
    """The machine. It is asked only while the digital human thinks or speaks (or is held); `ended` tells that it does not any more."""

    def __init__(self, mode: InterruptMode = "auto", settings: BargeInSettings | None = None) -> None:
        self.settings = settings or BargeInSettings()
        self._mode: InterruptMode = mode
        self._stage = Stage.CALM
        self._since = 0
        self._doubtful_until = 0
        self._in_vain = 0
        self._meaning = Meaning.NOTHING

    @property
    def mode(self) -> InterruptMode:
        return self._mode

    @property
    def held(self) -> bool:
        return self._stage is Stage.HELD

    def switch(self, mode: InterruptMode) -> list[Verdict]:
        """Change the mode, at any time: a hold that it does not know ends."""
        self._mode = mode
        return self._notice(Sign.NOTHING) if mode != "auto" else []

    def voice(self, now: int, voiced: int) -> list[Verdict]:
        """A voice is there, for `voiced` samples of this utterance so far."""
        if self._mode != "auto":
            return []
        if not self.held:
            if self._in_vain >= self.settings.attempts:
                return []
            self._since, self._meaning = now, Meaning.NOTHING
            return self._notice(Sign.VOICE)
        s = self.settings
        if voiced >= (s.nodding if self._meaning is Meaning.NOD else s.insisting):
            return self._notice(Sign.INSISTENCE)
        return self.passed(now)

    def glimpse(self, now: int) -> list[Verdict]:
        """There may be a voice, whose first few hundredths of a second these are."""
        if self.held:
            return []
        self._doubtful_until = now + self.settings.doubt
        return self.voice(now, 0)

    def silence(self, now: int) -> list[Verdict]:
        """There was no voice after all: a click, a breath."""
        return self._notice(Sign.NOTHING) if now >= self._doubtful_until else []

    def passed(self, now: int) -> list[Verdict]:
        """Time has passed."""
        return self._notice(Sign.TIMEOUT) if self.held and now - self._since >= self.settings.longest else []

    def words(self, meaning: Meaning, voiced: int) -> list[Verdict]:
        """Words of an utterance that goes on."""
        self._meaning = meaning
        trusted = meaning is Meaning.WORDS and voiced >= self.settings.trusted
        return self._notice(Sign.WORDS) if trusted and self._mode != "off" else []

    def said(self, meaning: Meaning) -> list[Verdict]:
        """The voice has fallen silent, and this is what it said."""
        if self._mode == "off":
            return []
        return self._notice(Sign.WORDS if meaning is Meaning.WORDS else Sign.NOTHING)

    def settled(self) -> None:
        """The hold was ended otherwise."""
        self._notice(Sign.SETTLED)

    def ended(self) -> None:
        """The digital human does not speak any more: there is nothing to decide, and the next answer is a new one."""
        self._notice(Sign.SETTLED)
        self._in_vain = 0

    def _notice(self, sign: Sign) -> list[Verdict]:
        self._stage, verdict = TABLE.get((self._stage, sign), (self._stage, None))
        if isinstance(verdict, TakeTurn):
            self._in_vain = 0
        elif isinstance(verdict, GoOn):
            self._in_vain += 1
        return [] if verdict is None else [verdict]
