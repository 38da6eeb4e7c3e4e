"""Instant engines: no model, no waiting, so that what is measured is everything else.

The recogniser says how loud the utterance was, the language model answers with numbered sentences, the voice is a tone whose pitch tells the answer's number:
whoever hears the sound knows which answer it belongs to.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from livekit.agents import llm, stt, tts
from livekit.agents.language import LanguageCode
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS, NOT_GIVEN, APIConnectOptions, NotGivenOr
from livekit.agents.utils import AudioBuffer

from agent.config import Persona
from agent.conversation.ear_ports import WINDOW, VoiceActivity
from agent.conversation.parts import Parts
from agent.media.block import Pcm
from agent.providers.timing import LaysText

VOICE_RATE: Final = 24_000
BASE_HZ: Final = 400
STEP_HZ: Final = 100
WORD_SECONDS: Final = 0.25
_NUMBERS: Final = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]


def pitch_of(number: int) -> int:
    """The pitch of answer `number`, distinct for ten in a row."""
    return BASE_HZ + STEP_HZ * (number % 10)


def tone(hz: int, seconds: float, rate: int = VOICE_RATE, level: float = 0.3) -> Pcm:
    """A sine, 16-bit."""
    samples = np.sin(np.arange(round(seconds * rate)) * (2 * np.pi * hz / rate)) * level * 32767
    pcm: Pcm = samples.astype(np.int16)
    return pcm


class LoudnessDetector:
    """Voice activity by loudness alone."""

    def probability(self, window: npt.NDArray[np.float32]) -> float:
        return 1.0 if float(np.sqrt((window**2).mean())) > 0.02 else 0.0

    def glimpse(self, recent: npt.NDArray[np.float32]) -> float:
        return self.probability(recent[-WINDOW:])

    def reset(self) -> None:
        pass


class InstantSTT(stt.STT[Any]):
    """Every utterance is understood as `text`, at once."""

    def __init__(self, text: Callable[[], str]) -> None:
        super().__init__(capabilities=stt.STTCapabilities(streaming=False, interim_results=False))
        self._text = text

    async def _recognize_impl(
        self, buffer: AudioBuffer, *, language: NotGivenOr[str] = NOT_GIVEN, conn_options: APIConnectOptions
    ) -> stt.SpeechEvent:
        data = stt.SpeechData(language=LanguageCode("en"), text=self._text(), confidence=1.0)
        return stt.SpeechEvent(type=stt.SpeechEventType.FINAL_TRANSCRIPT, alternatives=[data])


class InstantLLM(llm.LLM[Any]):
    """Answers with `answer(prompt)`, word by word. `asked` keeps the prompts."""

    def __init__(self, answer: Callable[[llm.ChatContext], str], *, token_seconds: float = 0.0) -> None:
        super().__init__()
        self.answer = answer
        self.token_seconds = token_seconds
        self.asked: list[llm.ChatContext] = []
        self.cancelled = 0

    def chat(
        self, *, chat_ctx: llm.ChatContext, tools: Any = None, conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS, **_: Any
    ) -> llm.LLMStream:
        self.asked.append(chat_ctx)
        return _InstantStream(self, chat_ctx=chat_ctx, tools=tools or [], conn_options=conn_options)


class _InstantStream(llm.LLMStream):
    async def _run(self) -> None:
        engine = self._llm
        assert isinstance(engine, InstantLLM)
        try:
            for word in re.findall(r"\S+\s*|\s+", engine.answer(self._chat_ctx)):
                await asyncio.sleep(engine.token_seconds)
                delta = llm.ChoiceDelta(role="assistant", content=word)
                self._event_ch.send_nowait(llm.ChatChunk(id="instant", delta=delta))
        except asyncio.CancelledError:
            engine.cancelled += 1
            raise


class InstantTTS(tts.TTS[Any]):
    """A tone for each piece of text, `WORD_SECONDS` a word; its pitch follows the last number in the text."""

    def __init__(self, *, fails: Callable[[str], bool] = lambda text: False) -> None:
        super().__init__(capabilities=tts.TTSCapabilities(streaming=False), sample_rate=VOICE_RATE, num_channels=1)
        self.fails = fails
        self.spoken: list[str] = []
        self._number = 0

    def synthesize(self, text: str, *, conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS) -> tts.ChunkedStream:
        return _InstantSpeech(tts=self, input_text=text, conn_options=conn_options)

    def number_in(self, text: str) -> int:
        """The text was made speakable, so that its number comes as a word."""
        if found := [_NUMBERS.index(word) for word in re.findall(r"[a-z]+", text.lower()) if word in _NUMBERS]:
            self._number = found[-1]
        return self._number


class _InstantSpeech(tts.ChunkedStream):
    async def _run(self, output_emitter: tts.AudioEmitter) -> None:
        engine = self._tts
        assert isinstance(engine, InstantTTS)
        if engine.fails(self._input_text):
            raise RuntimeError("the voice has failed, as it was told to")
        engine.spoken.append(self._input_text)
        output_emitter.initialize(request_id="instant", sample_rate=VOICE_RATE, num_channels=1, mime_type="audio/pcm")
        words = max(1, len(self._input_text.split()))
        output_emitter.push(tone(pitch_of(engine.number_in(self._input_text)), words * WORD_SECONDS).tobytes())
        output_emitter.flush()


class InstantEngines:
    """Implements `parts.Engines`. `made` keeps what was built."""

    def __init__(
        self,
        *,
        answer: Callable[[llm.ChatContext], str] | None = None,
        token_seconds: float = 0.0,
        ears: Callable[[], VoiceActivity] | None = None,
        voice: Callable[[], tts.TTS[Any]] | None = None,
        words: int = 0,
        aligner: LaysText | None = None,
    ) -> None:
        """`ears`: instead of loudness. `voice`: instead of tones. `words`: how long an answer is at least. `aligner`: of voices that tell no times."""
        self.ready = True
        self._ears = ears or LoudnessDetector
        self._new_voice = voice or InstantTTS
        self._words = words
        self._aligner = aligner
        self.made: list[Parts] = []
        self._token_seconds = token_seconds
        self._answer = answer
        self.hears = "What is the question?"
        """What every utterance is understood as."""

    @property
    def capacity(self) -> int:
        return 8

    def missing(self) -> list[str]:
        return [] if self.ready else ["instant engines that were told to be missing"]

    def build(self, persona: Persona) -> Parts:
        answers = 0

        def numbered(context: llm.ChatContext) -> str:
            nonlocal answers
            answers += 1
            return f"Answer number {answers % 10}, in a sentence of some length." + self._words * " And so on."

        parts = Parts(
            vad=self._ears(),
            stt=InstantSTT(lambda: self.hears),
            llm=InstantLLM(self._answer or numbered, token_seconds=self._token_seconds),
            tts=self._new_voice(),
            aligner=self._aligner,
        )
        self.made.append(parts)
        return parts

    async def aclose(self) -> None:
        pass
