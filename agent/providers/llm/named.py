"""A language model named in one word, as people type it: `ollama/NAME`, or `http://ADDRESS/v1#MODEL`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit, urlunsplit

from agent.config import ConfigError, ProviderSpec
from agent.providers.llm import ollama

KEY: Final = "LLM_API_KEY"


def named(text: str, environment: Mapping[str, str]) -> ProviderSpec:
    """The provider that `text` names. A key is taken from LLM_API_KEY alone, so that no other key goes to an address it is not for. Raises `ConfigError`."""
    kind, _, rest = text.partition("/")
    if kind == "ollama" and rest:
        return _spec(f"{ollama.address(environment)}/v1", rest, environment)
    try:
        parts = urlsplit(text)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and bool(parts.fragment) and parts.port != 0
    except ValueError:
        valid = False
    if not valid:
        raise ConfigError(
            f"LLM={text}: expected ollama/NAME (as `ollama list` names it), or an address and a model: http://127.0.0.1:8000/v1#MODEL"
        )
    return _spec(urlunsplit((parts.scheme, parts.netloc, parts.path, parts.query, "")), parts.fragment, environment)


def _spec(base_url: str, model: str, environment: Mapping[str, str]) -> ProviderSpec:
    key: object = {"env": KEY} if environment.get(KEY) else "none"
    return ProviderSpec(use="openai", args={"base_url": base_url, "model": model, "api_key": key})


def described(spec: ProviderSpec) -> str:
    """Who answers, in words for the console; no password of an address is among them."""
    if spec.use == "local.faq":
        return "a small list of answers; no language model is set (how to set one: README, “Your own models”)"
    if spec.use == "local.qwen":
        return "a language model on this machine"
    url = str(spec.args.get("base_url", ""))
    where = f" at {urlsplit(url).netloc.rpartition('@')[2] or url}" if url else ""
    return f"the language model {spec.args.get('model', '')}".rstrip() + (where or f" of {spec.use}")
