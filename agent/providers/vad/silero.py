"""Silero VAD on onnxruntime: one model for the process, a few kilobytes of state a stream, all work inline on the event loop.

A window is 512 samples at 16 kHz (32 ms); the network also sees the 64 samples before it and carries a state of (2, 1, 128) from window to window
(as in snakers4/silero-vad, `utils_vad.py`, version 5 and later). One inference takes about 0.1 ms, less than handing it to another thread.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from pathlib import Path
from typing import Any, Final

import numpy as np
from livekit import rtc
from livekit.agents import vad
from livekit.agents.vad import VADEvent, VADEventType

from agent.providers.local.onnx import open_session
from agent.providers.vad.detector import Edge, SpeechDetector, Thresholds

SAMPLE_RATE: Final = 16_000
WINDOW: Final = 512
WINDOW_SECONDS: Final = WINDOW / SAMPLE_RATE
_CONTEXT: Final = 64
RECENT: Final = _CONTEXT + WINDOW
_QUEUE: Final = 4096
"""Events that a reader may leave unread (two minutes) before the oldest are dropped."""


class SileroModel:
    """The network, shared by all streams of the process. Raises `ModelMissing`, `ModelCorrupt`."""

    def __init__(self, path: Path) -> None:
        self.session = open_session(path, threads=1)


class SileroNetwork:
    """The network with the state of one stream: probabilities of speech, window by window, without allocating.

    Two bindings alternate, so that the state that one run writes is the state that the next one reads.
    """

    def __init__(self, model: SileroModel) -> None:
        self._input = np.zeros((1, RECENT), np.float32)
        self._between = np.zeros((1, RECENT), np.float32)
        self._states = (np.zeros((2, 1, 128), np.float32), np.zeros((2, 1, 128), np.float32))
        self._output = np.zeros((1, 1), np.float32)
        self._rate = np.array(SAMPLE_RATE, np.int64)
        self._session = model.session
        self._bindings = tuple(self._bind(self._input, old, new) for old, new in (self._states, self._states[::-1]))
        self._unused = np.zeros_like(self._states[0])  # bound by its address: it has to live as long as the bindings
        self._glimpses = tuple(self._bind(self._between, old, self._unused) for old in self._states)
        self._turn = 0
        self.window: Final = self._input[0, _CONTEXT:]
        """Write the next 512 samples (float32, −1 … 1) here, then call `probability`."""
        self.recent: Final = self._between[0]
        """Write the last 576 samples here, then call `glimpse`."""

    def _bind(self, sound: np.ndarray[Any, Any], old: np.ndarray[Any, Any], new: np.ndarray[Any, Any]) -> Any:
        binding = self._session.io_binding()
        binding.bind_cpu_input("input", sound)
        binding.bind_cpu_input("state", old)
        binding.bind_cpu_input("sr", self._rate)
        binding.bind_output("output", "cpu", 0, np.float32, self._output.shape, self._output.ctypes.data)
        binding.bind_output("stateN", "cpu", 0, np.float32, new.shape, new.ctypes.data)
        return binding

    def probability(self) -> float:
        """The probability that `window` is speech."""
        self._session.run_with_iobinding(self._bindings[self._turn])
        self._turn ^= 1
        self._input[0, :_CONTEXT] = self._input[0, WINDOW:]
        return float(self._output[0, 0])

    def glimpse(self) -> float:
        """The same for the end of `recent`, somewhere in the next window; nothing is remembered of it."""
        self._session.run_with_iobinding(self._glimpses[self._turn])
        return float(self._output[0, 0])

    def reset(self) -> None:
        self._input.fill(0)
        for state in self._states:
            state.fill(0)


class SileroVAD(vad.VAD):
    """Voice activity events for AgentSession or our own ear. Cheap: one a session, around the shared model.

    `silence_peak` (0 … 1 of full scale): windows whose loudest sample is below it are silence without asking the network, so that muted and
    silent rooms cost almost nothing; 0.001 is −60 dB, far below any microphone's speech.
    """

    def __init__(
        self,
        model: SileroModel,
        *,
        thresholds: Thresholds | None = None,
        prefix_seconds: float = 0.3,
        max_speech_seconds: float = 60.0,
        silence_peak: float = 0.001,
    ) -> None:
        super().__init__(capabilities=vad.VADCapabilities(update_interval=WINDOW_SECONDS))
        self._shared = model
        self.thresholds: Final = thresholds or Thresholds()
        self.prefix_windows: Final = max(1, round(prefix_seconds / WINDOW_SECONDS))
        self.max_windows: Final = max(1, round(max_speech_seconds / WINDOW_SECONDS))
        self.silence_peak: Final = silence_peak

    @property
    def model(self) -> str:
        return "silero"

    @property
    def provider(self) -> str:
        return "local"

    def stream(self) -> SileroStream:
        return SileroStream(self, SileroNetwork(self._shared))


class SileroStream(vad.VADStream):
    """One stream of frames in, events out. Frames of any rate and channel count are taken; events carry 16 kHz mono.

    The base class hands each frame through two channels, a tee and three tasks, which costs several times the inference. Everything it does is
    done here in `push_frame` instead, so none of its machinery is started.
    """

    def __init__(self, owner: SileroVAD, network: SileroNetwork) -> None:
        self._owner = owner
        self._network = network
        self._detector = SpeechDetector(owner.thresholds, WINDOW_SECONDS)
        self._pcm = np.zeros(WINDOW, np.int16)
        self._filled = 0
        self._quiet_peak = int(owner.silence_peak * 32768)
        self._asleep = True
        self._samples = 0
        self._prefix: deque[bytes] = deque(maxlen=owner.prefix_windows)
        self._speech: deque[bytes] = deque(maxlen=owner.max_windows)
        self._resampler: rtc.AudioResampler | None = None
        self._format: tuple[int, int] | None = None
        self._events: deque[VADEvent] = deque(maxlen=_QUEUE)
        self._reader: asyncio.Future[None] | None = None
        self._closed = False

    def push_frame(self, frame: rtc.AudioFrame) -> None:
        """Analyse a frame now. Raises `RuntimeError` after `end_input`, `ValueError` when the format changes in mid-stream."""
        if self._closed:
            raise RuntimeError("the VAD stream takes no more audio: its input has ended")
        kind = (frame.sample_rate, frame.num_channels)
        if kind != self._format:
            self._begin(kind)
        if self._resampler is None:
            self._push(np.frombuffer(frame.data, np.int16))
        else:
            if frame.num_channels > 1:
                frame = _mono(frame)
            for resampled in self._resampler.push(frame):
                self._push(np.frombuffer(resampled.data, np.int16))

    def flush(self) -> None:
        """A hard boundary: drop the running segment, if any, without an event, and start anew."""
        if self._closed:
            raise RuntimeError("the VAD stream takes no more audio: its input has ended")
        self._detector.reset()
        self._network.reset()
        self._speech.clear()
        self._prefix.clear()
        self._filled = 0
        self._asleep = True

    def end_input(self) -> None:
        if not self._closed:
            self._closed = True
            self._wake()

    async def aclose(self) -> None:
        self.end_input()
        self._events.clear()

    async def __anext__(self) -> VADEvent:
        while not self._events:
            if self._closed:
                raise StopAsyncIteration
            self._reader = asyncio.get_running_loop().create_future()
            await self._reader
        return self._events.popleft()

    async def _main_task(self) -> None:
        raise NotImplementedError  # abstract in the base class, which would run it as a task

    def _begin(self, kind: tuple[int, int]) -> None:
        if self._format is not None:
            raise ValueError(f"expected frames of {self._format[0]} Hz and {self._format[1]} channel(s), got {kind[0]} Hz and {kind[1]}")
        self._format = kind
        if kind != (SAMPLE_RATE, 1):
            self._resampler = rtc.AudioResampler(kind[0], SAMPLE_RATE, num_channels=1, quality=rtc.AudioResamplerQuality.QUICK)

    def _push(self, pcm: np.ndarray[Any, np.dtype[np.int16]]) -> None:
        start = 0
        while start < len(pcm):
            take = min(WINDOW - self._filled, len(pcm) - start)
            self._pcm[self._filled : self._filled + take] = pcm[start : start + take]
            self._filled += take
            start += take
            if self._filled == WINDOW:
                self._filled = 0
                self._window()

    def _window(self) -> None:
        began = time.perf_counter()
        probability = self._probability()
        took = time.perf_counter() - began
        self._samples += WINDOW
        data = self._pcm.tobytes()
        was_speaking = self._detector.speaking
        edge = self._detector.push(probability)
        self._emit(VADEventType.INFERENCE_DONE, [_frame(data)], probability, took, was_speaking)
        if was_speaking:
            self._speech.append(data)
        else:
            self._prefix.append(data)
        if edge is Edge.START:
            self._speech.clear()
            self._speech.extend(self._prefix)
            self._prefix.clear()
            self._emit(VADEventType.START_OF_SPEECH, [_frame(b"".join(self._speech))], probability, 0.0, True)
        elif edge is Edge.END:
            speech = b"".join(self._speech)
            self._prefix.extend(self._speech)  # keeps the newest: what follows may be more of the same
            self._speech.clear()
            self._emit(VADEventType.END_OF_SPEECH, [_frame(speech)], probability, 0.0, False)

    def _probability(self) -> float:
        pcm = self._pcm
        if not self._detector.speaking and pcm.max() <= self._quiet_peak and pcm.min() >= -self._quiet_peak:
            if not self._asleep:
                self._asleep = True
                self._network.reset()
            return 0.0
        self._asleep = False
        np.multiply(pcm, np.float32(1 / 32768), out=self._network.window, casting="unsafe")
        return self._network.probability()

    def _emit(self, kind: VADEventType, frames: list[rtc.AudioFrame], probability: float, took: float, speaking: bool) -> None:
        detector = self._detector
        self._events.append(
            VADEvent(
                type=kind,
                samples_index=self._samples,
                timestamp=self._samples / SAMPLE_RATE,
                speech_duration=detector.speech_seconds,
                silence_duration=detector.silence_seconds,
                frames=frames,
                probability=probability,
                inference_duration=took,
                speaking=speaking,
                raw_accumulated_silence=detector.raw_silence_seconds,
                raw_accumulated_speech=detector.raw_speech_seconds,
            )
        )
        self._wake()

    def _wake(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)


def _frame(pcm: bytes) -> rtc.AudioFrame:
    return rtc.AudioFrame(pcm, SAMPLE_RATE, 1, len(pcm) // 2)


def _mono(frame: rtc.AudioFrame) -> rtc.AudioFrame:
    channels = np.frombuffer(frame.data, np.int16).reshape(-1, frame.num_channels)
    mixed = channels.mean(axis=1).astype(np.int16)
    return rtc.AudioFrame(mixed.tobytes(), frame.sample_rate, 1, frame.samples_per_channel)
