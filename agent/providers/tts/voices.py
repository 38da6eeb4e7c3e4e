"""A voice engine of the process: loaded when it is first wanted, on the lane in which it works."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Hashable
from typing import Final, Protocol

from agent.providers.local.lane import Cancel, Lane, Priority
from agent.providers.tts.script import Language
from agent.providers.tts.speech import Speech

logger = logging.getLogger("visavis.providers.tts")


class Voice(Protocol):
    """A voice engine, used by one thread only."""

    def speak(self, text: str, cancel: Cancel | None = None, *, voice: str | None = None) -> Speech: ...

    def warm(self) -> None: ...


class VoiceLane:
    """A voice and its lane. `load` runs on the lane's thread when the voice is first wanted; when it fails, the next request tries again."""

    def __init__(self, language: Language, load: Callable[[], Voice], *, lane: Lane, max_characters: int, threads: int = 1) -> None:
        self.language: Final = language
        self.lane: Final = lane
        self.max_characters: Final = max_characters
        self.threads: Final = threads
        self._load = load
        self._voice: Voice | None = None

    @property
    def loaded(self) -> bool:
        return self._voice is not None

    async def warm(self) -> None:
        """Load the voice and let it say something to nobody. Raises `ModelError`."""
        await self.lane.run(lambda cancel: self._get().warm(), key=self, priority=Priority.BACKGROUND)

    async def speak(self, text: str, *, key: Hashable, voice: str | None = None) -> Speech:
        """Say one sentence of at most `max_characters`. Raises `ModelError`, `LaneFull`, `LaneClosed`."""
        return await self.lane.run(lambda cancel: self._get().speak(text, cancel, voice=voice), key=key)

    def _get(self) -> Voice:
        if self._voice is None:
            started = time.perf_counter()
            self._voice = self._load()
            logger.info("loaded the %s in %.1f s", self.lane.name, time.perf_counter() - started)
        return self._voice
