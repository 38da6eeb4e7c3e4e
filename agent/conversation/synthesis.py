"""One piece of text becomes sound: whatever voice it is, it has to go on, and to come to an end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator
from typing import Any, Final

from livekit import rtc
from livekit.agents import tts
from livekit.agents.types import USERDATA_TIMED_TRANSCRIPT, APIConnectOptions
from livekit.agents.utils import is_given

from agent.dialogue.tempo import width
from agent.providers.timing import GivesTimings, Timing, placed

SECONDS_A_LETTER: Final = 0.3
"""Nobody speaks so slowly (a Chinese character counts for three)."""
SECONDS_MORE: Final = 5.0


class VoiceUnusable(Exception):
    """A voice that stopped in the middle, or would not stop."""


async def synthesize(
    voice: tts.TTS[Any], text: str, options: APIConnectOptions
) -> AsyncGenerator[tuple[rtc.AudioFrame, list[Timing]], None]:
    """The sound of `text`, frame by frame, each with what has become known of the times. Raises `VoiceUnusable`, and what the voice raises."""
    patience = (options.max_retry + 1) * (options.timeout + options.retry_interval)
    longest = SECONDS_MORE + SECONDS_A_LETTER * width(text)
    seconds, place = 0.0, 0
    async with voice.synthesize(text, conn_options=options) as stream:
        events = aiter(stream)
        while True:
            try:
                async with asyncio.timeout(patience):
                    event = await anext(events)
            except StopAsyncIteration:
                return
            except TimeoutError:
                raise VoiceUnusable(f"the voice gave no sound for {patience:g} s") from None
            seconds += event.frame.duration
            if seconds > longest:
                raise VoiceUnusable(f"the voice has made more than {longest:.0f} s of sound of {len(text)} characters")
            if isinstance(stream, GivesTimings):
                yield event.frame, stream.take_timings()
            else:
                words, place = placed(text, _timed_words(event.frame), place)
                yield event.frame, [Timing((), tuple(words))] if words else []


def _timed_words(frame: rtc.AudioFrame) -> Iterator[tuple[str, float, float]]:
    """What livekit-agents' voices that know the times of their words tell with a frame."""
    for word in frame.userdata.get(USERDATA_TIMED_TRANSCRIPT) or []:
        if is_given(word.start_time):
            yield str(word), word.start_time, word.end_time if is_given(word.end_time) else word.start_time
