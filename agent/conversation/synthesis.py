"""One piece of text becomes sound: whatever voice it is, it has to go on, and to come to an end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any, Final

from livekit import rtc
from livekit.agents import tts
from livekit.agents.types import APIConnectOptions

from agent.dialogue.tempo import width

SECONDS_A_LETTER: Final = 0.3
"""Nobody speaks so slowly (a Chinese character counts for three)."""
SECONDS_MORE: Final = 5.0


class VoiceUnusable(Exception):
    """A voice that stopped in the middle, or would not stop."""


async def synthesize(voice: tts.TTS[Any], text: str, options: APIConnectOptions) -> AsyncGenerator[rtc.AudioFrame, None]:
    """The sound of `text`, frame by frame. Raises `VoiceUnusable`, and what the voice raises."""
    patience = (options.max_retry + 1) * (options.timeout + options.retry_interval)
    longest = SECONDS_MORE + SECONDS_A_LETTER * width(text)
    seconds = 0.0
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
            yield event.frame
