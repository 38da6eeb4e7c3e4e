import base64

import numpy as np
import pytest

from agent.media.block import Block
from agent.protocol.errors import ProtocolError
from agent.protocol.frames import Flag, Frame, Kind, decode_frame
from agent.protocol.messages import AudioChunk, AudioOptions, ClientHello
from agent.transports.opus import LOOKAHEAD, Decoder, Encoder
from agent.transports.websocket_sound import Answer, MicrophoneFrames
from tests.transports.echo import chirp, find


def blocks(pcm: np.ndarray, t: int = 0, gen: int = 1) -> list[Block]:
    return [Block(t + i, pcm[i : i + 960], gen, False) for i in range(0, len(pcm), 960)]


def blank(t: int, gen: int = 1) -> Block:
    return Block(t, np.zeros(960, np.int16), gen, True)


class Ear:
    def __init__(self) -> None:
        self.heard = bytearray()
        self.frames = MicrophoneFrames(self.heard.extend)

    def refuses(self, data: bytes | AudioChunk, code: str, match: str) -> None:
        with pytest.raises(ProtocolError, match=match) as error:
            self.frames.frame(data, 0) if isinstance(data, bytes) else self.frames.chunk(data, 0)
        assert error.value.code == code

    @property
    def pcm(self) -> np.ndarray:
        return np.frombuffer(bytes(self.heard), "<i2")


def chunk(seq: int, pcm: bytes, rate: int = 16_000) -> AudioChunk:
    return AudioChunk(seq=seq, sample_rate=rate, data=base64.b64encode(pcm).decode())


def test_pcm_frames_and_messages_are_heard() -> None:
    sound = chirp(0.2, 16_000).tobytes()
    ear = Ear()
    for i in range(0, len(sound), 640):
        ear.frames.frame(Frame(Kind.MICROPHONE, sound[i : i + 640], t=i // 2).to_bytes(), 0)
    for seq, i in enumerate(range(0, len(sound), 1_280)):
        ear.frames.chunk(chunk(seq + 7, sound[i : i + 1_280]), 0)
    assert bytes(ear.heard) == sound * 2


def test_opus_frames_are_heard_and_a_lost_one_is_silence() -> None:
    sweep = chirp(0.4, 48_000)
    encoder, ear = Encoder(), Ear()
    for i in range(20):
        packet = encoder.encode(sweep[960 * i : 960 * (i + 1)])
        if i != 10:
            ear.frames.frame(Frame(Kind.MICROPHONE, packet, t=320 * i, flags=Flag.OPUS).to_bytes(), 0)
    ear.frames.closed()
    assert len(ear.pcm) == 6_400
    assert not ear.pcm[3_200:3_520].any()
    at, fit = find(chirp(0.4, 16_000)[:3_100], ear.pcm)
    assert fit > 0.98
    assert at in range(50, 61)  # 2.5 ms of the encoder and 1 ms of the low-pass


def test_what_is_no_sound_is_refused_and_the_next_is_heard() -> None:
    ear = Ear()
    good = bytes(range(1, 129)) * 5
    ear.frames.chunk(chunk(1, good), 0)
    ear.refuses(b"\x01", "bad_frame", "at least 20 bytes")
    ear.refuses(Frame(Kind.ANSWER, b"12").to_bytes(), "bad_frame", "kind 1")
    ear.refuses(Frame(Kind.MICROPHONE, b"123").to_bytes(), "bad_frame", "even number")
    ear.refuses(Frame(Kind.MICROPHONE, b"").to_bytes(), "bad_audio", "samples")
    ear.refuses(Frame(Kind.MICROPHONE, bytes(16_384 + 2)).to_bytes(), "bad_frame", "16384 bytes")
    ear.refuses(Frame(Kind.MICROPHONE, b"", flags=Flag.OPUS).to_bytes(), "bad_audio", "Opus")
    ear.refuses(Frame(Kind.MICROPHONE, b"\x03\x3f", flags=Flag.OPUS).to_bytes(), "bad_audio", "120 ms")
    ear.refuses(chunk(2, good, rate=44_100), "bad_audio", "expected 16000, not 44100")
    ear.refuses(chunk(2, b"123"), "bad_audio", "even number")
    ear.refuses(chunk(2, b""), "bad_audio", "samples")
    ear.refuses(AudioChunk(seq=2, data="%%%"), "bad_audio", "base64")
    ear.refuses(AudioChunk(seq=2, data="钟"), "bad_audio", "base64")
    ear.frames.chunk(chunk(2, good), 0)
    assert bytes(ear.heard) == good * 2


def test_a_damaged_opus_packet_is_silence_and_an_error() -> None:
    ear = Ear()
    damaged = b"\xfa\xf0\xff"  # two frames, the first of which is longer than the packet
    with pytest.raises(ProtocolError, match="silence took its place"):
        ear.frames.frame(Frame(Kind.MICROPHONE, damaged, flags=Flag.OPUS).to_bytes(), 0)
    assert len(ear.pcm) == 640
    assert not ear.pcm.any()


def test_opening_the_microphone_begins_a_new_clock_and_closing_it_lets_nothing_wait() -> None:
    ear = Ear()
    ear.frames.frame(Frame(Kind.MICROPHONE, b"\1\0" * 320, t=0).to_bytes(), 0)
    ear.frames.frame(Frame(Kind.MICROPHONE, b"\2\0" * 320, t=640).to_bytes(), 0)
    assert len(ear.pcm) == 320
    ear.frames.closed()
    assert ear.pcm.tolist() == [1] * 320 + [0] * 320 + [2] * 320
    ear.frames.opened()
    ear.frames.frame(Frame(Kind.MICROPHONE, b"\3\0" * 320, t=0).to_bytes(), 0)
    assert ear.pcm.tolist()[960:] == [3] * 320


def test_pcm_goes_down_in_chunks_of_40_ms_at_24_khz() -> None:
    sweep = chirp(0.4, 48_000)
    answer = Answer(ClientHello())
    sounds = [sound for block in blocks(sweep, 9_600) for sound in answer.take(block)]
    assert [sound.t for sound in sounds] == list(range(9_600, 9_600 + len(sweep), 1_920))
    assert {len(sound.payload) for sound in sounds} == {1_920}
    heard = np.frombuffer(b"".join(sound.payload for sound in sounds), "<i2")
    reference = np.concatenate((chirp(0.4, 24_000), np.zeros(100, np.int16)))
    at, fit = find(heard, np.concatenate((np.zeros(100, np.int16), reference)))
    assert fit > 0.99
    assert at in range(80, 90)  # the low-pass holds it back by 16 samples


def test_blanks_are_not_sent_and_end_a_chunk() -> None:
    answer = Answer(ClientHello())
    sent = [
        answer.take(block)
        for block in (blank(0), *blocks(np.ones(960, np.int16), 960), blank(1_920), *blocks(np.ones(1_920, np.int16), 2_880))
    ]
    assert [[(sound.t, len(sound.payload)) for sound in sounds] for sounds in sent] == [[], [], [(960, 960)], [], [(2_880, 1_920)]]


def test_a_chunk_holds_one_generation_and_one_stretch_of_time() -> None:
    answer = Answer(ClientHello())
    pcm = np.ones(960, np.int16)
    sent = [
        answer.take(block) for block in (Block(0, pcm, 1, False), Block(960, pcm, 2, False), Block(9_600, pcm, 2, False), blank(10_560, 2))
    ]
    assert [[(sound.gen, sound.t) for sound in sounds] for sounds in sent] == [[], [(1, 0)], [(2, 960)], [(2, 9_600)]]


def test_cleared_sound_is_never_sent() -> None:
    answer = Answer(ClientHello())
    answer.take(Block(0, np.ones(960, np.int16), 1, False))
    answer.clear()
    assert answer.take(blank(960)) == []


def test_opus_goes_down_in_packets_of_20_ms() -> None:
    sweep = chirp(0.4, 48_000)
    answer = Answer(ClientHello(wants=["binary"], audio=AudioOptions(down="opus")))
    assert answer.binary
    sounds = [sound for block in blocks(sweep, 480_000) for sound in answer.take(block)]
    decoder = Decoder()
    frames = [decode_frame(answer.frame(sound)) for sound in sounds]
    assert [frame.t for frame in frames] == list(range(480_000, 480_000 + len(sweep), 960))
    assert {frame.flags for frame in frames} == {Flag.OPUS}
    heard = np.concatenate([decoder.decode(frame.payload) for frame in frames])
    at, fit = find(sweep[:-960], heard)
    assert at == LOOKAHEAD
    assert fit > 0.97


@pytest.mark.parametrize(("down", "rate"), [("pcm", 24_000), ("opus", 48_000)])
def test_json_says_what_it_holds(down: str, rate: int) -> None:
    answer = Answer(ClientHello(audio=AudioOptions.model_validate({"down": down})))
    assert not answer.binary
    (sound,) = [sound for block in blocks(chirp(0.04, 48_000), 960, gen=3) for sound in answer.take(block)][:1]
    envelope = answer.message(sound)
    assert (envelope.gen, envelope.t, envelope.message.codec, envelope.message.sample_rate) == (3, 960, down, rate)
    assert base64.b64decode(envelope.message.data) == sound.payload
