"""Where a turn's time goes: when each stage of an answer was reached, counted from the true end of the question.

Answers are prepared before the turn is theirs, and may be thrown away: the stages of a preparation belong to its speech, those of the question to the ear, and
the two meet when the answer's first sound goes out.
"""

from __future__ import annotations

import weakref
from collections.abc import Hashable
from typing import Final, Literal

QuestionStage = Literal["silence", "transcript", "commit"]
AnswerStage = Literal["asked", "first_token", "first_chunk", "first_sound"]
Stage = QuestionStage | AnswerStage | Literal["out"]

ORDER: Final[tuple[Stage, ...]] = ("silence", "transcript", "asked", "first_token", "first_chunk", "first_sound", "commit", "out")


class Stages:
    """All times are seconds of the event loop's clock, given by the caller."""

    def __init__(self) -> None:
        self._end: float | None = None
        self._question: dict[Stage, float] = {}
        self._answers: weakref.WeakKeyDictionary[Hashable, dict[Stage, float]] = weakref.WeakKeyDictionary()

    def fell_silent(self, end: float, now: float) -> None:
        """The user may have finished at `end`, noticed `now`. What was noted of an earlier pause is void."""
        self._end = end
        self._question = {"silence": now}

    def question(self, stage: QuestionStage, now: float) -> None:
        self._question.setdefault(stage, now)

    def answer(self, speech: Hashable, stage: AnswerStage, now: float) -> None:
        """The first time counts."""
        self._answers.setdefault(speech, {}).setdefault(stage, now)

    def out(self, speech: object, now: float) -> dict[Stage, int]:
        """The first sound goes out: milliseconds after the end of the question, in the order in which they happened. Empty when no question was spoken."""
        end, self._end = self._end, None
        if end is None:
            return {}
        reached: dict[Stage, float] = {
            **self._question,
            **(self._answers.get(speech, {}) if isinstance(speech, Hashable) else {}),
            "out": now,
        }
        return {stage: round((at - end) * 1000) for stage, at in sorted(reached.items(), key=lambda item: (item[1], ORDER.index(item[0])))}
