"""One way to ask any `stt.STT` for the words of an utterance: those that take a whole buffer, and those that listen along."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, Protocol

from livekit import rtc
from livekit.agents import APIConnectOptions, stt
from livekit.agents.types import NOT_GIVEN

from agent.media.turn_taking import MICROPHONE_RATE
from agent.protocol.messages import Language, LanguageChoice

SETTLE_SECONDS: Final = 0.7
"""How long a streaming recogniser gets for its last words after the speaker paused."""
SETTLED_BYTES: Final = MICROPHONE_RATE * 2 * 8
"""8 s: sound as long as this is settled at the next pause."""


@dataclass(frozen=True, slots=True)
class Transcript:
    """The words of an utterance, and their language where the recogniser told it."""

    text: str
    language: Language | None = None


class Recognizer(Protocol):
    """What the ear asks for. `pcm` is 16 kHz mono 16-bit from the utterance's beginning."""

    def begin(self, pcm: bytes) -> None:
        """An utterance begins with this sound."""

    def push(self, pcm: bytes) -> None:
        """More of it."""

    async def transcribe(self, pcm: bytes, language: LanguageChoice, *, final: bool) -> Transcript:
        """The words so far. Raises what the provider raises, and TimeoutError."""

    async def aclose(self) -> None: ...


def recognizer(engine: stt.STT[Any], timeout_seconds: float) -> Recognizer:
    """The right kind for `engine`."""
    kind = StreamRecognizer if engine.capabilities.streaming else BufferRecognizer
    return kind(engine, timeout_seconds)


def _frame(pcm: bytes) -> rtc.AudioFrame:
    return rtc.AudioFrame(data=pcm, sample_rate=MICROPHONE_RATE, num_channels=1, samples_per_channel=len(pcm) // 2)


def _language(data: stt.SpeechData) -> Language | None:
    code = str(data.language or "").lower()
    return "zh" if code.startswith(("zh", "cmn", "yue")) else "en" if code.startswith("en") else None


def _together(parts: Iterable[str]) -> str:
    """One text, with spaces where both sides are no Chinese."""
    text = ""
    for part in filter(None, map(str.strip, parts)):
        text += " " + part if text[-1:].isascii() and part[0].isascii() else part
    return text.strip()


class BufferRecognizer:
    """A recogniser that takes the whole utterance at once (all local ones). Of a long one, what was said up to a pause is settled and not taken again: each
    pause would cost more than the last, and models take no minute at once."""

    def __init__(self, engine: stt.STT[Any], timeout_seconds: float) -> None:
        self._engine = engine
        self._options = APIConnectOptions(max_retry=1, retry_interval=0.2, timeout=timeout_seconds)
        self._timeout = timeout_seconds
        self._utterance = 0
        self._settled = Transcript("")
        self._settled_bytes = 0

    def begin(self, pcm: bytes) -> None:
        self._utterance += 1
        self._settled, self._settled_bytes = Transcript(""), 0

    def push(self, pcm: bytes) -> None:
        pass

    async def transcribe(self, pcm: bytes, language: LanguageChoice, *, final: bool) -> Transcript:
        utterance, settled, start = self._utterance, self._settled, self._settled_bytes
        async with asyncio.timeout(self._timeout):
            event = await self._engine.recognize(
                _frame(pcm[start:]), language=NOT_GIVEN if language == "auto" else language, conn_options=self._options
            )
        whole = settled
        if event.alternatives:
            best = event.alternatives[0]
            whole = Transcript(_together([settled.text, best.text]), _language(best) or settled.language)
        if final and utterance == self._utterance and len(pcm) - start > SETTLED_BYTES and len(pcm) > self._settled_bytes:
            self._settled, self._settled_bytes = whole, len(pcm)
        return whole

    async def aclose(self) -> None:
        pass


class StreamRecognizer:
    """A recogniser that listens along (most cloud ones): sound goes in as it comes, and at a pause its latest words are taken."""

    def __init__(self, engine: stt.STT[Any], timeout_seconds: float) -> None:
        self._engine = engine
        self._options = APIConnectOptions(max_retry=2, retry_interval=0.5, timeout=timeout_seconds)
        self._stream: stt.RecognizeStream | None = None
        self._reader: asyncio.Task[None] | None = None
        self._finals: list[str] = []
        self._interim = ""
        self._language: Language | None = None
        self._changed = asyncio.Event()

    def begin(self, pcm: bytes) -> None:
        if self._stream is None or (self._reader is not None and self._reader.done()):
            self._stream = self._engine.stream(conn_options=self._options)
            self._reader = asyncio.get_running_loop().create_task(self._read(self._stream), name="stt-reader")
        self._finals, self._interim, self._language = [], "", None
        self._stream.push_frame(_frame(pcm))

    def push(self, pcm: bytes) -> None:
        if self._stream is not None:
            self._stream.push_frame(_frame(pcm))

    async def _read(self, stream: stt.RecognizeStream) -> None:
        async for event in stream:
            text = event.alternatives[0].text.strip() if event.alternatives else ""
            if event.type == stt.SpeechEventType.FINAL_TRANSCRIPT and text:
                self._finals.append(text)
                self._interim = ""
            elif event.type in (stt.SpeechEventType.INTERIM_TRANSCRIPT, stt.SpeechEventType.PREFLIGHT_TRANSCRIPT):
                self._interim = text
            if event.alternatives:
                self._language = _language(event.alternatives[0]) or self._language
            self._changed.set()

    async def transcribe(self, pcm: bytes, language: LanguageChoice, *, final: bool) -> Transcript:
        if self._reader is not None and self._reader.done() and (error := self._reader.exception()) is not None:
            raise error
        if final and self._stream is not None:
            before = len(self._finals)
            self._stream.flush()
            try:
                async with asyncio.timeout(SETTLE_SECONDS):
                    while len(self._finals) == before or self._interim:
                        self._changed.clear()
                        await self._changed.wait()
            except TimeoutError:
                pass  # the interim words are what there is
        parts = [*self._finals, self._interim] if self._interim else self._finals
        return Transcript(_together(parts), self._language)

    async def aclose(self) -> None:
        if self._reader is not None:
            self._reader.cancel()
            await asyncio.wait([self._reader])
        if self._stream is not None:
            await self._stream.aclose()
