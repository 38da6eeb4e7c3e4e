import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.protocol.envelope import MAX_FRAME_BYTES, Envelope, decode_server
from agent.protocol.messages import AssistantText, Pong, ServerInterrupt, StateUpdate
from agent.protocol.parts import Joiner
from agent.transports.outbox import SHOWN, Outbox, Shown, SlowReader, Sound


def state(gen: int = 0) -> Envelope[StateUpdate]:
    return Envelope(StateUpdate(state="idle"), gen)


def everything(outbox: Outbox) -> list[bytes | Shown | Sound]:
    out = []
    while (item := outbox.pop()) is not None:
        out.append(item)
    return out


def test_messages_go_before_sound_and_each_in_its_order() -> None:
    outbox = Outbox(10)
    outbox.play(Sound(1, 0, b"a"))
    outbox.put(Envelope(Pong(id=1, t=0)))
    outbox.play(Sound(1, 960, b"b"))
    outbox.put(Envelope(Pong(id=2, t=0)))
    items = everything(outbox)
    assert [json.loads(item)["d"]["id"] for item in items[:2] if isinstance(item, bytes)] == [1, 2]
    assert items[2:] == [Sound(1, 0, b"a", 1), Sound(1, 960, b"b", 2)]


def test_frames_of_a_face_are_lost_rather_than_late() -> None:
    outbox = Outbox(10)
    outbox.play(Sound(1, 0, b"a"))
    for number in range(SHOWN + 3):
        outbox.show(bytes([number]))
    outbox.put(Envelope(Pong(id=1, t=0)))
    items = everything(outbox)
    assert items[1:-1] == [Shown(bytes([number])) for number in range(3, SHOWN + 3)]
    assert isinstance(items[0], bytes)
    assert items[-1] == Sound(1, 0, b"a", 1)
    assert outbox.waiting_bytes == 0


@given(st.lists(st.sampled_from(["message", "sound", "pop", "silence"]), max_size=60))
def test_numbers_have_no_gaps_and_bytes_are_counted(actions: list[str]) -> None:
    outbox = Outbox(1_000)
    seqs: list[int] = []
    chunks: list[int] = []
    for action in [*actions, *["pop"] * 60]:
        match action:
            case "message":
                outbox.put(state())
            case "sound":
                outbox.play(Sound(1, 0, b"1234"))
            case "silence":
                outbox.silence()
            case "pop":
                item = outbox.pop()
                if isinstance(item, Sound):
                    chunks.append(item.seq)
                elif item is not None:
                    seqs.append(json.loads(item)["seq"])
    assert seqs == list(range(1, len(seqs) + 1))
    assert chunks == list(range(1, len(chunks) + 1))
    assert (len(outbox), outbox.waiting_bytes) == (0, 0)


def test_an_interrupt_throws_away_older_sound_only() -> None:
    outbox = Outbox(10)
    for gen in (1, 2, 3):
        outbox.play(Sound(gen, 0, b"1234"))
    outbox.put(Envelope(ServerInterrupt(cut_t=0, reason="voice"), 3))
    items = everything(outbox)
    assert isinstance(items[0], bytes)
    assert [item.gen for item in items[1:] if isinstance(item, Sound)] == [3]
    assert outbox.waiting_bytes == 0


def test_the_newest_generation_is_known() -> None:
    outbox = Outbox(10)
    for gen in (1, 5, 4):
        outbox.put(state(gen))
    assert outbox.numbering.gen == 5


def test_a_large_message_leaves_in_parts_of_one_number() -> None:
    outbox = Outbox(100)
    text = "钟" * 20_000
    outbox.put(Envelope(AssistantText(id="a1", text=text), 2))
    joiner, whole, seqs = Joiner(), None, set()
    for item in everything(outbox):
        assert isinstance(item, bytes)
        assert len(item) <= MAX_FRAME_BYTES
        part = decode_server(item)
        seqs.add(part.seq)
        whole = joiner.add(part.message)
    assert seqs == {1}
    assert whole is not None
    assert decode_server(whole).message.text == text


def test_too_many_messages_and_too_many_bytes_are_a_slow_reader() -> None:
    outbox = Outbox(3)
    for _ in range(3):
        outbox.put(state())
    with pytest.raises(SlowReader):
        outbox.put(state())
    outbox = Outbox(2)
    outbox.put(Envelope(AssistantText(id="a1", text="x" * 100_000)))
    outbox.put(state())
    assert len(outbox) == 2
    assert len(everything(outbox)) > 5
    assert outbox.waiting_bytes == len(outbox) == 0
    outbox = Outbox(1_000, max_bytes=1_000)
    outbox.play(Sound(1, 0, bytes(900)))
    with pytest.raises(SlowReader, match="1 messages of 900 bytes"):
        outbox.play(Sound(1, 0, bytes(101)))
    outbox.clear()
    outbox.play(Sound(1, 0, bytes(1_000)))
