"""Each row of the table as a short story, W6 and W7 in full, and what a front end may send that is wrong."""

from __future__ import annotations

import pytest

from agent.protocol.errors import ProtocolError
from agent.widget.effects import AskPage, ClearStreams, Closed, Confirmed, Effect, Finished, Restore, RolledBack, Send, Withdraw
from agent.widget.events import Answered, Came, Commanded, Cut, Event, Heard, Interaction, Left, PageState, Replied, Unanswered, Wrote
from agent.widget.rounds import ACTS, TABLE, Act, Sign, refusal, take
from agent.widget.snapshot import LARGEST, Snapshot
from agent.widget.state import DRAFTS, OPEN_ROUNDS, START, TEXT_CHARACTERS, Draft, Stage, State
from agent.widget.widget import Widget

HERE = Came(keeps_page=True)
ASKED = [HERE, Interaction("speech", "why?")]
ANSWERING = [*ASKED, Answered(1, 7), Wrote(7, "Because "), Wrote(7, "so.", whole=True)]
PLAYED = [*ANSWERING, Replied(1)]
HEARD = [*PLAYED, Heard(1)]
AGAIN = [*ANSWERING, Left(), HERE]
PAGE = Snapshot(3, b"\x00page\xff")
FIRST = Send(1, 1, 1, "", "speech", "why?")
RELINKED = Send(2, 1, 1, "", "speech", "why?", relink=True, text="Because so.", whole=True)


def told(events: list[Event], state: State = START) -> tuple[State, list[Effect]]:
    """The state after all events, and what comes of the last one."""
    effects: list[Effect] = []
    for event in events:
        state, effects = take(state, event)
    return state, effects


ROWS: dict[tuple[Stage, Sign], tuple[list[Event], int, Stage | None, list[Effect]]] = {
    (Stage.INIT, Sign.INTERACTION): (ASKED, 1, Stage.UPSTREAM, [FIRST]),
    (Stage.UPSTREAM, Sign.INTERACTION): (
        [*ASKED, Interaction("text", "and how?")],
        1,
        Stage.UPSTREAM,
        [Withdraw(1), Send(2, 1, 1, "", "text", "and how?")],
    ),
    (Stage.UPSTREAM, Sign.ANSWER): ([*ASKED, Answered(1, 7)], 1, Stage.DOWNSTREAM, [Confirmed(1, 1)]),
    (Stage.UPSTREAM, Sign.NO_ANSWER): ([*ASKED, Unanswered(1, "busy")], 1, Stage.INIT, [Withdraw(1), RolledBack(1, 0, "busy")]),
    (Stage.UPSTREAM, Sign.CUT): ([*ASKED, Cut(1, 0)], 1, Stage.INIT, [Withdraw(1), RolledBack(1, 0, "cut")]),
    (Stage.UPSTREAM, Sign.CUT_AGAIN): ([*AGAIN, Cut(2, 0)], 1, Stage.PAGE, [Withdraw(2), Finished(1, 1, "cut")]),
    (Stage.UPSTREAM, Sign.RETURN): (
        [*ASKED, Left(), HERE],
        1,
        Stage.UPSTREAM,
        [Restore(1, "", 0, None), Send(2, 1, 1, "", "speech", "why?", relink=True)],
    ),
    (Stage.DOWNSTREAM, Sign.REPLIED): (PLAYED, 1, Stage.PAGE, []),
    (Stage.DOWNSTREAM, Sign.HEARD): ([*ANSWERING, Heard(1)], 1, Stage.PAGE, [Finished(1, 1, "heard")]),
    (Stage.DOWNSTREAM, Sign.CUT): ([*ANSWERING, Cut(1, 9)], 1, Stage.PAGE, [Withdraw(1), Finished(1, 1, "cut")]),
    (Stage.DOWNSTREAM, Sign.RETURN): (AGAIN, 1, Stage.UPSTREAM, [Restore(1, "", 0, None), RELINKED]),
    (Stage.PAGE, Sign.HEARD): (HEARD, 1, Stage.PAGE, [Finished(1, 1, "heard")]),
    (Stage.PAGE, Sign.CUT): ([*PLAYED, Cut(1, 9)], 1, Stage.PAGE, [Withdraw(1), Finished(1, 1, "cut")]),
    (Stage.PAGE, Sign.NEXT): (
        [*HEARD, Interaction("click", "next")],
        1,
        Stage.PAGE,
        [AskPage(1), Send(2, 2, 2, "", "click", "next")],
    ),
    (Stage.PAGE, Sign.NEXT_PLAIN): (
        [*HEARD, Left(), Came(keeps_page=False)],
        1,
        None,
        [Restore(2, "", 1, None), Closed(1)],
    ),
    (Stage.PAGE, Sign.PAGE): ([*HEARD, PageState(1, PAGE)], 1, None, [Closed(1)]),
    (Stage.PAGE, Sign.RETURN): ([*PLAYED, Left(), HERE], 1, Stage.UPSTREAM, [Restore(1, "", 0, None), RELINKED]),
    (Stage.PAGE, Sign.RETURN_HEARD): ([*HEARD, Left(), HERE], 1, Stage.PAGE, [Restore(2, "", 1, None), AskPage(1)]),
}


def test_each_row_has_its_story_and_each_act_its_code() -> None:
    assert set(ROWS) == set(TABLE)
    assert set(ACTS) == set(Act) == {act for _, act in TABLE.values()}


@pytest.mark.parametrize("row", list(ROWS), ids=lambda row: f"{row[0].name}-{row[1].name}")
def test_row(row: tuple[Stage, Sign]) -> None:
    events, number, stage, expected = ROWS[row]
    state, effects = told(events)
    assert effects == expected
    found = [round_.stage for round_ in state.rounds if round_.number == number]
    assert found == ([] if stage is None else [stage])
    assert TABLE[row][0] is (stage or Stage.DONE)


def test_the_counter_is_raised_confirmed_and_rolled_back() -> None:
    state, _ = told(ASKED)
    assert state.counter == 1
    assert told([*ASKED, Answered(1, 7)])[0].counter == 1
    state, effects = told([*ASKED, Unanswered(1, "busy")])
    assert (state.counter, effects[-1]) == (0, RolledBack(1, 0, "busy"))
    assert told([*ASKED, Unanswered(1, "busy"), Interaction("speech", "why?")])[1] == [Send(2, 1, 1, "", "speech", "why?")]


def test_an_answer_to_a_request_that_was_given_up_changes_nothing() -> None:
    late = [*ASKED, Unanswered(1, "busy"), Interaction("speech", "again?")]
    state, _ = told(late)
    for event in (Answered(1, 7), Replied(1), Heard(1), Cut(1, 5), Unanswered(1, "busy")):
        assert take(state, event) == (state, [])


def test_an_interaction_during_an_answer_cuts_it() -> None:
    state, effects = told([*ANSWERING, Interaction("click", "stop")])
    assert effects == [Withdraw(1), Finished(1, 1, "cut"), AskPage(1), Send(2, 2, 2, "", "click", "stop")]
    assert told([Left(), HERE], state)[1][1] == Send(3, 2, 2, "", "click", "stop", relink=True), "what was cut is not heard again"


def test_who_speaks_before_the_end_was_reported_has_cut_it() -> None:
    effects = told([*PLAYED, Interaction("speech", "ah!")])[1]
    assert effects == [Withdraw(1), Finished(1, 1, "cut"), AskPage(1), Send(2, 2, 2, "", "speech", "ah!")]


def test_a_lost_connection_finishes_nothing() -> None:
    state, effects = told([*ANSWERING, Left()])
    assert effects == [ClearStreams()]
    for event in (Replied(1), Cut(1, 5), Unanswered(1, "gone"), Interaction("speech", "?"), PageState(1, PAGE), Left()):
        assert take(state, event) == (state, []), "nobody is here who could hear, cut or ask"


def test_what_was_written_while_nobody_was_here_is_heard_later() -> None:
    effects = told([*ASKED, Answered(1, 7), Wrote(7, "Be"), Left(), Wrote(7, "cause."), Wrote(7, "", whole=True), HERE])[1]
    assert effects[-1] == Send(2, 1, 1, "", "speech", "why?", relink=True, text="Because.", whole=True)


def test_half_an_answer_goes_on_behind_its_beginning() -> None:
    half = [*ASKED, Answered(1, 7), Wrote(7, "Because "), Left(), HERE, Answered(2, 8), Wrote(8, "so.", whole=True), Left(), HERE]
    assert told(half)[1][-1] == Send(3, 1, 1, "", "speech", "why?", relink=True, text="Because so.", whole=True)


def test_words_that_were_written_before_the_question_was_committed_count() -> None:
    effects = told([HERE, Wrote(7, "Because "), Wrote(8, "thrown away"), Interaction("speech", "why?"), Answered(1, 7), Left(), HERE])[1]
    assert isinstance(send := effects[-1], Send)
    assert (send.text, send.whole) == ("Because ", False)


def test_another_device_takes_over_from_one_that_is_still_there() -> None:
    assert told([*ANSWERING, HERE])[1] == [ClearStreams(), Restore(1, "", 0, None), RELINKED]


def test_a_report_that_comes_with_the_return_counts() -> None:
    effects = told([*ANSWERING, Left(), Heard(1), HERE])[1]
    assert effects == [Restore(2, "", 1, None), AskPage(1)]


def test_the_page_comes_back_byte_for_byte_with_what_was_commanded_since() -> None:
    show, wave = Commanded("c1", "show", '{"value": "bell"}', 100), Commanded("c2", "wave", "{}", 900)
    events = [*HEARD, PageState(1, PAGE), Interaction("speech", "and?"), Answered(2, 8), show, wave, Cut(2, 500), Left(), HERE]
    assert told(events)[1] == [Restore(3, "", 2, PAGE, (show,)), AskPage(2)]


def test_a_loop_that_is_heard_again_commands_again() -> None:
    show = Commanded("c1", "show", "{}", 100)
    assert told([*ASKED, Answered(1, 7), show, Left(), HERE])[1][0] == Restore(1, "", 0, None)


def test_the_lesson_goes_on_at_the_next_interaction_and_back_with_its_round() -> None:
    after = [*ANSWERING, Replied(1, "step 2"), Heard(1)]
    assert told(after)[0].step == ""
    state, effects = told([*after, Interaction("speech", "next")])
    assert state.step == "step 2"
    assert effects[-1] == Send(2, 2, 2, "step 2", "speech", "next")
    assert told([Unanswered(2, "busy")], state)[0].step == ""
    again = Send(3, 2, 2, "step 2", "speech", "next", relink=True)
    assert told([Left(), HERE], state)[1] == [Restore(2, "", 1, None), again, AskPage(1)]


def test_front_ends_that_report_no_pages_pile_up_nothing() -> None:
    plain, silent = told([Came(keeps_page=False)])[0], told([HERE])[0]
    for ticket in range(1, 3 * OPEN_ROUNDS + 1):
        talk = [Interaction("speech", "?"), Answered(ticket, ticket), Replied(ticket), Heard(ticket)]
        plain, silent = told(talk, plain)[0], told(talk, silent)[0]
    assert len(plain.rounds) == 2
    assert len(silent.rounds) == OPEN_ROUNDS
    assert plain.counter == silent.counter == 3 * OPEN_ROUNDS


def test_drafts_and_texts_are_bounded() -> None:
    state = told([Wrote(n, "a") for n in range(1, 100)])[0]
    assert len(state.drafts) == DRAFTS
    long = Draft().and_then("a" * TEXT_CHARACTERS, whole=False).and_then("b", whole=True)
    assert (len(long.text), long.whole) == (TEXT_CHARACTERS, False), "its end is not known"


# --------------------------------------------------------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("events", "number", "why"),
    [
        ([], 1, "nobody is here"),
        ([HERE], 1, "round 1 is in INIT; expected one in PAGE_STATE_UPSTREAM"),
        (ANSWERING, 1, "round 1 is in SERVER_REPLY_DOWNSTREAM; expected one in PAGE_STATE_UPSTREAM"),
        ([*HEARD, PageState(1, PAGE)], 1, "round 1 is closed; rounds 2 to 2 are open"),
        (HEARD, 9, "round 9 does not exist; rounds 1 to 2 are open"),
        (HEARD, 0, "round 0 does not exist"),
        (HEARD, -1, "round -1 does not exist"),
    ],
)
def test_a_page_state_that_does_not_fit_is_refused_in_words(events: list[Event], number: int, why: str) -> None:
    state, event = told(events)[0], PageState(number, PAGE)
    assert why in (refusal(state, event) or "")
    assert take(state, event) == (state, [])


def test_a_page_state_that_fits_is_not_refused() -> None:
    assert refusal(told(HEARD)[0], PageState(1, PAGE)) is None


def test_a_snapshot_may_be_a_mebibyte_and_no_more() -> None:
    assert len(Snapshot(0, bytes(LARGEST)).content) == LARGEST
    with pytest.raises(ProtocolError, match="1,048,577 bytes; at most 1,048,576 are kept") as error:
        Snapshot(0, bytes(LARGEST + 1))
    assert error.value.code == "too_large"
    for version in (-1, True, "1", 1.5):
        with pytest.raises(ProtocolError, match="expected a whole number"):
            Snapshot(version, b"")


def test_what_waits_too_long_has_no_answer() -> None:
    widget = Widget()
    for event in ASKED:
        widget.take(event, 1_000)
    assert widget.wakes_ms == 31_000
    assert widget.passed(30_999) == []
    assert widget.passed(31_000) == [Unanswered(1, "no answer within 30 s")]
    assert widget.take(Unanswered(1, "no answer within 30 s"), 31_000)[-1] == RolledBack(1, 0, "no answer within 30 s")
    assert (widget.wakes_ms, widget.passed(99_000)) == (None, [])


def test_what_nobody_knows_any_more_has_no_answer() -> None:
    """The request of a session whose words are not written down, in another process."""
    widget = Widget()
    for event in [HERE, Interaction("speech", None), Answered(1, 7), Left()]:
        widget.take(event, 5)
    assert widget.passed(5) == []
    assert widget.take(HERE, 5) == [Restore(1, "", 0, None)]
    (event,) = widget.passed(5)
    assert event == Unanswered(2, "the request was not written down")
    assert widget.take(event, 5) == [Withdraw(2), RolledBack(1, 0, "the request was not written down")]


def test_nothing_is_late_while_nobody_is_here() -> None:
    widget = Widget()
    for event in [*ASKED, Left()]:
        widget.take(event, 0)
    assert widget.passed(10**9) == []
    widget.take(HERE, 10**9)
    assert widget.wakes_ms == 10**9 + 30_000
