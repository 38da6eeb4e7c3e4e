"""The voice engines of a process: each is loaded when it is first wanted, and works in a lane of its own."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Hashable, Iterable
from typing import Final, Protocol

from agent.models.store import ModelStore
from agent.providers.local.kokoro_model import PREPARED
from agent.providers.local.lane import Cancel, Lane, Priority
from agent.providers.tts import hibari, kokoro
from agent.providers.tts.script import Language
from agent.providers.tts.speech import Speech

logger = logging.getLogger("visavis.providers.tts")


class Voice(Protocol):
    """A voice engine, used by one thread only."""

    def speak(self, text: str, cancel: Cancel | None = None, *, voice: str | None = None) -> Speech: ...

    def warm(self) -> None: ...


class VoiceLane:
    """A voice and its lane. `load` runs on the lane's thread when the voice is first wanted; when it fails, the next request tries again."""

    def __init__(self, name: str, load: Callable[[], Voice], *, max_characters: int) -> None:
        self.name: Final = name
        self.lane: Final = Lane(f"voice {name}")
        self.max_characters: Final = max_characters
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
            logger.info("loaded the voice %s in %.1f s", self.name, time.perf_counter() - started)
        return self._voice


class LocalVoices:
    """Owns both voices. Making one costs nothing; `warm` loads, and `aclose` ends the threads.

    `threads` are those of the Chinese voice, which is the slow one.
    """

    def __init__(self, store: ModelStore, *, threads: int = 2) -> None:
        english = hibari.EnglishPhonemes()

        def load_kokoro() -> Voice:
            voices = store.path("kokoro-voices-zh")
            return kokoro.KokoroVoice(store.derive(PREPARED), voices, english=english, cache=store.root / "jieba", threads=threads)

        self.lanes: Final[dict[Language, VoiceLane]] = {
            "en": VoiceLane("hibari", lambda: hibari.HibariVoice(english), max_characters=hibari.MAX_CHARACTERS),
            "zh": VoiceLane("kokoro", load_kokoro, max_characters=kokoro.MAX_CHARACTERS),
        }

    async def warm(self, languages: Iterable[Language]) -> None:
        """Load the voices of these languages and make them say something, one after the other. Raises `ModelError`."""
        for language in languages:
            await self.lanes[language].warm()

    async def aclose(self) -> None:
        await asyncio.gather(*(voice.lane.aclose() for voice in self.lanes.values()))
