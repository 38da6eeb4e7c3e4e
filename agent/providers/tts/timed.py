"""A stream of speech that tells the times of what it says."""

from __future__ import annotations

from livekit.agents import tts

from agent.providers.timing import Timing


class TimedStream(tts.ChunkedStream):
    """Implements `GivesTimings`: `_tell` is called before the sound is pushed."""

    _timings: list[Timing] | None = None

    def _tell(self, timing: Timing) -> None:
        self._timings = [*(self._timings or ()), timing]

    def take_timings(self) -> list[Timing]:
        taken, self._timings = self._timings, None
        return taken or []
