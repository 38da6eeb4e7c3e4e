"""Providers by name: our local ones, `openai` for any OpenAI-compatible address, and any class of a livekit-agents plugin as `module:Class`."""

from __future__ import annotations

import difflib
import importlib
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Literal

from livekit.agents import llm, stt, tts, vad

from agent.config import ConfigError, ProviderSpec

Kind = Literal["vad", "stt", "llm", "tts"]
Builder = Callable[..., Any]
"""Called with the arguments of the specification; returns a fresh provider."""

BASES: Final[Mapping[Kind, type]] = {"vad": vad.VAD, "stt": stt.STT, "llm": llm.LLM, "tts": tts.TTS}
OPENAI: Final[Mapping[Kind, str]] = {kind: f"livekit.plugins.openai:{BASES[kind].__name__}" for kind in ("stt", "llm", "tts")}
"""What `openai` stands for. Its import takes half a second, which only those wait for who use it."""


class Registry:
    """Knows the names of each kind. `local` maps `(kind, name)` to builders that share the engines of this process."""

    def __init__(self, local: Mapping[tuple[Kind, str], Builder]) -> None:
        self._builders: dict[tuple[Kind, str], Builder] = dict(local)

    def names(self, kind: Kind) -> list[str]:
        """The names that are known for a kind."""
        return sorted([*(name for known, name in self._builders if known == kind), *(["openai"] if kind in OPENAI else [])])

    def check(self, kind: Kind, specs: Sequence[ProviderSpec]) -> None:
        """Raises `ConfigError` for a name that is not known, a class that cannot be imported, or a key that is not set."""
        for spec in specs:
            self._builder(kind, spec)
            resolve(spec.args, f"providers.{kind}")

    def build(self, kind: Kind, specs: Sequence[ProviderSpec]) -> Any:
        """A fresh provider for one conversation; of several, livekit-agents' FallbackAdapter uses the first that is healthy. Raises `ConfigError`."""
        made = [self._build(kind, spec) for spec in specs]
        if len(made) == 1:
            return made[0]
        match kind:
            case "stt":
                detector = self._builders.get(("vad", "local.silero.events"))
                return stt.FallbackAdapter(made, vad=None if detector is None else detector())
            case "llm":
                return llm.FallbackAdapter(made)
            case "tts":
                return tts.FallbackAdapter(made)
            case _:
                raise ConfigError(f"providers.{kind}: expected one entry, not {len(made)}")

    def _build(self, kind: Kind, spec: ProviderSpec) -> Any:
        builder = self._builder(kind, spec)
        try:
            return builder(**resolve(spec.args, f"providers.{kind}"))
        except (TypeError, ValueError) as error:
            raise ConfigError(f"providers.{kind}: {spec.use} cannot be built with {sorted(spec.args) or 'no arguments'}: {error}") from None

    def _builder(self, kind: Kind, spec: ProviderSpec) -> Builder:
        if (builder := self._builders.get((kind, spec.use))) is not None:
            return builder
        if spec.use == "openai" and kind in OPENAI:
            return _imported(kind, OPENAI[kind])
        if ":" in spec.use:
            return _imported(kind, spec.use)
        known = self.names(kind)
        near = difflib.get_close_matches(spec.use, known, n=1)
        hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}, and any class as module:Class"
        raise ConfigError(f"providers.{kind}: {spec.use} is not known; {hint}")


def _imported(kind: Kind, use: str) -> Builder:
    module_name, _, class_name = use.partition(":")
    try:
        found = getattr(importlib.import_module(module_name), class_name)
    except ImportError as error:
        raise ConfigError(
            f"providers.{kind}: {module_name} cannot be imported ({error}); install its package into this environment"
        ) from None
    except AttributeError:
        raise ConfigError(f"providers.{kind}: {module_name} has no {class_name}") from None
    if not (isinstance(found, type) and issubclass(found, BASES[kind])):
        raise ConfigError(f"providers.{kind}: {use} is no {BASES[kind].__module__}.{BASES[kind].__name__}")
    return found


def resolve(args: Mapping[str, Any], place: str) -> dict[str, Any]:
    """Arguments with `{env: NAME}` replaced by the variable's value. Raises `ConfigError` when it is not set; values are never part of a message."""
    resolved: dict[str, Any] = {}
    for name, value in args.items():
        if isinstance(value, Mapping) and set(value) == {"env"}:
            variable = str(value["env"])
            if not os.environ.get(variable):
                raise ConfigError(f"{place}: {name} is to come from the environment variable {variable}, which is not set")
            resolved[name] = os.environ[variable]
        else:
            resolved[name] = value
    return resolved
