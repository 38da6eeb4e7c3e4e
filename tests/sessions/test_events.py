from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.sessions.content import without_content
from agent.sessions.events import UNREADABLE, VERSION, BadEvent, Event, parse, read_line, upcast
from tests.sessions.strategies import SESSION, journals

EVENT = Event("s-1", 7, 1_700_000_000_000, 48_000, 3, 1, "asr_final", {"id": "u1", "text": "你好"})


def test_a_line_is_what_the_outside_relies_on() -> None:
    assert EVENT.line() == (
        '{"v":1,"session":"s-1","seq":7,"wall_ms":1700000000000,"t":48000,"gen":3,"round":1,"type":"asr_final","d":{"id":"u1","text":"你好"}}'
    )


@given(journals())
def test_what_was_written_is_read(events: list[Event]) -> None:
    for event in events:
        line = event.line()
        assert "\n" not in line
        assert parse(line) == parse(line.encode()) == event


def test_half_a_surrogate_pair_and_strange_objects_can_be_written() -> None:
    line = Event("s-1", 1, 0, 0, 0, 0, "x", {"text": "\ud83d", "object": {1}}).line()
    assert parse(line.encode()).d == {"text": "?", "object": "{1}"}


@given(journals(max_size=5), st.data())
def test_a_torn_line_is_an_unreadable_event_of_its_number(events: list[Event], data: st.DataObject) -> None:
    for event in events:
        line = event.line().encode()
        torn = line[: data.draw(st.integers(0, len(line) - 1))]
        read = read_line(torn, event.session, event.seq)
        assert (read.type, read.seq, read.session) == (UNREADABLE, event.seq, event.session)


@given(st.binary() | st.text())
def test_nothing_that_is_stored_makes_reading_fail(line: bytes | str) -> None:
    assert read_line(line, "s-1", 1).type == UNREADABLE


def test_an_event_of_another_session_or_number_is_not_believed() -> None:
    assert read_line(EVENT.line(), "s-1", 7) == EVENT
    assert read_line(EVENT.line(), "s-2", 7).type == UNREADABLE
    assert read_line(EVENT.line(), "s-1", 8).type == UNREADABLE


@pytest.mark.parametrize(
    "line", ["", "[]", "{}", '{"v":1.0}', EVENT.line().replace('"seq":7', '"seq":true'), EVENT.line().replace("asr_final", "")]
)
def test_what_is_no_event_is_refused_with_what_was_expected(line: str) -> None:
    with pytest.raises(BadEvent, match="expected"):
        parse(line)


@given(st.integers(0, 6), st.integers(0, 6), st.sets(st.integers(0, 6)))
def test_an_old_event_is_lifted_step_by_step_and_a_future_one_left_alone(v: int, newest: int, with_lift: set[int]) -> None:
    lifts = {
        step: (lambda event, step=step: replace(event, d={**event.d, "steps": [*event.d.get("steps", []), step]})) for step in with_lift
    }
    event = replace(EVENT, v=v)
    lifted = upcast(event, lifts, newest)
    if v >= newest:
        assert lifted == event
    else:
        assert lifted.v == newest
        assert lifted.d.get("steps", []) == sorted(step for step in with_lift if v <= step < newest)
    assert upcast(lifted, lifts, newest) == lifted


def test_a_stored_event_of_an_older_version_is_read_as_a_new_one() -> None:
    assert read_line(replace(EVENT, v=0).line(), SESSION, 7).v == VERSION


def test_metadata_holds_no_words() -> None:
    d = {"id": "u1", "text": "my secret", "n": 3, "final": True, "none": None, "data": {"secret": 1}, "list": ["secret"], "language": "en"}
    bare = without_content(replace(EVENT, d=d))
    assert "secret" not in bare.line().replace("secret_", "")
    assert bare.d == {"id": "u1", "text_chars": 9, "n": 3, "final": True, "none": None, "data_items": 1, "list_items": 1, "language": "en"}


@given(journals())
def test_metadata_keeps_no_text_of_any_event(events: list[Event]) -> None:
    from agent.sessions.content import NAMES

    for event in events:
        for name, value in without_content(event).d.items():
            assert value is None or isinstance(value, bool | int | float) or name in NAMES
