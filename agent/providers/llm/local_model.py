"""The local language model of this machine: whether it answers, in which form, and its process, which can be begun while the rest of the program is imported.

Imports little, so that the process begins before livekit-agents, which takes seconds; the model's gigabyte is loaded meanwhile.
"""

from __future__ import annotations

import logging
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final, Literal

from agent.config import Config, ConfigError, ProviderSpec
from agent.models import measured as measured_file
from agent.models import resources
from agent.models.derived import Derived
from agent.models.errors import ModelError
from agent.models.measured import Measured
from agent.models.runtimes import RUNTIME
from agent.models.store import ModelStore
from agent.providers.llm.llama import LlamaProcess
from agent.providers.llm.requantise import KINDS, derived

logger = logging.getLogger("visavis.providers.llm")

USE: Final = "local.qwen"
"""Its name in the configuration."""
MODEL: Final = "qwen2.5-coder-1.5b-instruct"

Models = Literal["lite", "full"]


def chosen(models: str, specs: Sequence[ProviderSpec], store: ModelStore) -> Models:
    """Which set of models is used, of `auto`, `lite` and `full`: auto takes what fits the machine, if a local language model is configured at all.

    Raises `ConfigError` for another word.
    """
    match models:
        case "lite" | "full":
            return models
        case "auto":
            if not any(spec.use == USE for spec in specs):
                return "full"
            choice = resources.choose(store)
            if choice.set == "lite":
                logger.info("%s", choice.reason)
            return "lite" if choice.set == "lite" else "full"
        case _:
            raise ConfigError(f"MODELS={models}: expected auto, lite or full")


def threads() -> int:
    """That it computes with."""
    return max(1, min(4, os.cpu_count() or 2))


def tuned(store: ModelStore, measured: Measured | None) -> LlamaProcess | None:
    """Its process on the libraries for this processor, not started, in the form that was found to be the fastest here; None where there are no libraries.

    Blocks when that form has to be made again. Raises `ModelError`.
    """
    if RUNTIME is None:
        return None
    form = _form(measured)
    model = store.path(MODEL) if form is None else store.derive(form)
    return LlamaProcess(store.path(RUNTIME.name), model, threads(), store.root / "beginnings")


def _form(measured: Measured | None) -> Derived | None:
    """None: the published file."""
    return derived(MODEL, measured.quantisation) if measured is not None and measured.quantisation in KINDS else None


@dataclass(frozen=True)
class Beginning:
    """The set of models that was chosen, and the model's process if it could be begun."""

    models: str
    process: LlamaProcess | None = None


@asynccontextmanager
async def begun(config: Config, models: str) -> AsyncIterator[Beginning]:
    """Begin the process if all that it needs is here and was checked, and end it on leaving. What is wrong is not said here: whoever starts it in earnest does."""
    beginning = await _begin(config, models)
    try:
        yield beginning
    finally:
        if beginning.process is not None:
            await beginning.process.aclose()


async def _begin(config: Config, models: str) -> Beginning:
    try:
        store = ModelStore(overrides=config.models)
        specs = config.providers.llm
        models = chosen(models, specs, store)
        process = _process(store) if models == "full" and any(spec.use == USE for spec in specs) else None
        if process is not None:
            await process.begin()
    except (ConfigError, ModelError, OSError):
        return Beginning(models)
    return Beginning(models, process)


def _process(store: ModelStore) -> LlamaProcess | None:
    """None unless it can be begun at once."""
    if RUNTIME is None or any(store.status(name).state != "ready" for name in (MODEL, RUNTIME.name)):
        return None
    measured = measured_file.read(store.root)
    form = _form(measured)
    return tuned(store, measured) if form is None or store.is_derived(form) else None
