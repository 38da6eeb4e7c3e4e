"""Fixtures that every part's tests may use."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from agent.aio import keep_memory_out_of_collections
from infra import chromium
from infra.ports import free_tcp_port

if TYPE_CHECKING:
    from infra.livekit_server import LiveKitServer
    from tests.fixtures.speech import Speaker


@pytest.fixture(scope="session", autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What is tested writes into a folder of the run, never into the person's own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VISAVIS_HOME", str(tmp_path_factory.mktemp("home")))
        yield


def pytest_collection_finish() -> None:
    """As the product does once it is ready: a full collection, which stops everything, shall not walk over some thousand tests each time."""
    keep_memory_out_of_collections()


@pytest.fixture(scope="session")
def livekit_server() -> Iterator[LiveKitServer]:
    """A real livekit-server for the whole run: `.url`, `.keys.api_key`, `.keys.api_secret`, `.environment`."""
    from tests.fixtures.livekit import livekit_server_running  # its imports take seconds that most tests need not wait

    with livekit_server_running() as server:
        yield server


@pytest.fixture(scope="session")
def chromium_path() -> str:
    """The path of Chromium. Without one the test is reported as not run; on a build machine that could have one it fails."""
    if reason := chromium.lacking():
        if chromium.is_required():
            pytest.fail(reason)
        pytest.skip(reason)
    path = chromium.find()
    assert path is not None
    return path


@pytest.fixture(scope="session")
def models() -> None:
    """The local models; `visavis models fetch` brings them."""
    from agent.models.errors import ModelError
    from agent.models.store import ModelStore

    store = ModelStore()
    try:
        for status in store.statuses():
            store.path(status.model.name)
    except ModelError as error:
        pytest.skip(f"the models are not installed: {error}")


@pytest.fixture(scope="session")
def speaker(models: None, tmp_path_factory: pytest.TempPathFactory) -> Speaker:
    """Says sentences with our own voices."""
    from tests.fixtures.speech import Speaker

    return Speaker(tmp_path_factory.mktemp("speech"))


@pytest.fixture
def free_port() -> int:
    """A TCP port of loopback on which nothing listens."""
    return free_tcp_port()


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """With several workers (`-n 2 --dist loadgroup`), what needs models, a browser or a server stays with one of them: each would start its own, and two of them at once
    are more than two cores can do in real time. What kills servers starts its own each time, and is with the others."""
    for item in items:
        if "handover" not in item.path.parts and any(item.get_closest_marker(name) for name in ("browser", "livekit", "models")):
            item.add_marker(pytest.mark.xdist_group("world"))
