"""Providers by name: what is known, what is near, what is missing."""

from __future__ import annotations

from typing import Any

import pytest
from livekit.agents import llm, stt, tts
from livekit.plugins import openai

from agent.config import ConfigError, ProviderSpec
from agent.providers.registry import Registry, resolve
from bench.instant import InstantSTT, InstantTTS


def registry() -> Registry:
    return Registry({("stt", "local.auto"): lambda: InstantSTT(lambda: "hello"), ("tts", "local.auto"): InstantTTS})


def spec(use: str, **args: Any) -> ProviderSpec:
    return ProviderSpec(use=use, args=args)


def test_names_and_classes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", "sk-secret")
    known = registry()
    assert isinstance(known.build("stt", [spec("local.auto")]), InstantSTT)
    assert isinstance(known.build("tts", [spec("bench.instant:InstantTTS")]), InstantTTS)
    model = known.build("llm", [spec("openai", model="m", base_url="http://127.0.0.1:1/v1", api_key={"env": "MY_KEY"})])
    assert isinstance(model, openai.LLM)
    assert model._client.api_key == "sk-secret"


def test_each_conversation_gets_its_own() -> None:
    known = registry()
    assert known.build("tts", [spec("local.auto")]) is not known.build("tts", [spec("local.auto")])


def test_a_list_falls_back(monkeypatch: pytest.MonkeyPatch) -> None:
    known = registry()
    both = known.build("tts", [spec("bench.instant:InstantTTS"), spec("local.auto")])
    assert isinstance(both, tts.FallbackAdapter)
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    assert isinstance(known.build("llm", [spec("openai"), spec("openai", model="x")]), llm.FallbackAdapter)


@pytest.mark.parametrize(
    ("kind", "use", "says"),
    [
        ("stt", "local.atuo", "did you mean local.auto"),
        ("stt", "zzz", "module:Class"),
        ("llm", "no_such_module:LLM", "cannot be imported"),
        ("llm", "bench.instant:Nothing", "has no Nothing"),
        ("llm", "bench.instant:InstantTTS", "is no livekit.agents.llm"),
        ("tts", "bench.instant:tone", "is no livekit.agents.tts"),
    ],
)
def test_what_cannot_be_had_says_why(kind: Any, use: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        registry().check(kind, [spec(use)])


def test_wrong_arguments_and_missing_keys_are_named_without_their_values(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOT_SET", raising=False)
    with pytest.raises(ConfigError, match="NOT_SET"):
        registry().check("llm", [spec("openai", api_key={"env": "NOT_SET"})])
    with pytest.raises(ConfigError, match="cannot be built") as caught:
        registry().build("tts", [spec("bench.instant:InstantTTS", secret_word="hunter2")])
    assert "hunter2" not in str(caught.value)
    assert resolve({"a": 1, "b": {"c": 2}}, "x") == {"a": 1, "b": {"c": 2}}


def test_bases_are_the_engine_s_own() -> None:
    assert issubclass(InstantSTT, stt.STT)
