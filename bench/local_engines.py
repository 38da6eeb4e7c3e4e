"""The local engines as the embedded default configures them, for the tables that need them."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import AsyncIterator

from agent.config import Config, ConfigError, Persona
from agent.conversation.parts import Parts
from agent.engines import ConfiguredEngines
from agent.models.errors import ModelError
from agent.models.progress import Observer
from agent.models.terminal import TerminalProgress
from bench.instant import InstantLLM, InstantSTT, InstantTTS
from bench.options import Unmeasured


@contextlib.asynccontextmanager
async def local_engines() -> AsyncIterator[ConfiguredEngines]:
    """Fetched, loaded and warm; freed at the end. Raises `Unmeasured`."""
    try:
        engines = ConfiguredEngines(Config())
        with TerminalProgress() as progress:
            await engines.prepare(progress.show)
    except (ConfigError, ModelError) as error:
        raise Unmeasured(str(error)) from None
    try:
        yield engines
    finally:
        await engines.aclose()


class DeafenedEngines:
    """The local ears, with an instant model and voice behind them; `understood`: and an instant recogniser, that understands every utterance so. Implements
    `worker.WorkerEngines`; who made `engines` closes them."""

    ready = True
    capacity = 1
    progress = None
    answers = "an instant model"

    def __init__(self, engines: ConfiguredEngines, model: InstantLLM | None = None, understood: str | None = None) -> None:
        self._engines = engines
        self._model = model or InstantLLM(lambda prompt: "All right, number one.")
        self._understood = understood

    async def prepare(self, observer: Observer = lambda reading: None) -> None:
        await self._engines.prepare(observer)

    def missing(self) -> list[str]:
        return []

    def build(self, persona: Persona) -> Parts:
        parts = dataclasses.replace(self._engines.build(persona), llm=self._model, tts=InstantTTS())
        if (understood := self._understood) is None:
            return parts
        return dataclasses.replace(parts, stt=InstantSTT(lambda: understood))

    async def aclose(self) -> None:
        pass
