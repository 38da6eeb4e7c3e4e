"""The engines that the configuration names: fetched, loaded and warmed once a process, handed to conversations as cheap wrappers."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal, TypeVar

import numpy as np
import numpy.typing as npt
from livekit.agents import llm

from agent import measure
from agent.aio import Tasks, keep_memory_out_of_collections, without_collections
from agent.config import Config, ConfigError, Persona, ProviderSpec
from agent.conversation.parts import Parts
from agent.dialogue.faq import SHIPPED, Faq
from agent.dialogue.faq_talk import FaqTalk
from agent.dialogue.persona import chat_prefix
from agent.models import measured as measured_file
from agent.models.measured import Measured, Variant
from agent.models.progress import FetchProgress, Observer
from agent.models.runtimes import RUNTIME
from agent.models.store import ModelStore
from agent.protocol.messages import Language
from agent.providers.align.aligner import Aligner
from agent.providers.asr.engines import SpeechEngines
from agent.providers.asr.local import LocalSTT
from agent.providers.llm import local_model
from agent.providers.llm.child import ProcessFailed, Unanswered
from agent.providers.llm.embeddings import QuestionIndex
from agent.providers.llm.faq import FaqLLM
from agent.providers.llm.llama import LlamaProcess
from agent.providers.llm.llama_session import LlamaLLM
from agent.providers.llm.named import described
from agent.providers.llm.process import LanguageModelProcess
from agent.providers.llm.requantise import PUBLISHED
from agent.providers.local import chinese_words
from agent.providers.local.baton import Baton, Claim
from agent.providers.local.kokoro_model import PREPARED
from agent.providers.local.lane import Lane
from agent.providers.registry import Kind, Registry
from agent.providers.tts import hibari, kokoro
from agent.providers.tts.local import LocalTTS
from agent.providers.tts.voices import VoiceLane
from agent.providers.turn.smart_turn import MODEL as TURN_MODEL
from agent.providers.turn.smart_turn import TurnEngine, TurnModel
from agent.providers.vad.silero import SileroModel, SileroNetwork, SileroVAD

logger = logging.getLogger("visavis.engines")

Engine = TypeVar("Engine")

CHINESE_VOICE_THREADS: Final = 2
ALWAYS: Final = 2
"""Conversations that are held on every machine: side by side they degrade evenly."""
LIGHT_CAPACITY: Final = 8
"""Conversations of a process whose engines are elsewhere, or faster than anybody talks."""
BOTH: Final[tuple[Language, ...]] = ("en", "zh")
MODELS: Final[Mapping[tuple[Kind, str], Mapping[Language, tuple[str, ...]]]] = {
    ("vad", "local.silero"): {"en": ("silero-vad",), "zh": ("silero-vad",)},
    ("stt", "local.auto"): {"en": ("moonshine-tiny-en",), "zh": ("whisper-base",)},
    ("stt", "local.moonshine"): {"en": ("moonshine-tiny-en",)},
    ("stt", "local.whisper"): {"en": ("whisper-base",), "zh": ("whisper-base",)},
    ("tts", "local.auto"): {"zh": ("kokoro-82m", "kokoro-voices-zh")},
    ("tts", "local.hibari"): {},
    ("tts", "local.kokoro"): {"zh": ("kokoro-82m", "kokoro-voices-zh")},
    ("llm", local_model.USE): {"en": (local_model.MODEL,), "zh": (local_model.MODEL,)},
    ("llm", "local.faq"): {},
}
"""Model files that a local provider needs for each language."""
RECOGNISED: Final[Mapping[str, tuple[Language, ...]]] = {"local.moonshine": ("en",), "local.whisper": ("zh",)}
VOICES: Final[Mapping[str, tuple[Language, ...]]] = {"local.hibari": ("en",), "local.kokoro": ("zh",)}
"""What a voice speaks, where it is not what the personas speak."""


class SileroDetector:
    """Silero as the ear asks for it."""

    def __init__(self, model: SileroModel) -> None:
        self._network = SileroNetwork(model)

    def probability(self, window: npt.NDArray[np.float32]) -> float:
        self._network.window[:] = window
        return self._network.probability()

    def glimpse(self, recent: npt.NDArray[np.float32]) -> float:
        self._network.recent[:] = recent
        return self._network.glimpse()

    def reset(self) -> None:
        self._network.reset()


class ConfiguredEngines:
    """Implements `parts.Engines`. `models`: auto, lite (a list of answers in place of the local language model) or full. `begun`: the local language model's
    process, if it was begun already. Raises `ConfigError` for what cannot be provided."""

    def __init__(self, config: Config, models: str = "auto", store: ModelStore | None = None, *, begun: LlamaProcess | None = None) -> None:
        self._config = config
        self._store = store or ModelStore(overrides=config.models)
        self._sessions = itertools.count(1)
        self._silero: SileroModel | None = None
        self._speech: SpeechEngines | None = None
        self._voices: dict[Language, VoiceLane] = {}
        self._begun = begun
        self._model: LlamaProcess | LanguageModelProcess | None = None
        self._new_llm: Callable[[], llm.LLM[Any]] | None = None
        self._missing: tuple[str, ...] = ("the models are being looked for",)
        self._questions: dict[Path, QuestionIndex] = {}
        self._reading: FetchProgress | None = None
        self._turns: TurnEngine | None = None
        self._phonemes = hibari.EnglishPhonemes()
        self._aligner = Aligner(lambda: self._phonemes.read if "en" in self._voices else None)
        self._baton = Baton()
        self._measured = measured_file.read(self._store.root)
        self._tasks = Tasks("engines")
        self._registry = Registry(
            {
                ("vad", "local.silero"): self._silero_detector,
                ("vad", "local.silero.events"): lambda: SileroVAD(_need(self._silero)),
                ("stt", "local.auto"): lambda: self._stt("auto"),
                ("stt", "local.moonshine"): lambda: self._stt("en"),
                ("stt", "local.whisper"): lambda: self._stt("zh"),
                ("llm", local_model.USE): lambda: _need(self._new_llm)(),
                ("llm", "local.faq"): self._faq,
                ("tts", "local.auto"): lambda **args: self._tts("auto", **args),
                ("tts", "local.hibari"): lambda **args: self._tts("en", **args),
                ("tts", "local.kokoro"): lambda **args: self._tts("zh", **args),
            }
        )
        kinds: tuple[Kind, ...] = ("vad", "stt", "llm", "tts")
        self._specs: dict[Kind, list[ProviderSpec]] = {kind: getattr(config.providers, kind) for kind in kinds}
        self._specs["llm"] = self._answering(models, self._specs["llm"])
        for kind in kinds:
            self._registry.check(kind, self._specs[kind])
        self._local = {(kind, spec.use) for kind, specs in self._specs.items() for spec in specs if spec.use.startswith("local.")}
        self._faqs = {path: Faq.read(path) for path in (_file(spec) for spec in self._specs["llm"] if spec.use == "local.faq")}

    def _answering(self, models: str, specs: list[ProviderSpec]) -> list[ProviderSpec]:
        """What answers: as configured, but for the local language model where the set of models holds none."""
        if local_model.chosen(models, specs, self._store) == "full" or not any(spec.use == local_model.USE for spec in specs):
            return specs
        logger.info("answers come from a small list in place of the local language model")
        return [ProviderSpec(use="local.faq") if spec.use == local_model.USE else spec for spec in specs]

    # ------------------------------------------------------------------------------------------------------- readiness

    @property
    def ready(self) -> bool:
        return not self._missing

    def missing(self) -> list[str]:
        return list(self._missing)

    @property
    def progress(self) -> dict[str, Any] | None:
        """The fetch, as `/api/info` tells it; None when nothing is being fetched."""
        reading = self._reading
        if self.ready:
            return None
        if reading is None or reading.phase in ("done", "checking"):
            return {"phase": "loading", "done_bytes": 0, "total_bytes": 0, "eta_s": None}
        return {"phase": reading.phase, "done_bytes": reading.done_bytes, "total_bytes": reading.total_bytes, "eta_s": reading.eta_s}

    @property
    def languages(self) -> tuple[Language, ...]:
        """What the personas speak."""
        chosen = {persona.language for persona in self._config.personas.values()}
        return BOTH if "auto" in chosen or len(chosen) > 1 else tuple(sorted(chosen))  # type: ignore[arg-type]

    @property
    def answers(self) -> Literal["language model", "faq"]:
        """Where answers come from first, as `/api/info` tells it."""
        return "faq" if self._specs["llm"][0].use == "local.faq" else "language model"

    @property
    def answering(self) -> str:
        """The same in words for the console."""
        return described(self._specs["llm"][0])

    async def prepare(self, observer: Observer = lambda reading: None) -> None:
        """Fetch what is missing, load and warm everything. Raises `ModelError`."""
        names = sorted({name for provider in self._local for language in self.languages for name in MODELS[provider].get(language, ())})
        if ("llm", local_model.USE) in self._local and RUNTIME is not None:
            names.append(RUNTIME.name)
        if self._uses("stt"):
            names.append(TURN_MODEL)

        def observe(reading: FetchProgress) -> None:
            self._reading = reading
            observer(reading)

        self._missing = ("the models are being fetched",)
        await self._store.ensure_async(names, observe)
        self._missing = ("the models are being loaded",)
        with without_collections():
            await asyncio.gather(
                self._load_silero(),
                self._load_speech(),
                self._load_turns(),
                self._load_voices(),
                self._load_model(),
                self._load_questions(),
                self._load_words(),
            )
        await self._measure_once()
        self._missing = ()
        logger.info("who answers: %s", self.answering)
        keep_memory_out_of_collections()
        self._tasks.start(self._read_ahead(self.languages[1:]), "read the other personas ahead")

    def _uses(self, kind: Kind) -> bool:
        return any(known == kind for known, _ in self._local)

    async def _load_silero(self) -> None:
        if self._uses("vad"):
            self._silero = await asyncio.to_thread(SileroModel, self._store.path("silero-vad"))

    async def _load_speech(self) -> None:
        if self._uses("stt"):
            self._speech = SpeechEngines(self._store.path, baton=self._baton)
            names = {name for kind, name in self._local if kind == "stt"}
            await self._speech.load({language for name in names for language in RECOGNISED.get(name, self.languages)})

    async def _load_turns(self) -> None:
        if self._uses("stt"):
            self._turns = TurnEngine(self._store.path, baton=self._baton)
            await self._turns.load()

    async def _load_voices(self) -> None:
        names = {name for kind, name in self._local if kind == "tts"}
        for language in sorted({language for name in names for language in VOICES.get(name, self.languages)}):
            voice = self._english_voice() if language == "en" else await self._chinese_voice()
            self._voices[language] = voice
            await voice.warm()

    def _english_voice(self) -> VoiceLane:
        return VoiceLane(
            "en",
            lambda: hibari.HibariVoice(self._phonemes),
            lane=Lane("English voice", baton=self._baton, claim=Claim.UNLESS_CROWDED),
            max_characters=hibari.MAX_CHARACTERS,
        )

    async def _chinese_voice(self) -> VoiceLane:
        graph = await self._store.derive_async(PREPARED)
        voices = self._store.path("kokoro-voices-zh")
        cache = self._store.root / "jieba"

        def load() -> kokoro.KokoroVoice:
            return kokoro.KokoroVoice(graph, voices, english=self._phonemes, cache=cache, threads=CHINESE_VOICE_THREADS)

        return VoiceLane(
            "zh",
            load,
            lane=Lane("Chinese voice", baton=self._baton, claim=Claim.UNLESS_CROWDED),
            max_characters=kokoro.MAX_CHARACTERS,
            threads=CHINESE_VOICE_THREADS,
        )

    async def _load_model(self) -> None:
        if ("llm", "local.qwen") not in self._local:
            return
        self._model = await self._start_tuned() or await self._start_plain()
        await self._read_ahead(self.languages[:1])

    async def _load_questions(self) -> None:
        for path, faq in self._faqs.items():
            index = QuestionIndex(Lane("list of answers"), faq.wordings(self._config.personas["default"].name))
            self._questions[path] = index
            await index.load()

    async def _load_words(self) -> None:
        if "zh" in self.languages:
            await asyncio.to_thread(chinese_words.load, self._store.root / "jieba")

    async def _start_tuned(self) -> LlamaProcess | None:
        """On the build for this processor."""
        tuned = self._begun or await asyncio.to_thread(local_model.tuned, self._store, self._measured)
        if tuned is None:
            return None
        try:
            await tuned.start()
        except ProcessFailed as error:
            await tuned.aclose()
            logger.warning("%s; using the plain library, which is slower", error)
            return None
        self._baton.hold = tuned.hold
        self._new_llm = partial(LlamaLLM, tuned)
        return tuned

    async def _start_plain(self) -> LanguageModelProcess:
        from agent.providers.llm.local import LocalLLM  # its import takes half a second

        plain = LanguageModelProcess(self._store.path(local_model.MODEL), local_model.threads())
        await plain.start()
        self._new_llm = partial(LocalLLM, plain)
        return plain

    async def _read_ahead(self, languages: tuple[Language, ...]) -> None:
        """Let the model read what every conversation in these languages begins with."""
        persona = self._config.personas["default"]
        first = self._specs["llm"][0].use == local_model.USE
        for language in languages:
            beginning = chat_prefix(persona, language, local_model=first)
            try:
                if self._model is not None:
                    await self._model.keep(beginning)
            except Unanswered as error:
                logger.warning("the model could not read the persona ahead (%s); the first answer will take longer", error)

    # ------------------------------------------------------------------------------------------------------- what this machine can do

    @property
    def capacity(self) -> int:
        """Conversations at once that this machine was measured to carry; where nothing heavy runs on it, what a process should hold."""
        if self._measured is None or ("llm", "local.qwen") not in self._local:
            return LIGHT_CAPACITY
        return min(LIGHT_CAPACITY, max(ALWAYS, self._measured.conversations(self.languages)))

    async def _measure_once(self) -> None:
        """On the first start; `visavis models bench` measures more."""
        if self._measured is None and {kind for kind, _ in self._local} >= {"stt", "llm", "tts"}:
            self._missing = ("this machine is being measured, once",)
            try:
                await self.measure()
            except Exception as error:  # whatever it is: a machine that was not measured can still hold conversations
                logger.warning("this machine could not be measured: %s", error)
        if self._measured is not None:
            logger.info("measured on this machine: %d conversations at once", self.capacity)

    async def measure(self, report: measure.Report = lambda step: None, *, full: bool = False) -> Measured:
        """Measure the engines that are loaded, and write it down. `full`: all variants of the language model; it is not usable afterwards.

        Raises `ModelError`.
        """
        report("the recognisers and voices")
        times = measure.THOROUGHLY if full else measure.BRIEFLY
        hearing, speaking = await measure.hearing_and_speaking(self._speech, self._voices, times)
        variants: list[Variant] = []
        if self._model is not None and full:
            await self._model.aclose()
            variants = await measure.variants(self._store, local_model.threads(), report=report)
        elif self._model is not None:
            report("the language model")
            variants = [await measure.speed(self._model, PUBLISHED, local_model.threads(), times)]
        measured = self._measured = measure.record(hearing, self._voices, speaking, variants)
        await asyncio.to_thread(measured_file.write, self._store.root, measured)
        if full:
            await asyncio.to_thread(measure.tidy, self._store, measured.quantisation)
        return measured

    # ------------------------------------------------------------------------------------------------------- conversations

    def build(self, persona: Persona) -> Parts:
        """Fresh wrappers for one conversation."""
        build = self._registry.build
        specs = self._specs
        answering = [
            spec.model_copy(update={"args": {**spec.args, "persona": persona}}) if spec.use == "local.faq" else spec
            for spec in specs["llm"]
        ]
        turn_model = TurnModel(self._turns, f"turn-{next(self._sessions)}") if self._turns is not None else None
        return Parts(
            build("vad", specs["vad"]),
            build("stt", specs["stt"]),
            build("llm", answering),
            self._voice(persona),
            turn_model,
            aligner=self._aligner,
        )

    def _voice(self, persona: Persona) -> Any:
        specs = self._specs["tts"]
        if persona.voice:
            specs = [
                spec.model_copy(update={"args": {"voice": persona.voice, **spec.args}}) if spec.use.startswith("local.") else spec
                for spec in specs
            ]
        return self._registry.build("tts", specs)

    def _faq(self, persona: Persona, file: str = str(SHIPPED)) -> FaqLLM:
        path = Path(file)
        return FaqLLM(_need(self._questions.get(path)), FaqTalk(self._faqs[path], persona))

    def _silero_detector(self) -> SileroDetector:
        return SileroDetector(_need(self._silero))

    def _stt(self, language: Any) -> LocalSTT:
        return LocalSTT(_need(self._speech), f"stt-{next(self._sessions)}", language)

    def _tts(self, choice: Literal["auto", "en", "zh"], **args: Any) -> LocalTTS:
        spoken = self.languages if choice == "auto" else (choice,)
        return LocalTTS(f"local.{choice}", {language: _need(self._voices.get(language)) for language in spoken}, **args)

    async def aclose(self) -> None:
        """Free everything."""
        await self._tasks.aclose()
        lanes = (*(voice.lane for voice in self._voices.values()), *(index.lane for index in self._questions.values()))
        for engine in (self._speech, self._turns, self._model, self._aligner, *lanes):
            if engine is not None:
                await engine.aclose()


def _need(engine: Engine | None) -> Engine:
    if engine is None:
        raise ConfigError("a conversation was begun before the models were ready")
    return engine


def _file(spec: ProviderSpec) -> Path:
    """The list that a `local.faq` answers from. Raises `ConfigError` for arguments that it does not take."""
    if strange := sorted(set(spec.args) - {"file"}):
        raise ConfigError(f"providers.llm: local.faq takes one argument, file; {strange[0]} is none")
    if not isinstance(file := spec.args.get("file", str(SHIPPED)), str):
        raise ConfigError("providers.llm: local.faq: file: expected the path of a YAML file")
    return Path(file)
