"""The messages: what goes in comes out, and what is wrong is named."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.protocol import generate
from agent.protocol.base import MAX_PARTS
from agent.protocol.envelope import MAX_FRAME_BYTES, MAX_MESSAGE_BYTES, Envelope, decode_client, decode_server
from agent.protocol.errors import KINDS, ProtocolError
from agent.protocol.frames import MAX_PAYLOAD_BYTES, Flag, Frame, Kind, decode_frame
from agent.protocol.messages import ClientHello, ContextUpdate, Message, PageState, Part, Playout, ResumeSecret, ResumeTicket, TextInput
from agent.protocol.parts import MAX_OPEN, MAX_OPEN_BYTES, Joiner, split

COUNTS = st.integers(0, 2**53 - 1)


@pytest.mark.parametrize("cls", generate.client_messages(), ids=generate.type_of)
def test_every_client_message_survives_the_wire(cls: type[Message]) -> None:
    sent = Envelope(cls.model_validate(cls.example), gen=3, seq=9, t=480)
    assert decode_client(sent.to_json()) == sent


@pytest.mark.parametrize("cls", generate.server_messages(), ids=generate.type_of)
def test_every_server_message_survives_the_wire(cls: type[Message]) -> None:
    sent = Envelope(cls.model_validate(cls.example), gen=3, seq=9, t=None)
    assert decode_server(sent.to_json()) == sent


@given(gen=COUNTS, seq=COUNTS, t=COUNTS, text=st.text(min_size=1, max_size=200).filter(lambda s: s.isprintable()))
def test_envelopes_round_trip(gen: int, seq: int, t: int, text: str) -> None:
    sent = Envelope(TextInput(text=text), gen, seq, t)
    assert decode_client(sent.to_json()) == sent


@pytest.mark.parametrize(
    ("data", "code", "says"),
    [
        (b"not json", "bad_json", "JSON"),
        (b'{"v":1,"type":"ping","d":{"id":"\xff"}}', "bad_json", "JSON"),
        (b"[1,2]", "bad_envelope", "list"),
        (b"{}", "bad_envelope", "v: 1"),
        (b'{"v":2,"type":"ping"}', "bad_envelope", "2"),
        (b'{"v":true,"type":"ping"}', "bad_envelope", "True"),
        (b'{"v":1,"type":7}', "bad_envelope", "7"),
        (b'{"v":1,"type":"ping","d":[]}', "bad_envelope", "d to be an object"),
        (b'{"v":1,"type":"ping","gen":-1,"d":{"id":1}}', "bad_envelope", "gen"),
        (b'{"v":1,"type":"ping","seq":1.5,"d":{"id":1}}', "bad_envelope", "seq"),
        (b'{"v":1,"type":"ping","t":9007199254740992,"d":{"id":1}}', "bad_envelope", "t to be"),
        (b'{"v":1,"type":"sing","d":{}}', "unknown_type", "text_input"),
        (b'{"v":1,"type":"ping","d":{}}', "bad_message", "ping.id"),
        (b'{"v":1,"type":"ping","d":{"id":"1"}}', "bad_message", "ping.id"),
        (b'{"v":1,"type":"text_input","d":{"text":""}}', "bad_message", "text_input.text"),
        (b'{"v":1,"type":"hello","d":{"session_id":"a b"}}', "bad_message", "hello.session_id"),
        (b'{"v":1,"type":"text_input","d":{"text":"' + b"x" * MAX_MESSAGE_BYTES + b'"}}', "too_large", str(MAX_MESSAGE_BYTES)),
    ],
)
def test_what_is_wrong_is_named(data: bytes, code: str, says: str) -> None:
    with pytest.raises(ProtocolError) as caught:
        decode_client(data)
    assert caught.value.code == code
    assert says in str(caught.value)


@given(st.binary(max_size=300))
def test_garbage_is_an_error_and_nothing_else(data: bytes) -> None:
    with pytest.raises(ProtocolError):
        decode_client(data)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=8),
        lambda x: st.lists(x, max_size=3) | st.dictionaries(st.text(max_size=8), x, max_size=3),
    )
)
def test_any_json_is_a_message_or_an_error(value: Any) -> None:
    code = ""
    try:
        decode_client(json.dumps({"v": 1, "type": "text_input", "d": value}))
    except ProtocolError as error:
        code = error.code
    assert code in {"", *KINDS}


def test_unknown_fields_are_ignored() -> None:
    assert decode_client(b'{"v":1,"type":"ping","later":1,"d":{"id":4,"also_later":true}}').message.id == 4


@given(
    payload=st.binary(max_size=2000).filter(lambda b: len(b) % 2 == 0),
    gen=st.integers(0, 2**32 - 1),
    seq=st.integers(0, 2**32 - 1),
    t=st.integers(0, 2**64 - 1),
)
def test_frames_round_trip(payload: bytes, gen: int, seq: int, t: int) -> None:
    frame = Frame(Kind.ANSWER, payload, gen, seq, t, Flag.NONE)
    assert decode_frame(frame.to_bytes()) == frame


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x01\x01",
        Frame(Kind.MICROPHONE, b"").to_bytes().replace(b"\x01", b"\x02", 1),
        b"\x01\x09" + Frame(Kind.MICROPHONE, b"").to_bytes()[2:],
        Frame(Kind.MICROPHONE, b"abc").to_bytes(),
        Frame(Kind.MICROPHONE, bytes(MAX_PAYLOAD_BYTES + 2)).to_bytes(),
    ],
)
def test_wrong_frames_are_errors(data: bytes) -> None:
    with pytest.raises(ProtocolError) as caught:
        decode_frame(data)
    assert caught.value.code == "bad_frame"


@given(
    text=st.tuples(st.text(st.characters(codec="utf-8") | st.sampled_from('"\\'), min_size=1, max_size=40), st.integers(1, 2_000)).map(
        lambda drawn: (drawn[0] * drawn[1])[:40_000]
    ),
    order=st.randoms(),
)
def test_large_messages_travel_in_parts_in_any_order(text: str, order: Any) -> None:
    sent = Envelope(ContextUpdate(version=1, text=text), 2, 3)
    pieces = split(sent, "p1")
    if len(pieces) == 1:
        assert pieces == [sent]
        return
    assert all(len(piece.to_json()) <= MAX_FRAME_BYTES for piece in pieces)
    order.shuffle(pieces)
    joiner = Joiner()
    wholes = [joiner.add(piece.message) for piece in pieces]
    assert decode_client(next(whole for whole in wholes if whole)) == sent


@pytest.mark.parametrize("character", ["A", "\\", '"', "馆", "🙂", "\x01"])
def test_whatever_the_largest_message_says_it_has_few_enough_parts(character: str) -> None:
    cost = len(json.dumps(character, ensure_ascii=False).encode()) - 2
    sent = Envelope(PageState(round=1, version=1, content=character * ((MAX_MESSAGE_BYTES - 200) // cost)), 2**53 - 1, 2**53 - 1, 2**53 - 1)
    pieces = split(sent, "p" * 64)
    assert len(pieces) <= MAX_PARTS
    assert max(len(piece.to_json()) for piece in pieces) <= MAX_FRAME_BYTES
    joiner = Joiner()
    assert decode_client(next(whole for piece in pieces if (whole := joiner.add(piece.message)))) == sent


def test_a_page_of_1_mib_has_room_and_more_than_1_5_mib_has_not() -> None:
    page = PageState(round=1, version=1, content=base64.b64encode(bytes(1024 * 1024)).decode())
    assert len(split(Envelope(page), "p1")) == 102
    with pytest.raises(ProtocolError) as caught:
        split(Envelope(PageState(round=1, version=1, content="x" * MAX_MESSAGE_BYTES)), "p1")
    assert caught.value.code == "too_large"


def test_unfinished_messages_are_bounded() -> None:
    joiner = Joiner()
    for i in range(1000):
        joiner.add(Part(id=f"p{i}", i=0, n=2, data="x" * 1000))
    assert len(joiner._open) <= MAX_OPEN
    largest = []
    for i in range(MAX_OPEN * MAX_PARTS):
        part = Part(id=f"q{i % MAX_OPEN}", i=i // MAX_OPEN, n=MAX_PARTS, data="x" * 6_000)
        assert joiner.add(part) is None or i >= MAX_OPEN * (MAX_PARTS - 1)
        largest.append(joiner.unfinished_bytes)
    assert MAX_OPEN_BYTES * 0.9 < max(largest) <= MAX_OPEN_BYTES
    most = MAX_MESSAGE_BYTES // MAX_FRAME_BYTES
    for i in range(most):
        joiner.add(Part(id="big", i=i, n=MAX_PARTS, data="x" * MAX_FRAME_BYTES))
    with pytest.raises(ProtocolError, match=str(MAX_MESSAGE_BYTES)):
        joiner.add(Part(id="big", i=most, n=MAX_PARTS, data="x" * MAX_FRAME_BYTES))


def test_a_playout_is_no_float() -> None:
    with pytest.raises(ProtocolError, match="t_heard"):
        decode_client(b'{"v":1,"type":"playout","d":{"gen":1,"t_heard":1.5}}')
    assert Playout(gen=1, t_heard=2) == Playout(gen=1, t_heard=2)


def test_what_is_generated_is_fresh() -> None:
    assert generate.main(["--check"]) == 0


def test_the_schema_accepts_the_examples_and_nothing_stale() -> None:
    schema = json.loads(generate.json_schema())
    named = {ref["$ref"].rsplit("/", 1)[1] for side in ("ClientEnvelope", "ServerEnvelope") for ref in schema["$defs"][side]["oneOf"]}
    assert named == {f"client.{generate.type_of(c)}" for c in generate.client_messages()} | {
        f"server.{generate.type_of(c)}" for c in generate.server_messages()
    }


def test_no_text_of_a_message_tells_its_secret() -> None:
    ticket = ResumeTicket(secret="hush", number=1, ttl_ms=1)
    messages = (ClientHello(session_id="s-1", resume="hush"), ResumeSecret(secret="hush", number=1, ttl_ms=1), ticket)
    assert all("hush" not in f"{message} {message!r}" for message in messages)
