"""An Ollama on this machine, and language models that are named in one word."""

from __future__ import annotations

import json
import socket
import time

import pytest
from livekit.agents import APIConnectOptions, llm

from agent.config import ConfigError, ProviderSpec
from agent.providers.llm import ollama
from agent.providers.llm.named import described, named
from agent.providers.registry import Registry
from tests.fixtures.ollama import ollama as serving


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        (None, "http://127.0.0.1:11434"),
        ("", "http://127.0.0.1:11434"),
        ("127.0.0.1:9999", "http://127.0.0.1:9999"),
        ("http://localhost:9999/", "http://127.0.0.1:9999"),
        ("0.0.0.0", "http://127.0.0.1:11434"),
        ("[::1]:5", "http://[::1]:5"),
        ("10.1.2.3:11434", "http://10.1.2.3:11434"),
        ("https://models.example", "https://models.example:443"),
        ("http://[broken", "http://127.0.0.1:11434"),
        ("127.0.0.1:many", "http://127.0.0.1:11434"),
    ],
)
def test_where_it_is(host: str | None, expected: str) -> None:
    assert ollama.address({} if host is None else {"OLLAMA_HOST": host}) == expected


async def test_the_models_that_can_talk_are_found() -> None:
    with serving() as fake:
        assert await ollama.models(fake.url) == ["qwen2.5:latest", "llama3.2:3b"]
        assert fake.paths == ["/api/tags"]


@pytest.mark.parametrize("url", ["http://10.255.255.1:11434", "http://models.example:11434", "http://localhost:11434", "nonsense"])
async def test_nothing_but_a_loopback_address_is_asked(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **options: object) -> None:
        raise AssertionError("a connection was about to be made")

    monkeypatch.setattr(ollama.httpx, "AsyncClient", refuse)
    assert await ollama.models(url) == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no json",
        b"[]",
        b"{}",
        b'{"models": 3}',
        b'{"models": ["x"]}',
        b'{"models": [{}]}',
        b'{"models": "' + b"x" * 1_100_000 + b'"}',
    ],
)
async def test_odd_answers_are_no_models(body: bytes) -> None:
    with serving(body=body) as fake:
        assert await ollama.models(fake.url) == []


async def test_a_name_that_could_harm_a_terminal_or_a_shell_is_left_out() -> None:
    with serving([{"name": name} for name in ("a; rm -rf x", "\x1b[31mred", "$(x)", "-x", "fine:1b", "hf.co/maker/model:Q4_K_M")]) as fake:
        assert await ollama.models(fake.url) == ["fine:1b", "hf.co/maker/model:Q4_K_M"]


async def test_one_that_is_silent_or_absent_is_not_waited_for(free_port: int) -> None:
    assert await ollama.models(f"http://127.0.0.1:{free_port}") == []
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        begun = time.monotonic()
        assert await ollama.models(f"http://127.0.0.1:{silent.getsockname()[1]}", limit=0.2) == []
        assert time.monotonic() - begun < 2


async def test_a_proxy_is_not_asked(monkeypatch: pytest.MonkeyPatch, free_port: int) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{free_port}")
    with serving() as fake:
        assert await ollama.models(fake.url) != []


def test_the_offer_is_one_line_with_the_command() -> None:
    line = ollama.offer(["qwen2.5:latest", "llama3.2:3b"])
    assert "make demo LLM=ollama/qwen2.5 " in line
    assert "llama3.2:3b" in line
    assert "\n" not in line
    assert ollama.offer(["llama3.2:3b"]).endswith("make demo LLM=ollama/llama3.2:3b")


def test_a_name_becomes_a_provider() -> None:
    spec = named("ollama/hf.co/maker/model:Q4", {"OPENAI_API_KEY": "sk-secret"})
    assert spec == ProviderSpec(
        use="openai", args={"base_url": "http://127.0.0.1:11434/v1", "model": "hf.co/maker/model:Q4", "api_key": "none"}
    )
    spec = named("https://llm.example:8443/v1#big/model", {"LLM_API_KEY": "k"})
    assert spec.args == {"base_url": "https://llm.example:8443/v1", "model": "big/model", "api_key": {"env": "LLM_API_KEY"}}


@pytest.mark.parametrize(
    "text", ["qwen2.5", "ollama/", "ollama", "http://127.0.0.1/v1", "http://#model", "ftp://host/v1#m", "http://[x/v1#m", "http://h:x/v1#m"]
)
def test_what_is_no_name_says_what_is_one(text: str) -> None:
    with pytest.raises(ConfigError, match="expected ollama/NAME"):
        named(text, {})


def test_who_answers_is_told_without_passwords() -> None:
    told = described(named("http://user:secret@127.0.0.1:8000/v1#small", {}))
    assert told == "the language model small at 127.0.0.1:8000"
    assert "no language model is set" in described(ProviderSpec(use="local.faq"))
    assert described(ProviderSpec(use="local.qwen")) == "a language model on this machine"
    assert described(ProviderSpec(use="maker:LLM")) == "the language model of maker:LLM"


async def test_a_named_model_answers_and_gets_no_foreign_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-foreign")
    with serving() as fake:
        model: llm.LLM = Registry({}).build("llm", [named("ollama/qwen2.5", {"OLLAMA_HOST": f"127.0.0.1:{fake.port}"})])
        context = llm.ChatContext.empty()
        context.add_message(role="user", content="Hello")
        said = ""
        async with model.chat(chat_ctx=context, conn_options=APIConnectOptions(max_retry=0, timeout=10)) as stream:
            async for chunk in stream:
                said += (chunk.delta.content or "") if chunk.delta else ""
        await model.aclose()
        assert said == "The fake model says pineapple."
        (path, question), (headers,) = fake.asked[-1], fake.headers
        assert (path, question["model"]) == ("/v1/chat/completions", "qwen2.5")
        assert "sk-foreign" not in json.dumps(headers)
