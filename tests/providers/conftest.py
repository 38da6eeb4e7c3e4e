"""Real models for the tests that are marked `models`, and speech to try them on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from agent.models.errors import ModelError
from agent.models.store import ModelStore


@pytest.fixture(scope="session")
def model_path() -> Callable[[str], Path]:
    """The path of an installed model; the test is skipped when it is not installed."""
    store = ModelStore()

    def find(name: str) -> Path:
        try:
            return store.path(name)
        except ModelError as error:
            pytest.skip(f"needs a local model: {error}")

    return find
