"""Where the sounds of a voice begin by its own times, against a forced alignment of the same sound.

The acoustic model is English. Mandarin is laid over its sound by the English sounds that are nearest (cross-language forced alignment: DiCanio et al. 2013), so how
far off the alignment itself is has to be known: where a vowel ends before a voiceless consonant, what is below 900 Hz falls off, and that can be seen without a model.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import soxr

from agent.protocol.messages import Language
from agent.providers.align.arpabet import phonemes
from agent.providers.align.sphinx import SAMPLE_RATE, NotAligned, Sphinx
from agent.providers.tts.speech import Phone, Speech
from bench.report import Row

GOALS_MS: Final[dict[Language, float]] = {"en": 20.0, "zh": 25.0}
BEGINS: Final = "a sound begins, from a forced alignment"
FAR_MS: Final = 50.0
LOW_RATE: Final = 1_800
EDGE_SECONDS: Final = 0.08
"""An edge is looked for so far around."""
EDGE_DB: Final = 12.0
"""What falls by less within 20 ms is no edge."""
VOICELESS: Final = frozenset(["P", "T", "K", "CH", "F", "HH", "S", "SH", "TH"])
VOICED: Final = frozenset(["AA", "AE", "AH", "AO", "AW", "AY", "EH", "ER", "EY", "IH", "IY", "OW", "OY", "UH", "UW"])
NEAREST: Final = {
    "p": "B", "pʰ": "P", "t": "D", "tʰ": "T", "k": "G", "kʰ": "K", "ʨ": "JH", "ʨʰ": "CH", "ꭧ": "JH", "ꭧʰ": "CH", "ʦ": "Z", "ʦʰ": "S",
    "ɕ": "SH", "ʂ": "SH", "ɻ": "R", "ɤ": "AH", "ɨ": "ER", "y": "IY", "ɥ": "W", "o": "AO",
}  # fmt: skip
"""English sounds for those of Mandarin that English does not have, or hears otherwise."""

Signal = npt.NDArray[np.float64]


class Begin(NamedTuple):
    """A sound of ARPAbet, and when the voice says that it begins, in seconds."""

    arpabet: str
    start: float


@dataclass
class Boundaries:
    """Of one language."""

    language: Language
    apart: list[float] = field(default_factory=list)
    """Seconds from a sound's beginning by alignment to that by the voice."""
    edges: list[tuple[float, float]] = field(default_factory=list)
    """Seconds from where voicing ends to the alignment and to the voice."""
    sentences: int = 0
    failed: int = 0
    seconds: float = 0.0
    work_seconds: float = 0.0

    def __post_init__(self) -> None:
        self._sphinx = Sphinx() if self.language == "en" else Sphinx(worst=-np.inf)

    def add(self, speech: Speech) -> None:
        """Align a sentence."""
        words = list(by_word(speech, self.language))
        sound = np.clip(soxr.resample(speech.pcm.astype(np.float32), speech.sample_rate, SAMPLE_RATE), -32768, 32767)
        begun = time.process_time()
        self.sentences += 1
        try:
            heard = self._sphinx.align(sound.astype(np.int16), [[begin.arpabet for begin in word] for word in words])
        except NotAligned:
            self.failed += 1
            return
        finally:
            self.seconds += speech.seconds
            self.work_seconds += time.process_time() - begun
        pairs = [(begin, found.start) for word, sounds in zip(words, heard, strict=True) for begin, found in zip(word, sounds, strict=True)]
        self.apart += [begin.start - found for begin, found in pairs]
        low = _low(speech)
        for (before, _), (begin, found) in pairwise(pairs):
            if before.arpabet in VOICED and begin.arpabet in VOICELESS and (edge := fall(low, (begin.start + found) / 2)) is not None:
                self.edges.append((found - edge, begin.start - edge))

    def rows(self, name: str) -> list[Row]:
        """For the table."""
        apart = 1000 * np.abs(self.apart)
        aligned, voice = 1000 * np.median(np.abs(self.edges), axis=0)
        middle, most = np.percentile(apart, [50, 95])
        return [
            Row(
                f"{name}: {BEGINS}",
                float(apart.mean()),
                "ms",
                GOALS_MS[self.language],
                f"{len(apart)} sounds of {self.sentences - self.failed} sentences; median {middle:.0f}, p95 {most:.0f}",
            ),
            Row(f"{name}: further than {FAR_MS:.0f} ms from it", float(100 * np.mean(apart > FAR_MS)), "%"),
            Row(f"{name}: sentences that could not be aligned", self.failed, "", None, f"of {self.sentences}"),
            Row(
                f"{name}: the alignment itself, from where voicing ends",
                float(aligned),
                "ms",
                None,
                f"median of {len(self.edges)}; the voice's own times {voice:.0f}",
            ),
            Row(f"{name}: aligning", 100 * self.work_seconds / self.seconds, "% of a core", None, "of the time that is spoken"),
        ]


def by_word(speech: Speech, language: Language) -> Iterator[list[Begin]]:
    """The sounds of each word; those outside of words are not said. A mark of stress before a sound belongs to it."""
    phones = list(speech.phones)
    for word in speech.words:
        sounds: list[Begin] = []
        stressed: int | None = None
        for place, phone in enumerate(phones):
            if not word.start_sample <= phone.start_sample < word.end_sample:
                continue
            if phone.symbol in "ˈˌ":
                stressed = phone.start_sample
            elif arpabet := _arpabet(phones, place, language):
                sounds.append(Begin(arpabet, (phone.start_sample if stressed is None else stressed) / speech.sample_rate))
                stressed = None
        if sounds:
            yield sounds


def _arpabet(phones: list[Phone], place: int, language: Language) -> str | None:
    symbol = phones[place].symbol
    if language == "zh":
        aspirated = symbol + "ʰ" if place + 1 < len(phones) and phones[place + 1].symbol == "ʰ" else symbol
        if aspirated in NEAREST:
            return NEAREST[aspirated]
    known = phonemes(symbol)
    return known[0].arpabet if known else None


def _low(speech: Speech) -> Signal:
    """The level of what is below 900 Hz, in dB, at `LOW_RATE`, of 10 ms about each sample."""
    low = soxr.resample(speech.pcm.astype(np.float64) / 32768, speech.sample_rate, LOW_RATE)
    window = LOW_RATE // 100
    power: Signal = np.convolve(low * low, np.ones(window) / window, "same")
    return 10 * np.log10(power + 1e-7)


def fall(low: Signal, about: float) -> float | None:
    """The second at which the level falls most steeply, near `about`; None where it does not."""
    step = LOW_RATE // 100
    first, last = max(step, round((about - EDGE_SECONDS) * LOW_RATE)), min(len(low) - step, round((about + EDGE_SECONDS) * LOW_RATE))
    if last <= first:
        return None
    places = np.arange(first, last)
    falls = low[places - step] - low[places + step]
    steepest = int(np.argmax(falls))
    return float(places[steepest] / LOW_RATE) if falls[steepest] >= EDGE_DB else None
