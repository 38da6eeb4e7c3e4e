"""The local voices as livekit-agents' `tts.TTS`: `local.hibari`, `local.kokoro`, and `local.auto`, which takes the voice by the script of each piece.

Engines are shared by the process and work in lanes; the objects here are cheap, one a session.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Final

from livekit.agents import APIConnectionError, APIConnectOptions, APIStatusError, APITimeoutError, tts, utils
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS

from agent.aio import Tasks
from agent.models.errors import ModelError
from agent.providers.local.lane import LaneClosed, LaneFull
from agent.providers.timing import Sound, Timing, placed
from agent.providers.tts.script import Language, Piece, runs, sentences
from agent.providers.tts.speech import SAMPLE_RATE, Speech, silence
from agent.providers.tts.timed import TimedStream
from agent.providers.tts.voices import VoiceLane

__all__ = ["LocalSpeechStream", "LocalTTS", "VoiceLane"]

MAX_TEXT: Final = 8_000
"""Characters of one request."""


class LocalTTS(tts.TTS[str]):
    """Speech from the local voices at 24 kHz mono, not streamed: one request is a clause or a few sentences.

    `lanes` are the voices that may be used; `language` says which one takes text that is in no script, such as numbers. `voice` is a name of
    the Chinese engine's (the English one has a single voice).
    """

    def __init__(self, name: str, lanes: Mapping[Language, VoiceLane], *, language: Language = "en", voice: str | None = None) -> None:
        if not lanes:
            raise ValueError("expected at least one voice")
        super().__init__(capabilities=tts.TTSCapabilities(streaming=False), sample_rate=SAMPLE_RATE, num_channels=1)
        self._name = name
        self._lanes = dict(lanes)
        self._language = language
        self._voice = voice
        self._tasks = Tasks("voice")
        self._ahead: tuple[Piece, asyncio.Task[Speech]] | None = None
        """What is being said before it is asked for."""

    @property
    def model(self) -> str:
        return self._name

    @property
    def provider(self) -> str:
        return "local"

    def synthesize(self, text: str, *, conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS) -> LocalSpeechStream:
        return LocalSpeechStream(tts=self, input_text=text, conn_options=conn_options)

    async def speak(self, text: str) -> AsyncIterator[Speech]:
        """Say `text`, a sentence at a time, with the phonemes' times. Raises livekit-agents' `APIError`s."""
        if len(text) > MAX_TEXT:
            raise APIStatusError(f"{self._name}: expected at most {MAX_TEXT} characters at once, got {len(text)}", status_code=400)
        said = False
        for piece in self.plan(text):
            try:
                yield await self._say(piece)
            except LaneFull as error:
                raise APIStatusError(str(error), status_code=429, retryable=False) from error
            except LaneClosed as error:
                raise APIConnectionError(str(error), retryable=False) from error
            except ModelError as error:
                raise APIConnectionError(f"{self._name}: {error}", retryable=False) from error
            said = True
        if not said:
            yield silence(0.05)

    async def _say(self, piece: Piece) -> Speech:
        ahead, self._ahead = self._ahead, None
        if ahead is not None and ahead[0] == piece:
            return await ahead[1]
        if ahead is not None:
            ahead[1].cancel()
        return await self._lanes[piece.language].speak(piece.text, key=id(self), voice=self._voice)

    def say_ahead(self, text: str | None) -> None:
        """Implements `SaysAhead`, while nobody else wants the voice."""
        plan = self.plan(text) if text else []
        if self._ahead is not None:
            if plan == [self._ahead[0]]:
                return
            self._ahead[1].cancel()
            self._ahead = None
        if len(plan) == 1 and not self._lanes[plan[0].language].lane.busy:
            speaking = self._lanes[plan[0].language].speak(plan[0].text, key=id(self), voice=self._voice)
            self._ahead = plan[0], self._tasks.start(speaking, "ahead")

    async def aclose(self) -> None:
        await self._tasks.aclose()
        await super().aclose()

    def plan(self, text: str) -> list[Piece]:
        """What is said by which voice, in order."""
        only = next(iter(self._lanes)) if len(self._lanes) == 1 else None
        pieces = []
        for run in runs(text, fallback=self._language):
            language = only or run.language
            pieces += [Piece(language, part) for part in sentences(run.text, limit=self._lanes[language].max_characters)]
        return pieces


class LocalSpeechStream(TimedStream):
    """One request; the first sentence is given out while the next one is being made."""

    async def _run(self, output_emitter: tts.AudioEmitter) -> None:
        voice = self._tts
        assert isinstance(voice, LocalTTS)
        output_emitter.initialize(
            request_id=utils.shortuuid("local_tts_"), sample_rate=SAMPLE_RATE, num_channels=1, mime_type="audio/pcm", stream=False
        )
        seconds, place = 0.0, 0
        try:
            async with asyncio.timeout(max(self._conn_options.timeout, 1.0) + len(self._input_text)):
                async for speech in voice.speak(self._input_text):
                    timing, place = timing_of(speech, self._input_text, place, seconds)
                    self._tell(timing)
                    output_emitter.push(speech.pcm.tobytes())
                    seconds += speech.seconds
        except TimeoutError as error:
            raise APITimeoutError(f"{voice.model} took too long", retryable=False) from error


def timing_of(speech: Speech, text: str, place: int, seconds: float) -> tuple[Timing, int]:
    """The times of a piece of speech that begins after `seconds`, and the place in `text` behind its last word. Its words are looked for from `place` on."""
    rate = speech.sample_rate
    words, place = placed(text, ((word, seconds + start / rate, seconds + end / rate) for word, start, end in speech.words), place)
    sounds = (Sound(p.symbol, seconds + p.start_sample / rate, seconds + p.end_sample / rate) for p in speech.phones)
    return Timing(tuple(sounds), tuple(words)), place
