"""Measuring the local engines on this machine: how fast each is, and which variant of the language model is the fastest. Takes seconds; in full, a minute."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Final, TypeVar

import numpy as np
import openai
import soxr

from agent.models.errors import ModelError
from agent.models.measured import Measured, Variant, choose, cores, features, processor
from agent.models.runtimes import RUNTIME
from agent.models.store import ModelStore
from agent.protocol.messages import Language
from agent.providers.asr.engines import SpeechEngines
from agent.providers.asr.languages import LanguageMemory
from agent.providers.asr.pieces import SAMPLE_RATE, Sound
from agent.providers.llm.child import ProcessFailed, Unanswered
from agent.providers.llm.llama import LlamaProcess
from agent.providers.llm.local_model import MODEL
from agent.providers.llm.process import LanguageModelProcess
from agent.providers.llm.requantise import KINDS, PUBLISHED, derived
from agent.providers.tts.voices import VoiceLane

logger = logging.getLogger("visavis.measure")

TUNED, PLAIN = "llama.cpp for this processor", "xllamacpp"
SENTENCES: Final[Mapping[Language, str]] = {
    "en": "The weather is very nice today, so we go for a walk.",
    "zh": "今天天气很好，我们出去走走吧。",
}
SPOKEN, REST = "count slowly from one", " to a hundred"
"""What is read of a question while it is spoken, and what is left then: with the marks around an answer's beginning about as much as in a conversation."""
WRITTEN: Final = 7
BRIEFLY, THOROUGHLY = 2, 5
"""Times that each figure is taken."""

T = TypeVar("T")

Report = Callable[[str], None]


async def hearing_and_speaking(
    engines: SpeechEngines | None, voices: Mapping[Language, VoiceLane], times: int
) -> tuple[dict[str, float], dict[str, float]]:
    """Seconds to transcribe two seconds of speech, and to make one second of it, by language: of those that there is a voice for."""
    hears: dict[str, float] = {}
    speaks: dict[str, float] = {}
    for language, voice in voices.items():
        speech, seconds = await _best(partial(voice.speak, SENTENCES[language], key="measure"), times)
        speaks[language] = seconds / speech.seconds
        if engines is not None:
            pcm = soxr.resample(speech.pcm.astype(np.float32) / 32_768, speech.sample_rate, SAMPLE_RATE)[: 2 * SAMPLE_RATE]
            _, hears[language] = await _best(partial(_hear, engines, pcm, language), times)
    return hears, speaks


async def _hear(engines: SpeechEngines, pcm: Sound, language: Language) -> None:
    await engines.recognize(lambda: pcm, language, key="measure", memory=LanguageMemory())


async def _best(work: Callable[[], Awaitable[T]], times: int) -> tuple[T, float]:
    """What it gives, and the shortest of several times: other programs can only lengthen it."""
    best = float("inf")
    for _ in range(times):
        started = time.perf_counter()
        given = await work()
        best = min(best, time.perf_counter() - started)
    return given, best


async def speed(process: LlamaProcess | LanguageModelProcess, quantisation: str, threads: int, times: int) -> Variant:
    """How fast a running model reads the end of a question, and writes. Raises `ModelError`, and what asking raises."""
    read, write = [], []
    stream = partial(_stream, process) if isinstance(process, LlamaProcess) else partial(_stream_plain, process)
    for _ in range(times):
        spoken = f"{time.time_ns()}: {SPOKEN}"
        await stream(spoken, 0)
        started = time.perf_counter()
        arrivals, tokens = await stream(spoken + REST, WRITTEN)
        if len(arrivals) < 2:
            raise ModelError("the language model wrote too little to be measured")
        read.append((arrivals[0] - started) * 1000 / tokens)
        write.append((arrivals[-1] - arrivals[0]) * 1000 / (len(arrivals) - 1))
    library = TUNED if isinstance(process, LlamaProcess) else PLAIN
    return Variant(library=library, quantisation=quantisation, threads=threads, read_ms=min(read), write_ms=min(write))


async def _stream(process: LlamaProcess, question: str, most: int) -> tuple[list[float], int]:
    """When each piece of the answer came, and how many tokens of the question had to be read; `most` 0 only reads it."""
    arrivals, tokens = [], 1
    async for message in process.ask([("user", question)], most=most, temperature=0, ending="answer" if most else "open"):
        if "text" in message:
            arrivals.append(time.perf_counter())
        else:
            tokens = max(1, message["read"])
    return arrivals, tokens


async def _stream_plain(process: LanguageModelProcess, question: str, most: int) -> tuple[list[float], int]:
    assert process.client is not None
    stream = await process.client.chat.completions.create(
        model="local",
        messages=[{"role": "user", "content": question}],
        max_tokens=max(1, most),
        temperature=0,
        stream=True,
        stream_options={"include_usage": True},
    )
    arrivals, tokens = [], 1
    async for chunk in stream:
        if chunk.choices and chunk.choices[0].delta.content:
            arrivals.append(time.perf_counter())
        if chunk.usage is not None:
            details = chunk.usage.prompt_tokens_details
            tokens = max(1, chunk.usage.prompt_tokens - ((details.cached_tokens or 0) if details is not None else 0))
    return arrivals, tokens


async def variants(store: ModelStore, threads: int, *, report: Report) -> list[Variant]:
    """All ways to run the language model, the published file first. Raises `ModelError`."""
    found = []
    if RUNTIME is not None:
        libraries = store.path(RUNTIME.name)
        for quantisation in (PUBLISHED, *KINDS):
            report(f"the language model as {quantisation}")
            try:
                path = store.path(MODEL) if quantisation == PUBLISHED else await store.derive_async(derived(MODEL, quantisation))
            except ModelError as error:  # of the other variants, what cannot be made cannot be chosen
                if quantisation == PUBLISHED:
                    raise
                logger.warning("%s", error)
                continue
            found += await _measured(LlamaProcess(libraries, path, threads, store.root / "beginnings"), quantisation, threads)
    report("the language model on the plain library")
    found += await _measured(LanguageModelProcess(store.path(MODEL), threads), PUBLISHED, threads)
    if not found:
        raise ModelError("no variant of the language model runs on this machine")
    return found


async def _measured(process: LlamaProcess | LanguageModelProcess, quantisation: str, threads: int) -> list[Variant]:
    try:
        await process.start()
        return [await speed(process, quantisation, threads, THOROUGHLY)]
    except (ProcessFailed, ModelError, Unanswered, openai.OpenAIError) as error:
        logger.warning("%s was not measured: %s", quantisation, error)
        return []
    finally:
        await process.aclose()


def record(
    hearing: dict[str, float], voices: Mapping[Language, VoiceLane], speaking: dict[str, float], variants: list[Variant]
) -> Measured:
    """What was measured, as it is kept."""
    chosen = choose([variant for variant in variants if variant.library == variants[0].library]) if variants else ""
    return Measured(
        processor=processor(),
        features=features(),
        cores=cores(),
        made=datetime.now(UTC).isoformat(timespec="seconds"),
        hearing={language: round(seconds, 4) for language, seconds in hearing.items()},
        speaking={language: round(seconds, 4) for language, seconds in speaking.items()},
        voice_threads={language: voice.threads for language, voice in voices.items()},
        variants=variants,
        quantisation=chosen,
    )


def tidy(store: ModelStore, chosen: str) -> None:
    """Delete the variants that were only tried."""
    for kind in KINDS:
        if kind != chosen and RUNTIME is not None:
            store.forget(derived(MODEL, kind))
