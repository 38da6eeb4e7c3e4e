import contextlib
from fractions import Fraction

import av
import numpy as np
import pytest
from av import AudioFrame
from av.audio.codeccontext import AudioCodecContext
from hypothesis import given
from hypothesis import strategies as st

from agent.transports.opus import LOOKAHEAD, SETTLED, SILENCE, Decoder, Encoder, packet_samples
from tests.transports.echo import chirp, find


def packets(pcm: np.ndarray) -> list[bytes]:
    encoder = Encoder()
    return [encoder.encode(block) for block in pcm.reshape(-1, 960)]


def test_sound_comes_back_in_its_place() -> None:
    sweep = chirp(0.2, 48_000)
    signal = np.concatenate((np.zeros(9_600, np.int16), sweep, np.zeros(9_600, np.int16)))
    decoder = Decoder()
    heard = np.concatenate([decoder.decode(packet) for packet in packets(signal)])
    assert len(heard) == len(signal)
    at, fit = find(sweep, heard)
    assert fit > 0.97
    assert at == 9_600 + LOOKAHEAD


def test_silence_is_one_constant_packet_and_sound_after_it_is_whole() -> None:
    sweep = chirp(0.2, 48_000)
    pause = np.zeros(960 * 100, np.int16)
    sent = packets(np.concatenate((sweep, pause, sweep, pause)))
    quiet = sent[len(sweep) // 960 + SETTLED + 1 : (len(sweep) + len(pause)) // 960]
    assert set(quiet) == {SILENCE}
    decoder = Decoder()
    heard = np.concatenate([decoder.decode(packet) for packet in sent])
    at, fit = find(sweep, heard[len(sweep) + len(pause) // 2 :])
    assert fit > 0.97
    assert at == len(pause) // 2 + LOOKAHEAD


def test_libopus_itself_says_silence_that_way() -> None:
    encoder = Encoder()
    assert [encoder.encode(np.zeros(960, np.int16)) for _ in range(SETTLED)] == [SILENCE] * SETTLED


def test_an_encoder_takes_20_ms() -> None:
    with pytest.raises(ValueError, match="960 samples"):
        Encoder().encode(np.zeros(480, np.int16))


def test_stereo_is_mixed_down() -> None:
    codec = av.CodecContext.create("libopus", "w")
    assert isinstance(codec, AudioCodecContext)
    codec.sample_rate, codec.layout, codec.format = 48_000, "stereo", "s16"
    frame = AudioFrame.from_ndarray(np.zeros((1, 1_920), np.int16), format="s16", layout="stereo")
    frame.sample_rate, frame.pts, frame.time_base = 48_000, 0, Fraction(1, 48_000)
    (packet,) = codec.encode(frame)
    assert Decoder().decode(bytes(packet)).shape == (960,)


@pytest.mark.parametrize("milliseconds", [2.5, 5, 10, 20, 40, 60])
def test_the_length_of_a_packet_is_read_from_its_head(milliseconds: float) -> None:
    codec = av.CodecContext.create("libopus", "w")
    assert isinstance(codec, AudioCodecContext)
    codec.sample_rate, codec.layout, codec.format = 48_000, "mono", "s16"
    codec.options = {"frame_duration": str(milliseconds)}
    samples = round(milliseconds * 48)
    frame = AudioFrame.from_ndarray(np.ones((1, samples), np.int16), format="s16", layout="mono")
    frame.sample_rate, frame.pts, frame.time_base = 48_000, 0, Fraction(1, 48_000)
    (packet,) = codec.encode(frame)
    assert packet_samples(bytes(packet)) == samples
    assert len(Decoder().decode(bytes(packet))) == samples


@given(st.binary(max_size=200))
def test_garbage_is_samples_or_a_value_error(data: bytes) -> None:
    with contextlib.suppress(ValueError):
        assert 0 < packet_samples(data) <= 5_760
    with contextlib.suppress(ValueError):
        assert Decoder().decode(data).dtype == np.int16
