"""Where a turn's time goes."""

from __future__ import annotations

from agent.conversation.stages import Stages


class Speech:
    """An answer of the engine."""


def test_an_answer_that_was_prepared_ahead() -> None:
    stages, speech = Stages(), Speech()
    stages.fell_silent(10.0, 10.13)
    stages.question("transcript", 10.21)
    stages.answer(speech, "asked", 10.22)
    stages.answer(speech, "first_token", 10.4)
    stages.answer(speech, "first_token", 10.5)
    stages.question("commit", 10.45)
    stages.answer(speech, "first_chunk", 10.6)
    stages.answer(speech, "first_sound", 10.65)
    told = stages.out(speech, 10.66)
    assert told == {
        "silence": 130,
        "transcript": 210,
        "asked": 220,
        "first_token": 400,
        "commit": 450,
        "first_chunk": 600,
        "first_sound": 650,
        "out": 660,
    }
    assert list(told.values()) == sorted(told.values())
    assert stages.out(speech, 11.0) == {}  # a second stretch of the same answer


def test_what_was_prepared_for_an_earlier_pause_does_not_count() -> None:
    stages, early, late = Stages(), Speech(), Speech()
    stages.fell_silent(1.0, 1.1)
    stages.question("transcript", 1.2)
    stages.answer(early, "asked", 1.2)
    stages.fell_silent(3.0, 3.1)
    stages.question("transcript", 3.15)
    stages.answer(late, "asked", 3.2)
    assert stages.out(late, 3.5) == {"silence": 100, "transcript": 150, "asked": 200, "out": 500}


def test_a_written_question_has_no_stages() -> None:
    assert Stages().out(Speech(), 1.0) == {}
