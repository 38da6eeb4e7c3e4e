"""Sound files in, the record of a talk out."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest

from agent.talk.sound import Recorder, SoundError, first_audible, last_audible, read_microphone


def test_what_was_taken_back_was_not_heard() -> None:
    recorder = Recorder()
    for i in range(10):
        recorder.heard(1.0 + i * 0.02, np.full(960, 20_000, np.int16))
    recorder.silent(1.05)
    recorder.heard(2.0, np.full(960, 10_000, np.int16))
    sound = recorder.right()
    assert int(np.flatnonzero(sound == 20_000)[-1]) == round(1.05 * 48_000) - 1
    assert int(np.flatnonzero(sound == 10_000)[0]) == 2 * 48_000


def write(path: Path, samples: np.ndarray, rate: int, width: int) -> Path:
    kinds = {1: np.uint8, 2: np.dtype("<i2"), 4: np.dtype("<i4")}
    scaled = {1: samples * 127 + 128, 2: samples * 32767, 4: samples * (2**31 - 1)}[width]
    with wave.open(str(path), "wb") as file:
        file.setnchannels(samples.shape[1])
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(scaled.astype(kinds[width]).tobytes())
    return path


@pytest.mark.parametrize("rate", [8_000, 11_025, 16_000, 44_100, 48_000, 96_000])
@pytest.mark.parametrize("channels", [1, 2, 6])
@pytest.mark.parametrize("width", [1, 2, 4])
def test_any_wav_becomes_a_microphone(tmp_path: Path, rate: int, channels: int, width: int) -> None:
    wave_form = 0.5 * np.sin(2 * np.pi * 440 * np.arange(rate) / rate)
    pcm = read_microphone(write(tmp_path / "a.wav", np.repeat(wave_form[:, None], channels, 1), rate, width))
    assert abs(len(pcm) - 16_000) < 200
    spectrum = np.abs(np.fft.rfft(pcm[2_000:14_000].astype(float)))
    assert abs(np.argmax(spectrum) * 16_000 / 12_000 - 440) < 3


@pytest.mark.parametrize("content", [b"", b"RIFF", b"hello, I am no sound at all" * 100, b"RIFF\xff\xff\xff\x7fWAVEfmt "])
def test_what_is_no_sound_is_an_error_that_names_the_file(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.wav"
    path.write_bytes(content)
    with pytest.raises(SoundError, match=r"broken\.wav"):
        read_microphone(path)
    with pytest.raises(SoundError, match="does not exist"):
        read_microphone(tmp_path / "none.wav")


def test_an_empty_wav_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SoundError):
        read_microphone(write(tmp_path / "empty.wav", np.zeros((0, 1)), 16_000, 2))


def test_the_record_is_stereo_on_one_clock(tmp_path: Path) -> None:
    recorder = Recorder()
    recorder.said(1.0, np.full(1_600, 10_000, np.int16))
    for i in range(5):
        recorder.heard(2.0 + i * 0.02 + 0.005 * (i % 2), np.full(960, 20_000, np.int16))
    recorder.write(tmp_path / "out.wav")
    with wave.open(str(tmp_path / "out.wav")) as file:
        assert (file.getnchannels(), file.getframerate()) == (2, 48_000)
        both = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2)
    assert list(np.flatnonzero(both[:, 0])[[0, -1]]) == [48_000, 48_000 + 4_800 - 1]
    assert list(np.flatnonzero(both[:, 1])[[0, -1]]) == [96_000, 96_000 + 4_800 - 1]


def test_the_ends_of_sound() -> None:
    pcm = np.zeros(48_000, np.int16)
    pcm[9_600:19_200] = 8_000
    assert last_audible(pcm, 48_000, 0.9) == pytest.approx(0.4)
    assert last_audible(pcm, 48_000, 0.1) is None
    assert first_audible(pcm, 48_000, 0.0) == pytest.approx(0.2)
    assert first_audible(pcm, 48_000, 0.5) is None
