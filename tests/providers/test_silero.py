"""Silero VAD with its real network, on speech made by the English voice."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from livekit import rtc
from livekit.agents.vad import VADEvent, VADEventType

from agent.models.errors import ModelCorrupt, ModelMissing
from agent.providers.vad.silero import RECENT, SAMPLE_RATE, WINDOW, SileroModel, SileroNetwork, SileroVAD

Pcm = npt.NDArray[np.int16]


@pytest.fixture(scope="module")
def model(model_path: Callable[[str], Path]) -> SileroModel:
    return SileroModel(model_path("silero-vad"))


@pytest.fixture(scope="module")
def utterance(english: Callable[[str], Pcm]) -> Pcm:
    """1 s of silence, a sentence, 1 s of silence: int16, 16 kHz."""
    gap = np.zeros(SAMPLE_RATE, np.int16)
    return np.concatenate([gap, english("The old clock on the wall has stopped at noon."), gap])


async def _events(owner: SileroVAD, pcm: Pcm, *, rate: int = SAMPLE_RATE, channels: int = 1, samples: int = 320) -> list[VADEvent]:
    stream = owner.stream()
    step = samples * channels
    for start in range(0, len(pcm) - step + 1, step):
        stream.push_frame(rtc.AudioFrame(pcm[start : start + step].tobytes(), rate, channels, samples))
    stream.end_input()
    return [event async for event in stream]


def _of(events: list[VADEvent], kind: VADEventType) -> list[VADEvent]:
    return [event for event in events if event.type is kind]


@pytest.mark.models
async def test_finds_the_sentence_between_the_silences(model: SileroModel, utterance: Pcm) -> None:
    events = await _events(SileroVAD(model), utterance)
    (start,), (end,) = _of(events, VADEventType.START_OF_SPEECH), _of(events, VADEventType.END_OF_SPEECH)
    length = len(utterance) / SAMPLE_RATE
    assert 0.9 < start.timestamp < 1.4
    assert length - 1.0 < end.timestamp < length - 0.4
    assert end.speech_duration == pytest.approx(length - 2, abs=0.35)
    assert start.speaking
    assert not end.speaking
    windows = _of(events, VADEventType.INFERENCE_DONE)
    assert len(windows) == len(utterance) // WINDOW
    heard = np.concatenate([np.frombuffer(window.frames[0].data, np.int16) for window in windows])
    assert np.array_equal(heard, utterance[: len(heard)])


@pytest.mark.models
async def test_segments_carry_their_audio_with_what_came_before(model: SileroModel, utterance: Pcm) -> None:
    events = await _events(SileroVAD(model, prefix_seconds=0.32), utterance)
    (start,), (end,) = _of(events, VADEventType.START_OF_SPEECH), _of(events, VADEventType.END_OF_SPEECH)
    prefix = np.frombuffer(start.frames[0].data, np.int16)
    assert np.array_equal(prefix, utterance[start.samples_index - len(prefix) : start.samples_index])
    assert len(prefix) / SAMPLE_RATE == pytest.approx(0.32, abs=0.04)
    speech = np.frombuffer(end.frames[0].data, np.int16)
    assert np.array_equal(speech, utterance[end.samples_index - len(speech) : end.samples_index])


@pytest.mark.models
async def test_other_rates_and_stereo_give_the_same_segment(model: SileroModel, utterance: Pcm) -> None:
    stereo = np.repeat(np.repeat(utterance, 3), 2)
    (plain,) = _of(await _events(SileroVAD(model), utterance), VADEventType.END_OF_SPEECH)
    (other,) = _of(await _events(SileroVAD(model), stereo, rate=48_000, channels=2, samples=480), VADEventType.END_OF_SPEECH)
    assert other.timestamp == pytest.approx(plain.timestamp, abs=0.15)


@pytest.mark.models
async def test_quiet_rooms_never_ask_the_network(model: SileroModel) -> None:
    hum = (20 * np.sin(np.arange(SAMPLE_RATE))).astype(np.int16)
    windows = _of(await _events(SileroVAD(model), hum), VADEventType.INFERENCE_DONE)
    assert [window.probability for window in windows] == [0.0] * len(windows)
    assert np.median([window.inference_duration for window in windows]) < 50e-6


@pytest.mark.models
async def test_sleeping_through_silence_does_not_delay_the_onset(model: SileroModel, utterance: Pcm) -> None:
    awake = _of(await _events(SileroVAD(model, silence_peak=0.0), np.maximum(utterance, 1)), VADEventType.START_OF_SPEECH)
    asleep = _of(await _events(SileroVAD(model), utterance), VADEventType.START_OF_SPEECH)
    assert asleep[0].samples_index - awake[0].samples_index <= WINDOW


@pytest.mark.models
async def test_streams_share_the_network_and_nothing_else(model: SileroModel, utterance: Pcm) -> None:
    owner = SileroVAD(model)
    first, second = owner.stream(), owner.stream()
    for start in range(0, len(utterance) - 320, 320):
        first.push_frame(rtc.AudioFrame(utterance[start : start + 320].tobytes(), SAMPLE_RATE, 1, 320))
        second.push_frame(rtc.AudioFrame(bytes(640), SAMPLE_RATE, 1, 320))
    first.end_input()
    second.end_input()
    alone = await _events(owner, utterance)
    assert [event.probability async for event in first] == [event.probability for event in alone][: len(alone)]
    assert all([event.probability == 0 async for event in second])


@pytest.mark.models
async def test_flush_drops_the_running_segment_without_an_end(model: SileroModel, utterance: Pcm) -> None:
    stream = SileroVAD(model).stream()
    middle = len(utterance) // 2
    stream.push_frame(rtc.AudioFrame(utterance[:middle].tobytes(), SAMPLE_RATE, 1, middle))
    stream.flush()
    stream.push_frame(rtc.AudioFrame(bytes(2 * SAMPLE_RATE), SAMPLE_RATE, 1, SAMPLE_RATE))
    stream.end_input()
    events = [event async for event in stream]
    assert _of(events, VADEventType.START_OF_SPEECH)
    assert not _of(events, VADEventType.END_OF_SPEECH)


@pytest.mark.models
async def test_a_change_of_format_and_audio_after_the_end_are_errors(model: SileroModel) -> None:
    stream = SileroVAD(model).stream()
    stream.push_frame(rtc.AudioFrame(bytes(640), SAMPLE_RATE, 1, 320))
    with pytest.raises(ValueError, match="expected frames of 16000 Hz and 1 channel"):
        stream.push_frame(rtc.AudioFrame(bytes(960), 48_000, 1, 480))
    await stream.aclose()
    with pytest.raises(RuntimeError, match="takes no more audio"):
        stream.push_frame(rtc.AudioFrame(bytes(640), SAMPLE_RATE, 1, 320))


@pytest.mark.models
def test_the_bound_buffers_compute_what_plain_calls_compute(model: SileroModel, utterance: Pcm) -> None:
    network = SileroNetwork(model)
    state, context = np.zeros((2, 1, 128), np.float32), np.zeros(64, np.float32)
    for start in range(0, 60 * WINDOW, WINDOW):
        window = utterance[start : start + WINDOW].astype(np.float32) / 32768
        network.window[:] = window
        inputs = {"input": np.concatenate([context, window])[None], "state": state, "sr": np.array(SAMPLE_RATE)}
        expected, state = model.session.run(None, inputs)
        context = window[-64:]
        assert network.probability() == pytest.approx(float(expected[0, 0]), abs=1e-6)


@pytest.mark.models
def test_a_glimpse_sees_a_voice_early_and_changes_nothing(model: SileroModel, utterance: Pcm) -> None:
    sound = np.concatenate([np.zeros(10 * WINDOW, np.int16), utterance])[: 60 * WINDOW].astype(np.float32) / 32768
    looking, plain = SileroNetwork(model), SileroNetwork(model)
    glimpsed: list[int] = []
    noticed: list[int] = []
    for start in range(2 * WINDOW, 60 * WINDOW, WINDOW):
        for end in range(start + 160, start + WINDOW, 160):
            looking.recent[:] = sound[end - RECENT : end]
            if looking.glimpse() >= 0.3:
                glimpsed.append(end)
        looking.window[:] = plain.window[:] = sound[start : start + WINDOW]
        probability = plain.probability()
        assert looking.probability() == probability
        if probability >= 0.5:
            noticed.append(start + WINDOW)
    assert glimpsed[0] < noticed[0]


def test_a_missing_and_a_corrupt_file_are_named(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match=r"nowhere\.onnx is not there"):
        SileroModel(tmp_path / "nowhere.onnx")
    (tmp_path / "broken.onnx").write_bytes(b"not a model")
    with pytest.raises(ModelCorrupt, match=r"broken\.onnx cannot be loaded"):
        SileroModel(tmp_path / "broken.onnx")
