import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.protocol.envelope import MAX_MESSAGE_BYTES, Envelope
from agent.protocol.errors import ProtocolError
from agent.protocol.messages import ContextUpdate, ErrorMessage, PageState, Part, Ping
from agent.protocol.parts import split
from agent.transports.bucket import Bucket
from agent.transports.inbox import COMPLAINTS_AT_ONCE, FRAMES_PER_SECOND, Complaints, Inbox
from agent.transports.visit import error_message


def raw(type_: str, **d: object) -> str:
    return json.dumps({"v": 1, "type": type_, "gen": 0, "seq": 0, "t": None, "d": d})


def test_a_bucket_gives_its_burst_and_then_its_pace() -> None:
    bucket = Bucket(10, 5)
    assert [bucket.take(1, 0) for _ in range(6)] == [True] * 5 + [False]
    assert [bucket.take(1, 0.1) for _ in range(2)] == [True, False]
    assert [bucket.take(1, 100) for _ in range(6)] == [True] * 5 + [False]


@given(st.lists(st.tuples(st.floats(0, 10), st.floats(0.1, 8)), max_size=60))
def test_a_bucket_never_gives_more_than_its_law(asks: list[tuple[float, float]]) -> None:
    bucket, now, given_ = Bucket(10, 5), 0.0, 0.0
    for wait, tokens in asks:
        now += wait
        if bucket.take(tokens, now):
            given_ += tokens
        assert given_ <= 5 + 10 * now + 1e-6


def test_a_clock_that_goes_back_gives_nothing() -> None:
    bucket = Bucket(10, 1)
    assert bucket.take(1, 5)
    assert not bucket.take(1, 4)


def test_messages_are_decoded() -> None:
    envelope = Inbox(50).take(raw("ping", id=3), 0)
    assert envelope is not None
    assert envelope.message == Ping(id=3)


def test_parts_become_their_message() -> None:
    update = ContextUpdate(version=1, text="铜钟 " * 8_000)
    parts = split(Envelope(update), "p1")
    assert len(parts) > 1
    inbox = Inbox(50)
    results = [inbox.take(part.to_json(), 0) for part in reversed(parts)]
    assert results[:-1] == [None] * (len(parts) - 1)
    assert results[-1] is not None
    assert results[-1].message == update


def test_a_message_counts_once_however_many_parts_it_has() -> None:
    parts = split(Envelope(PageState(round=1, version=1, content="A" * 1_400_000)), "p1")
    inbox = Inbox(10)
    assert len(parts) > 2 * 10
    assert [inbox.take(part.to_json(), 0) for part in parts][-1] is not None
    for _ in range(2 * 10 - 1):
        inbox.take(raw("ping", id=1), 0)
    with pytest.raises(ProtocolError, match="10 messages a second"):
        inbox.take(raw("ping", id=1), 0)


def test_what_is_no_message_is_an_error_of_its_own() -> None:
    inbox = Inbox(50)
    for data, code in (
        ("{", "bad_json"),
        ("[]", "bad_envelope"),
        (raw("sing"), "unknown_type"),
        (raw("ping"), "bad_message"),
        (b"\xff", "bad_json"),
    ):
        with pytest.raises(ProtocolError) as error:
            inbox.take(data, 0)
        assert error.value.code == code


def test_a_message_that_is_too_large_is_not_even_decoded() -> None:
    with pytest.raises(ProtocolError) as error:
        Inbox(50).take("x" * (MAX_MESSAGE_BYTES + 1), 0)
    assert error.value.code == "too_large"


def test_parts_of_parts_are_refused() -> None:
    inner = Envelope(Part(id="b", i=0, n=2, data="x")).to_json().decode()
    inbox = Inbox(50)
    assert inbox.take(Envelope(Part(id="a", i=0, n=2, data=inner[:10])).to_json(), 0) is None
    with pytest.raises(ProtocolError, match="part cannot travel in parts"):
        inbox.take(Envelope(Part(id="a", i=1, n=2, data=inner[10:])).to_json(), 0)


def test_a_flood_of_messages_is_limited_and_sound_is_not_counted_with_them() -> None:
    inbox = Inbox(10)
    chunk = raw("audio_chunk", seq=1, format="pcm", sample_rate=16000, data="AAAA")
    for _ in range(2 * 10):
        inbox.take(raw("ping", id=1), 0)
    with pytest.raises(ProtocolError, match="10 messages a second") as error:
        inbox.take(raw("ping", id=1), 0)
    assert error.value.code == "rate_limited"
    assert inbox.take(chunk, 0) is not None
    assert inbox.take(raw("ping", id=1), 0.1) is not None


def test_a_flood_of_anything_is_limited_before_it_is_decoded() -> None:
    inbox = Inbox(10)
    codes = []
    for _ in range(2 * (10 + FRAMES_PER_SECOND) + 5):
        with pytest.raises(ProtocolError) as error:
            inbox.take("{", 0)
        codes.append(error.value.code)
    assert codes == ["bad_json"] * (2 * (10 + FRAMES_PER_SECOND)) + ["rate_limited"] * 5


def test_complaints_of_a_flood_are_few() -> None:
    complaints = Complaints()

    def told(code: str, now: float) -> bool:
        return isinstance(complaints.about(error_message(code, "…"), now), ErrorMessage)

    assert [told("rate_limited", 0.01 * i) for i in range(100)].count(True) == 1
    assert told("rate_limited", 1.2)
    assert [told("bad_json", 0) for _ in range(100)].count(True) == COMPLAINTS_AT_ONCE
    assert told("bad_audio", 0)
