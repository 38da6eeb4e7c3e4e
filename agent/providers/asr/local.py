"""`local.moonshine` and `local.whisper` behind one `stt.STT`: a session's hold on the local recognisers."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Hashable
from typing import Any, Final

import numpy as np
import soxr
from livekit import rtc
from livekit.agents import APIConnectionError, APITimeoutError, stt
from livekit.agents.language import LanguageCode
from livekit.agents.types import NOT_GIVEN, APIConnectOptions, NotGivenOr
from livekit.agents.utils import AudioBuffer

from agent.models.errors import ModelError
from agent.providers.asr.engines import SpeechEngines
from agent.providers.asr.languages import LanguageChoice, LanguageMemory, choice_of
from agent.providers.asr.pieces import SAMPLE_RATE, Sound
from agent.providers.local.lane import LaneClosed, LaneFull


class LocalSTT(stt.STT[Any]):
    """One a session; the engines behind it are shared. Takes whole utterances of any rate and channel count."""

    def __init__(self, engines: SpeechEngines, session_key: Hashable, language: LanguageChoice = "auto") -> None:
        super().__init__(capabilities=stt.STTCapabilities(streaming=False, interim_results=False))
        self.language: LanguageChoice = language
        self._engines: Final = engines
        self._key: Final = session_key
        self._memory: Final = LanguageMemory()

    @property
    def model(self) -> str:
        return {"en": "moonshine-tiny-en", "zh": "whisper-base"}.get(self.language, "moonshine-tiny-en, whisper-base")

    @property
    def provider(self) -> str:
        return "local"

    async def _recognize_impl(
        self,
        buffer: AudioBuffer,
        *,
        language: NotGivenOr[str] = NOT_GIVEN,
        conn_options: APIConnectOptions,
    ) -> stt.SpeechEvent:
        choice = choice_of(language) if isinstance(language, str) else self.language
        frames = buffer if isinstance(buffer, list) else [buffer]
        try:
            async with asyncio.timeout(conn_options.timeout):
                text, heard = await self._engines.recognize(lambda: sound_of(frames), choice, key=self._key, memory=self._memory)
        except TimeoutError:
            raise APITimeoutError(f"speech recognition took longer than {conn_options.timeout:g} s; the machine is overloaded") from None
        except LaneFull as error:
            raise APIConnectionError(str(error)) from error
        except (LaneClosed, ModelError) as error:
            raise APIConnectionError(str(error), retryable=False) from error
        seconds = sum(frame.duration for frame in frames)
        data = stt.SpeechData(language=LanguageCode(heard), text=text, end_time=seconds)
        return stt.SpeechEvent(type=stt.SpeechEventType.FINAL_TRANSCRIPT, request_id=uuid.uuid4().hex, alternatives=[data])


def sound_of(frames: list[rtc.AudioFrame]) -> Sound:
    """Frames of one format as mono sound at 16 kHz. Raises `ValueError` when they differ."""
    formats = {(frame.sample_rate, frame.num_channels) for frame in frames}
    if not formats:
        return np.zeros(0, np.float32)
    if len(formats) > 1:
        raise ValueError(f"expected frames of one format, got {sorted(formats)} (rate, channels)")
    ((rate, channels),) = formats
    samples = np.concatenate([np.frombuffer(frame.data, np.int16) for frame in frames]).astype(np.float32) / np.float32(32768)
    mono: Sound = samples if channels == 1 else samples.reshape(-1, channels).mean(axis=1, dtype=np.float32)
    return mono if rate == SAMPLE_RATE else np.asarray(soxr.resample(mono, rate, SAMPLE_RATE), np.float32)
