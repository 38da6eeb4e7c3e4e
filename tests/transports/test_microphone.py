import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.protocol.errors import ProtocolError
from agent.transports.microphone import BURST_SECONDS, MAX_CHUNK_SAMPLES, MAX_GAP_SAMPLES, RATE, WINDOW_SAMPLES, Microphone

CHUNK = 320
NOW = 0.0


def sound(start: int, samples: int = CHUNK) -> bytes:
    """A ramp that tells of every sample where it was on the clock; never zero, so that silence can be told from it."""
    return (np.arange(start, start + samples) % 30_000 + 1).astype("<i2").tobytes()


def push(microphone: Microphone, at: int, samples: int = CHUNK, now: float = NOW) -> bytes:
    return microphone.push(at, sound(at, samples), now, samples=samples)


def test_chunks_in_order_pass_at_once() -> None:
    microphone = Microphone()
    assert [push(microphone, i * CHUNK) for i in range(5)] == [sound(i * CHUNK) for i in range(5)]


def test_the_first_chunk_begins_the_clock_wherever_it_is() -> None:
    assert push(Microphone(), 7_777_777) == sound(7_777_777)


@given(st.permutations(range(4)), st.integers(0, 3))
def test_a_shuffle_within_the_window_is_put_in_order(order: list[int], lead: int) -> None:
    microphone = Microphone()
    out = push(microphone, 0)
    blocks = [4 * block + i + 1 for block in range(lead + 1) for i in order]
    for i in blocks:
        out += push(microphone, i * CHUNK)
    assert out == sound(0, (4 * (lead + 1) + 1) * CHUNK)
    assert (microphone.filled, microphone.dropped, microphone.jumps) == (0, 0, 0)


@given(st.lists(st.integers(0, 40), max_size=80), st.sampled_from([160, 320, 640]))
def test_whatever_comes_each_sample_is_in_its_place_or_silent(places: list[int], length: int) -> None:
    microphone = Microphone()
    out = push(microphone, 0, length)
    for place in places:
        out += push(microphone, place * length, length)
    out += microphone.flush()
    heard = np.frombuffer(out, "<i2")
    expected = np.frombuffer(sound(0, len(heard)), "<i2")
    assert np.all((heard == expected) | (heard == 0))
    assert np.count_nonzero(heard == 0) == microphone.filled
    if microphone.jumps == 0:
        assert len(heard) == (max([0, *places]) + 1) * length


@given(st.lists(st.booleans(), min_size=1, max_size=60))
def test_lost_chunks_become_silence_of_their_length(kept: list[bool]) -> None:
    microphone = Microphone()
    out = push(microphone, 0)
    for i, keep in enumerate([*kept, True], start=1):
        if keep:
            out += push(microphone, i * CHUNK)
    out += microphone.flush()
    expected = sound(0) + b"".join(sound(i * CHUNK) if keep else bytes(2 * CHUNK) for i, keep in enumerate([*kept, True], start=1))
    assert out == expected


@given(st.lists(st.integers(0, 20), max_size=60))
def test_a_chunk_that_comes_again_changes_nothing(again: list[int]) -> None:
    microphone = Microphone()
    out = b""
    for i in range(21):
        out += push(microphone, i * CHUNK)
        out += b"".join(push(microphone, j * CHUNK) for j in again if j <= i)
    assert out == sound(0, 21 * CHUNK)
    assert microphone.dropped == sum(21 - j for j in again)


def test_a_hole_is_given_up_after_the_window() -> None:
    microphone = Microphone()
    push(microphone, 0)
    held = [push(microphone, i * CHUNK) for i in range(2, 2 + WINDOW_SAMPLES // CHUNK)]
    assert held[:-1] == [b""] * (len(held) - 1)
    assert held[-1] == bytes(2 * CHUNK) + sound(2 * CHUNK, WINDOW_SAMPLES)
    assert push(microphone, CHUNK) == b""
    assert microphone.dropped == 1


def test_overlapping_chunks_are_trimmed() -> None:
    microphone = Microphone()
    push(microphone, 0)
    assert push(microphone, 100) == sound(CHUNK, 100)


@pytest.mark.parametrize("step", [MAX_GAP_SAMPLES + CHUNK + 1, 10**12, -MAX_GAP_SAMPLES - CHUNK - 1])
def test_a_step_that_is_too_large_is_a_new_beginning(step: int) -> None:
    microphone = Microphone()
    push(microphone, 5 * RATE)
    held = push(microphone, 5 * RATE + 2 * CHUNK)
    assert held == b""
    at = 5 * RATE + step
    assert push(microphone, at) == bytes(2 * CHUNK) + sound(5 * RATE + 2 * CHUNK) + sound(at)
    assert push(microphone, at + CHUNK) == sound(at + CHUNK)
    assert microphone.jumps == 1


def test_restart_takes_any_clock() -> None:
    microphone = Microphone()
    push(microphone, RATE)
    microphone.restart()
    assert push(microphone, 0) == sound(0)
    assert (microphone.jumps, microphone.dropped) == (0, 0)


def test_a_clock_of_sequence_numbers() -> None:
    microphone = Microphone()
    out = [microphone.push(seq, sound(seq * CHUNK), NOW, samples=CHUNK, span=1) for seq in (7, 9, 8, 8, 12)]
    assert out == [sound(7 * CHUNK), b"", sound(8 * CHUNK) + sound(9 * CHUNK), b"", b""]
    assert microphone.flush() == bytes(2 * 2 * CHUNK) + sound(12 * CHUNK)
    assert (microphone.filled, microphone.dropped) == (2 * CHUNK, 1)


def test_payloads_are_decoded_in_the_order_of_the_clock() -> None:
    decoded: list[bytes] = []

    def decode(payload: bytes) -> bytes:
        decoded.append(payload)
        if payload == b"bad":
            raise ValueError("damaged")
        return sound(0, 50) if payload == b"short" else sound(0, 5 * CHUNK)

    microphone = Microphone()
    out = b"".join(
        microphone.push(at * CHUNK, payload, NOW, samples=CHUNK, decode=decode)
        for at, payload in ((0, b"a"), (2, b"bad"), (1, b"short"), (3, b"d"))
    )
    assert decoded == [b"a", b"short", b"bad", b"d"]
    assert out == sound(0) + sound(0, 50).ljust(2 * CHUNK, b"\0") + bytes(2 * CHUNK) + sound(0)
    assert microphone.damaged == 1


@pytest.mark.parametrize("samples", [0, MAX_CHUNK_SAMPLES + 1])
def test_chunks_of_no_length_and_of_too_great_a_length_are_refused(samples: int) -> None:
    with pytest.raises(ProtocolError, match="20 to 40 ms") as error:
        push(Microphone(), 0, samples)
    assert error.value.code == "bad_audio"


def test_more_sound_than_time_is_refused_and_the_clock_goes_on() -> None:
    microphone = Microphone()
    fits = int(BURST_SECONDS * RATE) // CHUNK
    for i in range(fits):
        push(microphone, i * CHUNK)
    with pytest.raises(ProtocolError, match="pace of real time"):
        push(microphone, fits * CHUNK)
    assert push(microphone, fits * CHUNK, now=1.0) == sound(fits * CHUNK)


def test_holes_count_as_sound_so_that_tiny_chunks_cannot_make_much_of_it() -> None:
    microphone = Microphone()
    made = refused = 0
    for i in range(100):
        try:
            made += len(push(microphone, i * MAX_GAP_SAMPLES, 1))
        except ProtocolError:
            refused += 1
    assert refused
    assert made // 2 <= BURST_SECONDS * RATE


@given(st.lists(st.tuples(st.integers(-(2**40), 2**53), st.integers(1, MAX_CHUNK_SAMPLES)), max_size=50))
def test_what_is_held_stays_bounded(chunks: list[tuple[int, int]]) -> None:
    microphone = Microphone()
    for i, (at, samples) in enumerate(chunks):
        microphone.push(at, bytes(2 * samples), 100.0 * i, samples=samples)
        assert sum(chunk.samples for chunk in microphone._held.values()) < WINDOW_SAMPLES
