"""Our end of AgentSession's audio: frames go onto the timeline, play-out is reported from it. Frames of a speech that was cancelled are thrown away here."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, Final

import numpy as np
import soxr
from livekit import rtc
from livekit.agents.voice import io
from livekit.agents.voice.agent_activity import _SpeechHandleContextVar
from livekit.agents.voice.speech_handle import SpeechHandle

from agent.conversation.generations import Generations
from agent.conversation.heard import Cut
from agent.conversation.script import Script, Scripts
from agent.media.block import Pcm
from agent.media.driving import Driving
from agent.media.timeline import Ended, Fired, Segment, Started, Timeline
from agent.protocol.messages import RATE

BACKLOG_SAMPLES: Final = 30 * RATE
"""Sound that may wait to be heard; a faster voice has to wait."""


def current_speech() -> SpeechHandle | None:
    """The speech on whose behalf the running task works. AgentSession keeps it in a context variable of its own, which has no public name."""
    return _SpeechHandleContextVar.get(None)


class Output(io.AudioOutput):
    """The leaf AudioOutput. `on_cut` is told when the engine, and not we, emptied it."""

    def __init__(
        self,
        timeline: Timeline,
        driving: Driving,
        generations: Generations,
        scripts: Scripts,
        *,
        on_content: Callable[[], None],
        on_engine_cut: Callable[[], None],
    ) -> None:
        super().__init__(label="visavis", capabilities=io.AudioOutputCapabilities(pause=False))
        self._timeline = timeline
        self._driving = driving
        self._generations = generations
        self._scripts = scripts
        self._on_content = on_content
        self._on_engine_cut = on_engine_cut
        self._segment: Segment | None = None
        self._speech: SpeechHandle | None = None
        self._rate = RATE
        self._resampler: Any = None
        self._written: dict[Segment, Script] = {}
        self._room = asyncio.Event()
        self._room.set()
        self._closed = False

    def close(self) -> None:
        """The end: nothing is heard any more. What still comes is thrown away, so that nobody waits for it to be heard."""
        self._closed = True
        self.cut(lambda segment, script: Cut(segment, script, self._timeline.t))

    def script_of(self, segment: Segment) -> Script:
        return self._written[segment]

    async def capture_frame(self, frame: rtc.AudioFrame) -> None:
        """Put a frame on the timeline, unless its speech is void. Waits while too much is waiting to be heard."""
        if self._closed:
            return
        speech = current_speech()
        gen = self._generations.begin(speech) if speech is not None else self._generations.current
        if gen is None:
            return
        if self._segment is not None and (self._segment.dropped or speech is not self._speech):
            self._finish()
        await super().capture_frame(frame)
        if self._segment is None:
            self._open(gen, speech)
        segment = self._segment
        assert segment is not None
        if frame.sample_rate != self._rate:
            self._resample(segment, frame.sample_rate)
        pcm: Pcm = np.frombuffer(frame.data, np.int16)
        if frame.num_channels > 1:
            pcm = pcm.reshape(-1, frame.num_channels).mean(axis=1).astype(np.int16)
        self._timeline.append(segment, pcm if self._resampler is None else self._resampler.resample_chunk(pcm))
        self._on_content()
        if self._timeline.waiting > BACKLOG_SAMPLES:
            self._room.clear()
            await self._room.wait()

    def _open(self, gen: int, speech: SpeechHandle | None) -> None:
        script = self._scripts.take(speech)
        self._segment = self._timeline.open(gen, script.wait)
        self._speech = speech
        self._rate, self._resampler = RATE, None
        self._written[self._segment] = script
        script.attach(self._timeline, self._driving, self._segment)

    def _resample(self, segment: Segment, rate: int) -> None:
        """The sound goes on at another rate."""
        self._drain(segment)
        self._rate = rate
        self._resampler = None if rate == RATE else soxr.ResampleStream(rate, RATE, 1, dtype="int16", quality="MQ")

    def _drain(self, segment: Segment) -> None:
        """What the resampler still holds belongs to the end of what it was given."""
        if self._resampler is not None:
            self._timeline.append(segment, self._resampler.resample_chunk(np.zeros(0, np.int16), last=True))

    def flush(self) -> None:
        """The segment is complete; it ends when it has been heard. A late flush of a speech that was cut does not touch its successor."""
        speech = current_speech()
        if self._segment is None or speech is None or speech is self._speech:
            self._finish()

    def _finish(self) -> None:
        super().flush()
        segment, self._segment, self._speech = self._segment, None, None
        if segment is None or segment.dropped:
            return
        self._drain(segment)
        self._timeline.close(segment)
        self._on_content()

    def clear_buffer(self) -> None:
        """The engine wants silence. Usually we were first and nothing is left to cut; a speech that was cut already cannot cut its successor."""
        speech = current_speech()
        if self._timeline.current is not None and (speech is None or self._generations.of(speech) is not None):
            self._on_engine_cut()

    def cut(self, note: Callable[[Segment, Script], Cut]) -> list[Cut]:
        """Forget everything that was not heard; `note` tells what was."""
        dropped = self._timeline.drop()
        self._finish()
        self._room.set()
        cuts = [note(segment, self._written.pop(segment)) for segment in dropped]
        for cut in cuts:
            position = min(cut.segment.pulled, cut.segment.speech) / RATE
            self.on_playback_finished(playback_position=position, interrupted=True, synchronized_transcript=cut.text)
        return cuts

    def fired(self, event: Fired) -> None:
        """Report to the engine what the listener hears now."""
        if isinstance(event.event, Started):
            self.on_playback_started(created_at=time.time())
        elif isinstance(event.event, Ended):
            self._written.pop(event.segment, None)
            self.on_playback_finished(playback_position=event.segment.speech / RATE, interrupted=False)
        if self._timeline.waiting < BACKLOG_SAMPLES // 2:
            self._room.set()
