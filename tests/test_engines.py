"""What answers, by configuration and by the set of models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from agent import measure
from agent.config import Config, ConfigError
from agent.engines import LIGHT_CAPACITY, ConfiguredEngines
from agent.models import resources
from agent.models.errors import ModelError
from agent.models.measured import Variant
from agent.models.resources import Choice
from agent.models.store import ModelStore
from agent.providers.llm.requantise import PUBLISHED


def configured(models: str, llm: Any = None, store: ModelStore | None = None) -> ConfiguredEngines:
    return ConfiguredEngines(Config.model_validate({"providers": {"llm": llm}} if llm is not None else {}), models, store)


OPENAI = {"use": "openai", "args": {"base_url": "http://127.0.0.1:1/v1", "model": "small", "api_key": "x"}}


@pytest.mark.parametrize(
    ("models", "llm", "answers"),
    [
        ("lite", None, "faq"),
        ("full", None, "language model"),
        ("lite", OPENAI, "language model"),
        ("full", OPENAI, "language model"),
        ("full", "local.faq", "faq"),
        ("lite", [OPENAI, "local.faq"], "language model"),
        ("lite", [OPENAI, "local.qwen"], "language model"),
    ],
)
def test_who_answers(models: str, llm: Any, answers: str) -> None:
    assert configured(models, llm).answers == answers


@pytest.mark.parametrize(("memory", "answers"), [(1_000_000_000, "faq"), (64_000_000_000, "language model")])
def test_a_small_machine_answers_from_the_list(memory: int, answers: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("agent.models.resources.available_memory", lambda: memory)
    monkeypatch.setattr("agent.models.resources.free_bytes", lambda path: 10**12)
    assert configured("auto", store=ModelStore(tmp_path)).answers == answers


def test_a_model_that_was_named_is_used_whatever_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_choice(store: ModelStore) -> Choice:
        raise AssertionError("nothing is to be chosen")

    monkeypatch.setattr(resources, "choose", no_choice)
    made = configured("auto", OPENAI)
    assert made.answering == "the language model small at 127.0.0.1:1"


@pytest.mark.parametrize(
    ("llm", "says"),
    [
        ({"use": "local.faq", "args": {"file": "/nowhere/faq.yaml"}}, "/nowhere/faq.yaml cannot be read"),
        ({"use": "local.faq", "args": {"path": "faq.yaml"}}, "takes one argument, file; path is none"),
        ({"use": "local.faq", "args": {"file": 3}}, "expected the path"),
    ],
)
def test_a_bad_list_is_told_at_the_start(llm: Any, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        configured("full", llm)


def test_a_set_that_does_not_exist() -> None:
    with pytest.raises(ConfigError, match="expected auto, lite or full"):
        configured("huge")


async def test_a_machine_that_cannot_be_measured_holds_conversations_all_the_same(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    async def fails(*_: object, **__: object) -> None:
        raise OSError("the disk is read-only")

    engines = configured("full", store=ModelStore(tmp_path))
    monkeypatch.setattr(engines, "measure", fails)
    await engines._measure_once()
    assert "the disk is read-only" in caplog.text
    assert engines.capacity == LIGHT_CAPACITY


async def test_a_variant_that_cannot_be_made_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    async def measured(process: Any, quantisation: str, threads: int) -> list[Variant]:
        return [Variant(library=type(process).__name__, quantisation=quantisation, threads=threads, read_ms=20, write_ms=80)]

    async def no_room(self: ModelStore, derived: Any) -> Path:
        raise ModelError("no room on the disk")

    monkeypatch.setattr(measure, "_measured", measured)
    monkeypatch.setattr(ModelStore, "derive_async", no_room)
    monkeypatch.setattr(ModelStore, "path", lambda self, name: Path(name))
    found = await measure.variants(ModelStore(), 2, report=lambda step: None)
    assert [(variant.quantisation, variant.library) for variant in found] == [
        (PUBLISHED, "LlamaProcess"),
        (PUBLISHED, "LanguageModelProcess"),
    ]
