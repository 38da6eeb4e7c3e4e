"""The embedded default: from the true end of speech to the first audible sample of the answer, with the local models, in process, in one call a language."""

from __future__ import annotations

import contextlib
import json
import os
import signal
from collections.abc import AsyncIterator
from typing import Any, Final, get_args

from livekit.agents import tts

from agent import models_bench
from agent.config import Config, ConfigError, Persona
from agent.conversation.host import ConversationHost
from agent.media.block import Pcm
from agent.models import measured as measured_file
from agent.models.errors import ModelError
from agent.models.runtimes import RUNTIME
from agent.models.store import ModelStore
from agent.protocol.messages import ClientHello, Language
from agent.talk.door import DoorError
from agent.talk.local import LocalDoor
from bench.caller import Caller, Exchange
from bench.local_engines import local_engines
from bench.options import Options, Unmeasured
from bench.processes import Program, at_rest, program
from bench.questions import QUESTIONS, VOICE, spoken
from bench.report import Result, Row, median, p90
from infra import bench_environment

GOALS_SECONDS: Final[dict[Language, float]] = {"en": 1.6, "zh": 2.8}
RATIOS: Final[dict[Language, float]] = {"en": 4.5, "zh": 5.0}
PLAIN_SECONDS: Final = 120.0
NAMES: Final[dict[Language, str]] = {"en": "English", "zh": "Chinese"}
CUT_SECONDS: Final = 1.0
"""Answers are interrupted so long after their first sound: what comes later is not measured."""


async def side_by_side(
    host: ConversationHost, chain: Program, language: Language, sounds: list[Pcm], turns: int
) -> tuple[list[Exchange], list[Exchange]]:
    """`turns` of `sounds`, each to us and then to the plain chain, so that both find the machine alike; they begin anew when there are more turns than questions."""
    ours, others = [], []
    caller = Caller()
    try:
        await caller.call(LocalDoor(host, caller), ClientHello(language=language, sdk="visavis-bench"))
        for turn in range(turns):
            await at_rest()
            ours.append(await caller.ask(sounds[turn % len(sounds)], cut_seconds=CUT_SECONDS, settle_seconds=1.0))
            await at_rest()
            others.append(await asked(chain))
    except DoorError as error:
        raise Unmeasured(str(error)) from None
    finally:
        await caller.aclose()
    return ours, others


async def asked_aloud(language: Language, voice: tts.TTS[Any]) -> list[Pcm]:
    """The questions of a language, spoken by `voice` where they are not in the cache yet: the plain chain only reads them there."""
    return [await spoken(text, voice) for text in QUESTIONS[language]]


@contextlib.asynccontextmanager
async def plain(language: Language) -> AsyncIterator[Program]:
    """The plain chain, warm, in a process of its own. It asks with the recordings that `asked_aloud` leaves."""
    python = bench_environment.ensure()
    async with program("the plain chain", command=[str(python), "-m", "bench.plain", language]) as chain:
        await chain.line("ready", PLAIN_SECONDS)
        yield chain


async def asked(chain: Program) -> Exchange:
    """The plain chain's next question."""
    os.kill(chain.child.pid, signal.SIGUSR1)
    told = json.loads("{" + await chain.line("{", PLAIN_SECONDS))
    exchange = Exchange(since=0.0, understood=told["understood"], problem=told["problem"])
    exchange.first_sound = None if told["latency_ms"] is None else told["latency_ms"] / 1000
    return exchange


def seconds_of(exchanges: list[Exchange]) -> list[float]:
    """The latencies of the questions that were answered."""
    return [exchange.latency_ms / 1000 for exchange in exchanges if exchange.latency_ms is not None]


def rows(language: Language, exchanges: list[Exchange]) -> list[Row]:
    """The lines of one language."""
    seconds = seconds_of(exchanges)
    final = [exchange.understood_at - exchange.since for exchange in exchanges if exchange.understood_at is not None]
    name = NAMES[language]
    return [
        Row(f"{name}: end of speech → first sound, median", median(seconds), "s", GOALS_SECONDS[language], f"{len(seconds)} questions"),
        Row(f"{name}: p90", p90(seconds), "s"),
        Row(f"{name}: of which until the final transcript, median", median(final), "s"),
        Row(f"{name}: questions without an answer", float(len(exchanges) - len(seconds)), ""),
    ]


def shown(exchange: Exchange) -> dict[str, Any]:
    """For the record."""
    return {
        "latency_ms": exchange.latency_ms,
        "understood": exchange.understood,
        "answer": exchange.answer,
        "problem": exchange.problem,
    }


def comparison(language: Language, ours: list[Exchange], others: list[Exchange]) -> list[Row]:
    """The plain chain's figures, and how many times longer it takes."""
    other = seconds_of(others)
    own_median, other_median = median(seconds_of(ours)), median(other)
    name = NAMES[language]
    return [
        Row(f"{name}, plain chain: median", other_median, "s", None, f"{len(other)} questions"),
        Row(f"{name}, plain chain: p90", p90(other), "s"),
        Row(
            f"{name}: plain / ours, medians",
            other_median / own_median if own_median and other_median else None,
            "×",
            None,
            f"goal ≥ {RATIOS[language]:g}",
        ),
    ]


async def _choose_model() -> None:
    """Find this machine's variant of the language model, where only the first start's short measurement is known: takes a minute, once. Raises `Unmeasured`."""
    here = measured_file.read(ModelStore().root)
    if RUNTIME is not None and (here is None or not here.thorough):  # the plain library runs the published one only
        try:
            await models_bench.run(Config(), "full")
        except (ConfigError, ModelError) as error:
            raise Unmeasured(str(error)) from None


async def measure(options: Options) -> Result:
    await _choose_model()
    table: list[Row] = []
    raw: dict[str, Any] = {}
    languages: tuple[Language, ...] = get_args(Language)
    async with local_engines() as engines:
        host = ConversationHost(Config(), engines)
        try:
            for language in languages:
                sounds = await asked_aloud(language, engines.build(Persona(voice=VOICE)).tts)
                async with plain(language) as chain:
                    ours, others = await side_by_side(host, chain, language, sounds, options.turns)
                table += [*rows(language, ours), *comparison(language, ours, others)]
                raw |= {language: [shown(exchange) for exchange in ours], f"{language} plain": [shown(exchange) for exchange in others]}
        finally:
            await host.aclose()
    notes = [
        "Local models, in process; questions spoken by the local voices, in real time, one conversation a language, each turn by itself.",
        f"Answers are interrupted {CUT_SECONDS:g} s after their first sound.",
        "Plain: livekit-agents 1.8.9 with the same models as their own libraries run them, 0.5 s of silence, a sentence at a time; in process as well.",
        "Each question is asked of ours, then of the plain chain: the speed of a shared machine changes within minutes. Nobody is asked while the other still computes: the "
        "plain chain goes on with an answer that was interrupted.",
    ]
    if (here := measured_file.read(ModelStore().root)) is not None:
        used = f"{here.used.quantisation} on {here.used.library}" if here.used is not None else "none"
        notes.append(f"Processor features: {' '.join(here.features)}; language model as chosen on this machine: {used}.")
    return Result("latency", "Answers of the embedded default", table, notes, raw)
