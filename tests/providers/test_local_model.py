"""The local language model's process, begun before the rest of the program: when it is, that it is used, and that it ends."""

from __future__ import annotations

import resource
import subprocess
import sys
from typing import Any

import psutil
import pytest

from agent.config import Config
from agent.models import resources
from agent.models.errors import ModelError, NotEnoughMemory
from agent.models.resources import Choice
from agent.models.runtimes import RUNTIME
from agent.models.store import ModelStore
from agent.providers.llm.child import ProcessFailed
from agent.providers.llm.local_model import MODEL, begun
from infra.paths import ROOT

OPENAI = {"use": "openai", "args": {"base_url": "http://127.0.0.1:1/v1", "model": "small", "api_key": "x"}}


@pytest.fixture
def here() -> None:
    """The models are in the cache."""
    store = ModelStore()
    if RUNTIME is None:
        pytest.skip("there is no build of llama.cpp for this system")
    try:
        store.path(MODEL)
        store.path(RUNTIME.name)
    except ModelError as error:
        pytest.skip(f"the models are not in the cache: {error}")


def config(**sections: Any) -> Config:
    return Config.model_validate(sections)


@pytest.mark.models
async def test_what_was_begun_is_started_without_a_second_process_and_answers(here: None) -> None:
    async with begun(config(), "full") as beginning:
        process = beginning.process
        assert process is not None
        pid = process.pid
        assert pid is not None
        assert not process.alive
        await process.start()
        assert (process.pid, process.starts) == (pid, 1)
        said = [message async for message in process.ask([("user", "What is the capital of Italy?")], most=20)]
        assert "Rome" in "".join(message.get("text", "") for message in said)
    assert not psutil.pid_exists(pid)


@pytest.mark.models
async def test_what_was_begun_and_never_started_is_ended(here: None) -> None:
    async with begun(config(), "full") as beginning:
        assert beginning.process is not None
        pid = beginning.process.pid
        assert pid is not None
        assert psutil.pid_exists(pid)
    assert not psutil.pid_exists(pid)


@pytest.mark.models
async def test_what_was_begun_and_dies_before_it_is_started_is_a_failed_start(here: None) -> None:
    async with begun(config(), "full") as beginning:
        process = beginning.process
        assert process is not None
        assert process.pid is not None
        psutil.Process(process.pid).kill()
        with pytest.raises(ProcessFailed, match="killed"):
            await process.start()


@pytest.mark.models
@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a process cannot be limited")
@pytest.mark.parametrize("megabytes", [600, 1200])
async def test_memory_that_runs_out_while_it_is_loaded_is_told_in_words_that_help(here: None, megabytes: int) -> None:
    """Less than the file, and less than the file and what is made of it."""
    async with begun(config(), "full") as beginning:
        process = beginning.process
        assert process is not None
        assert process.pid is not None
        resource.prlimit(process.pid, resource.RLIMIT_AS, (megabytes << 20, megabytes << 20))
        with pytest.raises(NotEnoughMemory, match=r"the language model does not fit .*MODELS=lite"):
            await process.start()


@pytest.mark.models
@pytest.mark.parametrize(
    ("models", "llm"),
    [("lite", None), ("full", OPENAI), ("auto", OPENAI), ("full", {"use": "local.faq"}), ("huge", None)],
)
async def test_nothing_is_begun_that_would_not_answer(here: None, models: str, llm: Any) -> None:
    async with begun(config(**({"providers": {"llm": llm}} if llm else {})), models) as beginning:
        assert beginning.process is None


@pytest.mark.models
async def test_nothing_is_begun_that_is_not_there_or_was_not_checked(here: None, tmp_path: Any) -> None:
    async with begun(config(models={MODEL: {"path": str(tmp_path / "absent.gguf")}}), "full") as beginning:
        assert beginning.process is None
    unchecked = tmp_path / "unchecked.gguf"
    unchecked.write_bytes(b"GGUF")
    async with begun(config(models={MODEL: {"path": str(unchecked)}}), "full") as beginning:
        assert beginning.process is None


async def test_what_fits_the_machine_is_chosen_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The process takes memory: a second look could find too little."""
    monkeypatch.setattr(resources, "choose", lambda store: Choice("lite", "small"))
    async with begun(config(), "auto") as beginning:
        assert (beginning.models, beginning.process) == ("lite", None)


def test_it_begins_before_what_takes_seconds_to_import() -> None:
    heavy = ("livekit", "openai", "onnxruntime", "numpy", "aiohttp")
    code = f"import sys, agent.cli, agent.providers.llm.local_model; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"


def test_livekits_plugin_for_openai_is_imported_only_where_it_is_configured() -> None:
    code = "import sys, agent.engines, agent.gateway, agent.worker; print('livekit.plugins.openai' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "False"
