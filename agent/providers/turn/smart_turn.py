"""Whether a speaker has finished, told from the sound: smart-turn v3, a classifier on top of Whisper tiny's encoder.

It hears intonation, not words: a hint beside the silence and the text, never the verdict alone.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from agent.models.errors import ModelCorrupt
from agent.providers.asr.log_mel import SAMPLE_RATE, log_mel
from agent.providers.local.baton import Baton
from agent.providers.local.lane import Cancel, Lane, Priority
from agent.providers.local.onnx import open_session

MODEL: Final = "smart-turn-v3"
HEARD: Final = 8 * SAMPLE_RATE
"""Samples that the model hears: the end of what was said."""


class SmartTurn:
    """The network. Not thread-safe: use it in one lane. Raises `ModelMissing`, `ModelCorrupt`."""

    def __init__(self, path: Path, *, threads: int = 1) -> None:
        self._session: Final = open_session(path, threads=threads)
        inputs = [item.name for item in self._session.get_inputs()]
        if inputs != ["input_features"]:
            raise ModelCorrupt(f"{path} is not smart-turn v3: it has the inputs {inputs}")

    def probability(self, pcm: npt.NDArray[np.float32]) -> float:
        """1 finished … 0 not, from the end of the sound (16 kHz mono, −1 … 1), which should include the short silence after it."""
        features = log_mel(_normalised(pcm))
        (output,) = self._session.run(None, {"input_features": features[None]})
        return float(output.item())


def _normalised(pcm: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """The last 8 s, silence before it if there is less, with mean 0 and variance 1 (as in pipecat's `local_smart_turn_v3.py`)."""
    last = pcm[-HEARD:].astype(np.float32)
    padded = np.pad(last, (HEARD - len(last), 0))
    return np.asarray((padded - padded.mean()) / np.sqrt(padded.var() + 1e-7), np.float32)


class TurnEngine:
    """The shared model of a process, on a thread of its own; loaded when it is first wanted. `find` gives the path of an installed model."""

    def __init__(self, find: Callable[[str], Path], *, baton: Baton | None = None) -> None:
        self._find: Final = find
        self._lane: Final = Lane("turn model", share=2, baton=baton)
        self._model: SmartTurn | None = None

    async def load(self) -> None:
        """Load and warm it. Raises `ModelMissing`, `ModelCorrupt`."""
        await self._lane.run(lambda cancel: self._loaded() and None, key="load", priority=Priority.BACKGROUND)

    async def probability(self, pcm: npt.NDArray[np.float32], *, key: Hashable) -> float:
        """As `SmartTurn.probability`. Raises `LaneFull`, `LaneClosed`, and what loading raises."""
        last = pcm[-HEARD:].copy()  # the caller may go on writing into its buffer

        def work(cancel: Cancel) -> float:
            return self._loaded().probability(last)

        return await self._lane.run(work, key=key)

    async def aclose(self) -> None:
        await self._lane.aclose()

    def _loaded(self) -> SmartTurn:
        if self._model is None:
            model = SmartTurn(self._find(MODEL))
            model.probability(np.zeros(0, np.float32))
            self._model = model
        return self._model


class TurnModel:
    """A session's hold on the shared model."""

    def __init__(self, engine: TurnEngine, session_key: Hashable) -> None:
        self._engine: Final = engine
        self._key: Final = session_key

    async def completeness(self, pcm: npt.NDArray[np.float32]) -> float:
        """1 finished … 0 not, from up to 8 s of sound at 16 kHz."""
        return await self._engine.probability(pcm, key=self._key)
