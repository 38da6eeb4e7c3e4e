"""Turn-taking as events in and decisions out; whole conversations without a microphone."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agent.media.turn_taking import (
    MICROPHONE_RATE,
    Committed,
    Decision,
    Dipped,
    Discarded,
    Phase,
    Resumed,
    SpeechStarted,
    TurnTaking,
)

WINDOW = 512


def run(machine: TurnTaking, probability: float, seconds: float) -> list[Decision]:
    out: list[Decision] = []
    for _ in range(round(seconds * MICROPHONE_RATE / WINDOW)):
        out += machine.window(probability, WINDOW)
    return out


def kinds(decisions: list[Decision]) -> list[type]:
    return [type(d) for d in decisions]


def test_a_sentence() -> None:
    machine = TurnTaking()
    assert run(machine, 0.01, 1) == []
    assert kinds(run(machine, 0.9, 1)) == [SpeechStarted]
    (dip,) = run(machine, 0.01, 0.2)
    assert isinstance(dip, Dipped)
    assert machine.transcript(dip.candidate, "What time is it?") == []
    (commit,) = run(machine, 0.01, 0.4)
    assert isinstance(commit, Committed)
    assert commit.text == "What time is it?"
    assert abs(commit.end - 2 * MICROPHONE_RATE) <= 2 * WINDOW
    assert machine.phase is Phase.QUIET


def test_a_slow_transcript_commits_as_soon_as_it_comes() -> None:
    machine = TurnTaking()
    run(machine, 0.9, 1)
    (dip,) = run(machine, 0.01, 2)
    assert isinstance(dip, Dipped)
    assert kinds(machine.transcript(dip.candidate, "Hello there.")) == [Committed]


def test_an_unfinished_sentence_gets_patience() -> None:
    machine = TurnTaking()
    run(machine, 0.9, 1)
    (dip,) = run(machine, 0.01, 0.2)
    assert isinstance(dip, Dipped)
    machine.transcript(dip.candidate, "My number is")
    assert run(machine, 0.01, 0.6) == []
    assert kinds(run(machine, 0.01, 0.5)) == [Committed]


def test_going_on_makes_the_candidate_void() -> None:
    machine = TurnTaking()
    run(machine, 0.9, 1)
    (dip,) = run(machine, 0.01, 0.2)
    assert isinstance(dip, Dipped)
    machine.transcript(dip.candidate, "I would like")
    assert kinds(run(machine, 0.9, 0.5)) == [Resumed]
    assert machine.transcript(dip.candidate, "I would like") == []
    (second,) = run(machine, 0.01, 0.2)
    assert isinstance(second, Dipped)
    assert second.start == dip.start
    assert second.candidate != dip.candidate


def test_a_click_is_no_speech() -> None:
    machine = TurnTaking()
    run(machine, 0.9, 0.07)
    assert kinds(run(machine, 0.01, 0.5)) == [Discarded]


def test_a_cough_without_words_is_discarded() -> None:
    machine = TurnTaking()
    run(machine, 0.9, 0.5)
    (dip,) = run(machine, 0.01, 0.2)
    assert isinstance(dip, Dipped)
    assert machine.transcript(dip.candidate, "") == []
    assert kinds(run(machine, 0.01, 1)) == [Discarded]


def test_closing_the_microphone_ends_the_sentence() -> None:
    machine = TurnTaking()
    run(machine, 0.9, 1)
    (dip,) = machine.finish()
    assert isinstance(dip, Dipped)
    assert kinds(machine.transcript(dip.candidate, "and then")) == [Committed]
    assert machine.finish() == []


def test_a_hint_slows_a_decision_down_and_never_makes_it_alone() -> None:
    machine = TurnTaking()
    run(machine, 0.9, 1)
    (dip,) = run(machine, 0.01, 0.2)
    assert isinstance(dip, Dipped)
    assert machine.hint(dip.candidate, 1.0) == []
    machine.transcript(dip.candidate, "we could go")
    machine.hint(dip.candidate, 0.05)
    assert run(machine, 0.01, 0.3) == []
    assert kinds(run(machine, 0.01, 0.5)) == [Committed]


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("window"), st.floats(0, 1)),
            st.tuples(st.just("text"), st.sampled_from(["", "Hello.", "and", "好的。", "然后"])),
            st.tuples(st.just("finish"), st.none()),
            st.tuples(st.just("reset"), st.none()),
        ),
        max_size=300,
    )
)
def test_every_utterance_begins_once_and_ends_once(events: list[tuple[str, object]]) -> None:
    machine = TurnTaking()
    open_, candidate = False, 0
    for kind, value in events:
        if kind == "window":
            decisions = [d for _ in range(4) for d in machine.window(float(value), WINDOW)]  # type: ignore[arg-type]
        elif kind == "text":
            decisions = machine.transcript(candidate, str(value))
        else:
            decisions = machine.finish() if kind == "finish" else machine.reset()
        for decision in decisions:
            match decision:
                case SpeechStarted():
                    assert not open_
                    open_ = True
                case Dipped(candidate=number, start=start, end=end):
                    assert open_
                    assert number > candidate
                    assert start < end <= machine.now
                    candidate = number
                case Committed(candidate=number, text=text):
                    assert open_
                    assert number == candidate
                    assert text.strip()
                    open_ = False
                case Discarded():
                    assert open_
                    open_ = False
        assert open_ == (machine.phase is not Phase.QUIET)


def test_a_sentence_that_sounds_finished_waits_least() -> None:
    def silence_until_commit(completeness: float | None, text: str, *, prepared: bool = False) -> float:
        machine = TurnTaking()
        run(machine, 0.9, 1)
        (dip,) = run(machine, 0.01, 0.1)
        assert isinstance(dip, Dipped)
        if completeness is not None:
            machine.hint(dip.candidate, completeness)
        machine.transcript(dip.candidate, text)
        if prepared:
            machine.prepared()
        windows = 3
        while not machine.window(0.01, WINDOW):
            windows += 1
        return windows * WINDOW / MICROPHONE_RATE

    finished = silence_until_commit(0.95, "What time is it?")
    unsure = silence_until_commit(0.5, "What time is it?")
    unknown = silence_until_commit(None, "What time is it?")
    unended = silence_until_commit(0.1, "What time is it")
    unfinished = silence_until_commit(0.95, "My number is")
    assert finished < unsure == unknown < unended < unfinished
    assert silence_until_commit(0.95, "What time is it?", prepared=True) < finished, "nothing is gained by waiting on"
    assert silence_until_commit(0.5, "What time is it?", prepared=True) == unsure
    assert silence_until_commit(0.95, "When I was a child.", prepared=True) == unfinished
    # a comma at the end is a pause, unless the intonation says otherwise
    assert silence_until_commit(0.5, "Who wrote Romeo and Juliet,") == silence_until_commit(None, "昨天我去了，") == unfinished
    assert silence_until_commit(0.95, "Who wrote Romeo and Juliet,") == unsure
