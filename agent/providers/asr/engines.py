"""The local recognisers of a process: loaded when they are first wanted, on one thread, shared by all sessions."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Hashable, Iterable
from pathlib import Path
from typing import Final

from agent.providers.asr.guards import is_silent
from agent.providers.asr.languages import Language, LanguageChoice, LanguageMemory
from agent.providers.asr.moonshine import Moonshine
from agent.providers.asr.pieces import Sound
from agent.providers.asr.whisper import Whisper
from agent.providers.local.baton import Baton
from agent.providers.local.lane import Cancel, Lane, Priority

logger = logging.getLogger("visavis.providers.asr")

MOONSHINE: Final = "moonshine-tiny-en"
WHISPER: Final = "whisper-base"


class SpeechEngines:
    """Moonshine for English, Whisper for Chinese and for telling which it is.

    `find` gives the path of an installed model (`ModelStore.path`). One of these a process; all methods on the event loop.
    """

    def __init__(self, find: Callable[[str], Path], *, baton: Baton | None = None) -> None:
        self._find: Final = find
        self._lane: Final = Lane("speech recognition", baton=baton)
        self._moonshine: Moonshine | None = None
        self._whisper: Whisper | None = None

    async def load(self, languages: Iterable[LanguageChoice]) -> None:
        """Load and warm what these languages need, so that the first utterance need not wait. Raises `ModelMissing`, `ModelCorrupt`."""
        wanted = set(languages)

        def work(cancel: Cancel) -> None:
            if wanted & {"en", "auto"}:
                self._english()
            cancel.check()
            if wanted & {"zh", "auto"}:
                self._chinese()

        await self._lane.run(work, key="load", priority=Priority.BACKGROUND)

    async def recognize(
        self, sound: Callable[[], Sound], language: LanguageChoice, *, key: Hashable, memory: LanguageMemory
    ) -> tuple[str, Language]:
        """The words and their language. `sound` is called on the engines' thread, so it may compute; `key` names the session, `memory` is its own.

        Cancelling the caller removes or stops the work. Raises `LaneFull`, `LaneClosed`, and what loading raises.
        """

        def work(cancel: Cancel) -> tuple[str, Language]:
            return self._hear(sound(), language, memory, cancel)

        return await self._lane.run(work, key=key)

    async def aclose(self) -> None:
        """Stop what runs, and end the thread."""
        await self._lane.aclose()

    # on the lane's thread

    def _hear(self, pcm: Sound, choice: LanguageChoice, memory: LanguageMemory, cancel: Cancel) -> tuple[str, Language]:
        if is_silent(pcm):
            return "", memory.language if choice == "auto" else choice
        language = self._language(pcm, memory) if choice == "auto" else choice
        cancel.check()
        if language == "en":
            text = self._english().transcribe(pcm, lambda: cancel.cancelled)
        else:
            text = self._chinese().transcribe(pcm, "zh", lambda: cancel.cancelled)
        cancel.check()
        return text, language

    def _language(self, pcm: Sound, memory: LanguageMemory) -> Language:
        language = memory.recall(pcm)
        if language is None:
            language = self._chinese().detect(pcm)
            memory.learn(pcm, language)
        return language

    def _english(self) -> Moonshine:
        if self._moonshine is None:
            started = time.monotonic()
            model = Moonshine(self._find(MOONSHINE))
            model.warm()
            self._moonshine = model
            logger.info("the English recogniser is ready after %.1f s", time.monotonic() - started)
        return self._moonshine

    def _chinese(self) -> Whisper:
        if self._whisper is None:
            started = time.monotonic()
            model = Whisper(self._find(WHISPER))
            model.warm()
            self._whisper = model
            logger.info("the Chinese recogniser is ready after %.1f s", time.monotonic() - started)
        return self._whisper
