"""What was measured of the local models on this machine, which of their variants it runs fastest, and how many conversations that carries.

A file in the model cache, written by `visavis models bench`, and in short by the first start. It counts for the processor and the versions that it names.
"""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Final

import psutil  # type: ignore[import-untyped]
from pydantic import BaseModel, ConfigDict, ValidationError

FILENAME: Final = "measured.json"
VERSION: Final = 3
"""Raise it when figures of before would mislead."""
FASTER: Final = 0.95
"""What the time of a model may be of the one before it, which changes less of the published one: for less gain its answers are not risked. (Prose of 1,000 tokens a
language: Q4_K has the published one's perplexity in English, 1.3 % more in Chinese, and a KL divergence of 0.018 from it; Q4_0 1.9 % more, 0.9 % more, and 0.05.)"""
LEFT_TO_READ: Final = 6
"""Tokens of a question that are read after its end: the others were read while it was spoken."""
FIRST_WORDS: Final = 5
"""Tokens, about."""

LISTENING_SHARE: Final = 0.2
SPEAKING_SHARE: Final = 0.2
"""Of the time that people are connected, the parts in which they and the digital human speak; they also think, read, and do other things. Where all speak all
the time, `limits.sessions` should be half of what this gives."""
PARTIAL_SECONDS: Final = 0.45
"""Between two partial transcripts."""
TOKENS_PER_SECOND: Final = 3.4
"""Of speech, in both languages."""
BUSY: Final = 0.8
"""Of all cores; beyond, answers come noticeably later."""

_FEATURES: Final = (
    *("avx2", "fma", "f16c", "avx512f", "avx512bw", "avx512_bf16", "avx512_vnni", "avx_vnni", "amx_bf16", "amx_int8"),
    *("asimddp", "i8mm", "sve", "dotprod"),
)


class Variant(BaseModel):
    """One way to run the language model. Milliseconds a token, read as the end of a question is; `answer_ms`: until the first words of an answer."""

    model_config = ConfigDict(frozen=True)

    library: str
    quantisation: str
    threads: int
    read_ms: float
    write_ms: float

    @property
    def answer_ms(self) -> float:
        return LEFT_TO_READ * self.read_ms + FIRST_WORDS * self.write_ms


class Measured(BaseModel):
    """Figures of the engines, each by itself."""

    model_config = ConfigDict(frozen=True)

    version: int = VERSION
    processor: str
    features: list[str]
    cores: int
    made: str
    """UTC, ISO 8601."""
    hearing: dict[str, float] = {}
    """By language: seconds to transcribe two seconds of speech, on one core."""
    speaking: dict[str, float] = {}
    """By language: seconds to make one second of speech, on as many cores as `voice_threads` says."""
    voice_threads: dict[str, int] = {}
    variants: list[Variant] = []
    """Of the language model, all that were tried; the first one is the published file."""
    quantisation: str = ""
    """The chosen one; empty without a language model."""

    @property
    def thorough(self) -> bool:
        """Whether variants were compared, not only the published one measured."""
        return len(self.variants) > 1

    @property
    def used(self) -> Variant | None:
        """The variant of the language model that conversations run on; None without a language model."""
        return next((variant for variant in self.variants if variant.quantisation == self.quantisation), None)

    def conversations(self, languages: tuple[str, ...]) -> int:
        """How many can be held at once in the most expensive of these languages, at least one."""
        need = max((self._need(language) for language in languages), default=0.0)
        return max(1, int(BUSY * self.cores / need)) if need > 0 else 1

    def _need(self, language: str) -> float:
        """Cores that one conversation takes on the average."""
        writing = self.used.write_ms / 1000 * self.used.threads if self.used is not None else 0.0
        hearing = self.hearing.get(language, 0.0) / PARTIAL_SECONDS
        voice = self.speaking.get(language, 0.0) * min(self.cores, self.voice_threads.get(language, 1))
        speaking = voice + TOKENS_PER_SECOND * writing
        return LISTENING_SHARE * hearing + SPEAKING_SHARE * speaking


def choose(variants: list[Variant]) -> str:
    """The quantisation to use, of `variants` from the published one to what changes it most: each must be much faster than the one whose place it takes."""
    best, *others = variants
    for variant in others:
        if variant.answer_ms <= FASTER * best.answer_ms:
            best = variant
    return best.quantisation


def processor() -> str:
    """The processor's name."""
    for line in _cpuinfo():
        if line.lower().startswith(("model name", "hardware")):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def features() -> list[str]:
    """What of it matters here."""
    flags = {word for line in _cpuinfo() if line.lower().startswith(("flags", "features")) for word in line.partition(":")[2].split()}
    if not flags and platform.machine() == "arm64":  # Apple's processors, all of them
        flags = {"dotprod"}
    return [name for name in _FEATURES if name in flags]


def cores() -> int:
    return len(psutil.Process().cpu_affinity()) if hasattr(psutil.Process, "cpu_affinity") else os.cpu_count() or 1


def read(root: Path) -> Measured | None:
    """What was measured here; None when nothing was, or on another machine."""
    try:
        measured = Measured.model_validate_json((root / FILENAME).read_bytes())
    except (OSError, ValidationError):
        return None
    same = (measured.version, measured.processor, measured.cores, measured.features) == (VERSION, processor(), cores(), features())
    return measured if same else None


def write(root: Path, measured: Measured) -> None:
    """Replace what was measured before."""
    root.mkdir(parents=True, exist_ok=True)
    part = root / f"{FILENAME}.{os.getpid()}"
    part.write_text(measured.model_dump_json(indent=1))
    part.replace(root / FILENAME)


def _cpuinfo() -> list[str]:
    try:
        return Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return []
