"""The plain chain: stock livekit-agents with the same models, each as its own library runs it. `python -m bench.plain en|zh` says that it is ready, then asks it
the next of the bench's questions at each SIGUSR1.

moonshine-voice, faster-whisper, llama.cpp's server as xllamacpp brings it, hibari-tts and kokoro-onnx; Silero's plugin for LiveKit; sentences as AgentSession
cuts them. It runs in an environment of its own (`requirements-bench.txt`), for nobody but this bench needs those packages. A line of JSON for each question.
"""

from __future__ import annotations

import asyncio
import importlib
import itertools
import json
import signal
import sys
import time
import uuid
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import soxr
from livekit import rtc
from livekit.agents import Agent, AgentSession, stt, tts
from livekit.agents.language import LanguageCode
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS, NOT_GIVEN, APIConnectOptions, NotGivenOr
from livekit.agents.utils import AudioBuffer
from livekit.agents.voice import io
from livekit.plugins import openai

from agent.config import Persona
from agent.dialogue.persona import chat_prefix
from agent.media.turn_taking import MICROPHONE_RATE
from agent.models.store import ModelStore
from agent.protocol.envelope import Envelope
from agent.protocol.messages import RATE, AsrFinal, ClientHello, GenerationEnd, Language, Message
from agent.providers.llm.process import LanguageModelProcess
from agent.talk.door import Listener
from bench.caller import Caller
from bench.questions import QUESTIONS, recorded

Floats = npt.NDArray[np.float32]
CUT_SECONDS: Final = 1.0


class PlainSTT(stt.STT[Any]):
    """The recogniser's library, asked for whole utterances."""

    def __init__(self, language: Language, store: ModelStore) -> None:
        super().__init__(capabilities=stt.STTCapabilities(streaming=False, interim_results=False))
        self._language = language
        self._transcribe = _moonshine() if language == "en" else _whisper(store.path("whisper-base"))

    async def _recognize_impl(
        self, buffer: AudioBuffer, *, language: NotGivenOr[str] = NOT_GIVEN, conn_options: APIConnectOptions
    ) -> stt.SpeechEvent:
        frame = rtc.combine_audio_frames(buffer)
        pcm = np.frombuffer(frame.data, np.int16).astype(np.float32) / 32768
        if frame.sample_rate != MICROPHONE_RATE:
            pcm = soxr.resample(pcm, frame.sample_rate, MICROPHONE_RATE)
        text = await asyncio.to_thread(self._transcribe, pcm)
        data = stt.SpeechData(language=LanguageCode(self._language), text=text)
        return stt.SpeechEvent(type=stt.SpeechEventType.FINAL_TRANSCRIPT, request_id=uuid.uuid4().hex, alternatives=[data])


def _moonshine() -> Any:
    import moonshine_voice
    from moonshine_voice import ModelArch, Transcriber

    folder = Path(moonshine_voice.__file__).parent / "assets" / "tiny-en"
    transcriber = Transcriber(str(folder), ModelArch.TINY)
    return lambda pcm: " ".join(line.text for line in transcriber.transcribe_without_streaming(pcm.tolist(), MICROPHONE_RATE).lines).strip()


def _whisper(folder: Path) -> Any:
    from faster_whisper import WhisperModel

    model = WhisperModel(str(folder), device="cpu", compute_type="int8")
    return lambda pcm: "".join(
        segment.text for segment in model.transcribe(pcm, language="zh", initial_prompt="以下是普通话的句子。")[0]
    ).strip()


class PlainTTS(tts.TTS[Any]):
    """The voice's library, asked for sentences."""

    def __init__(self, language: Language, store: ModelStore) -> None:
        super().__init__(capabilities=tts.TTSCapabilities(streaming=False), sample_rate=24_000, num_channels=1)
        self.say = _hibari() if language == "en" else _kokoro(store)

    def synthesize(self, text: str, *, conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS) -> tts.ChunkedStream:
        return _PlainSpeech(tts=self, input_text=text, conn_options=conn_options)


class _PlainSpeech(tts.ChunkedStream):
    async def _run(self, output_emitter: tts.AudioEmitter) -> None:
        voice = self._tts
        assert isinstance(voice, PlainTTS)
        output_emitter.initialize(request_id="plain", sample_rate=24_000, num_channels=1, mime_type="audio/pcm", stream=False)
        pcm = await asyncio.to_thread(voice.say, self._input_text)
        output_emitter.push((np.clip(pcm, -1, 1) * 32767).astype(np.int16).tobytes())


def _silero() -> Any:
    return importlib.import_module("livekit.plugins.silero").VAD.load(min_silence_duration=0.5)


def _hibari() -> Any:
    from agent.providers.tts.hibari import HibariVoice

    voice = HibariVoice()
    return lambda text: voice.speak(text).pcm.astype(np.float32) / 32767


def _kokoro(store: ModelStore) -> Any:
    from kokoro_onnx import Kokoro
    from misaki import zh

    folder = store.path("kokoro-voices-zh")
    styles: dict[str, Any] = {file.stem: np.fromfile(file, np.float32).reshape(-1, 1, 256) for file in folder.glob("zf_xiaoxiao.bin")}
    voices = folder.parent / "plain-voices.npz"
    np.savez(voices, **styles)
    kokoro = Kokoro(str(store.path("kokoro-82m")), str(voices))
    g2p = zh.ZHG2P()
    return lambda text: kokoro.create(g2p(text)[0], "zf_xiaoxiao", is_phonemes=True)[0]


class _Microphone(io.AudioInput):
    def __init__(self) -> None:
        super().__init__(label="plain")
        self.frames: asyncio.Queue[rtc.AudioFrame] = asyncio.Queue()

    async def __anext__(self) -> rtc.AudioFrame:
        return await self.frames.get()


class _Loudspeaker(io.AudioOutput):
    """Sound is heard when it comes; play-out ends when it has been heard."""

    def __init__(self, listener: Listener) -> None:
        super().__init__(label="plain", capabilities=io.AudioOutputCapabilities(pause=False), sample_rate=24_000)
        self._listener = listener
        self._until = 0.0
        self._seconds = 0.0
        self._end: asyncio.TimerHandle | None = None

    async def capture_frame(self, frame: rtc.AudioFrame) -> None:
        await super().capture_frame(frame)
        loop = asyncio.get_running_loop()
        if self._seconds == 0.0:
            self.on_playback_started(created_at=time.time())
            self._until = loop.time()
        pcm = np.frombuffer(frame.data, np.int16).astype(np.float32)
        self._listener.sound(soxr.resample(pcm, frame.sample_rate, RATE).astype(np.int16), max(self._until, loop.time()))
        self._until = max(self._until, loop.time()) + frame.duration
        self._seconds += frame.duration

    def flush(self) -> None:
        super().flush()
        if self._seconds:
            loop = asyncio.get_running_loop()
            self._end = loop.call_later(max(0.0, self._until - loop.time()), self._finished, False)

    def clear_buffer(self) -> None:
        asyncio.get_running_loop().call_soon(self._finished, True)

    def _finished(self, interrupted: bool) -> None:
        if self._end is not None:
            self._end.cancel()
        if self._seconds:
            seconds, self._seconds = self._seconds, 0.0
            self._listener.message(Envelope(GenerationEnd(t_end=0, interrupted=interrupted), 0, 0))
            self.on_playback_finished(playback_position=seconds, interrupted=interrupted)


class PlainDoor:
    """Implements `door.Door`: the chain in this process."""

    def __init__(self, language: Language, model: LanguageModelProcess, listener: Listener) -> None:
        store = ModelStore()
        assert model.client is not None
        self._listener = listener
        self._microphone = _Microphone()
        self._session: AgentSession[None] = AgentSession(
            stt=PlainSTT(language, store),
            vad=_silero(),
            llm=openai.LLM(model="local", client=model.client, temperature=0.3, max_completion_tokens=160),
            tts=PlainTTS(language, store),
            aec_warmup_duration=None,
            turn_handling={"turn_detection": "vad", "interruption": {"enabled": True, "mode": "vad"}},
        )
        (_, instructions), *_ = chat_prefix(Persona(), language, local_model=True)
        self._agent = Agent(instructions=instructions)

    async def connect(self, hello: ClientHello) -> None:
        session = self._session
        session.input.audio, session.output.audio = self._microphone, _Loudspeaker(self._listener)
        session.on("user_input_transcribed", self._understood)
        await session.start(self._agent, record=False)

    def _understood(self, event: Any) -> None:
        if event.is_final:
            self._listener.message(Envelope(AsrFinal(id="u", text=event.transcript), 0, 0))

    async def speak(self, pcm: bytes) -> None:
        self._microphone.frames.put_nowait(rtc.AudioFrame(pcm, MICROPHONE_RATE, 1, len(pcm) // 2))

    async def send(self, message: Message) -> None:
        await self._session.interrupt(force=True)

    async def aclose(self) -> None:
        await self._session.aclose()


async def main(language: Language) -> None:
    wanted = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, wanted.set)
    model = LanguageModelProcess(ModelStore().path("qwen2.5-coder-1.5b-instruct"), 2)
    await model.start()
    caller = Caller()
    try:
        await caller.call(PlainDoor(language, model, caller))
        questions = QUESTIONS[language]
        await caller.ask(recorded(questions[-1]), cut_seconds=CUT_SECONDS, settle_seconds=1.0)  # its first turn warms it, as ours is warmed
        print("ready", flush=True)
        for text in itertools.cycle(questions):
            await wanted.wait()
            wanted.clear()
            exchange = await caller.ask(recorded(text), cut_seconds=CUT_SECONDS, settle_seconds=1.0)
            print(
                json.dumps({"latency_ms": exchange.latency_ms, "understood": exchange.understood, "problem": exchange.problem}), flush=True
            )
    finally:
        await caller.aclose()
        await model.aclose()


if __name__ == "__main__":
    asyncio.run(main("zh" if sys.argv[1] == "zh" else "en"))
