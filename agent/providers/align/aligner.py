"""Finds the times of a text in its sound, for all conversations of a process, on a thread of its own."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Hashable, Sequence
from typing import Final

import numpy as np
import soxr

from agent.providers.align.arpabet import Phoneme, phonemes
from agent.providers.align.dictionary import Dictionary
from agent.providers.align.sphinx import SAMPLE_RATE, Heard, NotAligned, Sphinx
from agent.providers.local.lane import Cancel, Lane, LaneClosed, LaneFull
from agent.providers.timing import Sound, Timing, placed
from agent.providers.tts.script import language_of
from agent.providers.tts.speech import Pcm, Reading

logger = logging.getLogger("visavis.providers.align")

BUDGET_SECONDS: Final = 1.5
"""Waiting included. What comes later would be about what has been heard."""
LONGEST_SECONDS: Final = 30.0
"""Of sound at once: some 1 s of work."""
WAITING: Final = 16
_SHARE: Final = 4
"""Pieces that may wait, and of one conversation."""

Read = Callable[[str], Sequence[Reading]]
"""English text to its words, each with phonemes in the voices' alphabet, or with none."""


class EnglishAligner:
    """Without a lane, for one thread. `read` gives the phonemes, by default pocketsphinx' own dictionary. Raises `ImportError` without pocketsphinx."""

    def __init__(self, read: Read | None = None) -> None:
        self._sphinx: Final = Sphinx()
        self._read: Final = read or Dictionary()

    def align(self, text: str, pcm: Pcm, rate: int, check: Callable[[], None] = lambda: None) -> Timing:
        """Sounds and words of `text` in `pcm`, mono at `rate`. `check` may raise. Raises `NotAligned`."""
        words = [(reading.text, phonemes(reading.phonemes)) for reading in self._read(text)]
        if silent := [word for word, sounds in words if not sounds and any(map(str.isalnum, word))]:
            raise NotAligned(f"no phonemes are known for {silent[0]!r}")
        words = [(word, sounds) for word, sounds in words if sounds]
        if not words:
            raise NotAligned("there is no word in the text")
        check()
        heard = self._sphinx.align(_at_16_khz(pcm, rate), [[sound.arpabet for sound in sounds] for _, sounds in words], check)
        spans = ((word, found[0].start, found[-1].end) for (word, _), found in zip(words, heard, strict=True))
        return Timing(tuple(_sounds([sounds for _, sounds in words], heard)), tuple(placed(text, spans)[0]), "align")


class Aligner:
    """One a process; nothing is loaded before the first piece. Implements `timing.LaysText`.

    `read`: see `EnglishAligner`; it is asked for when it is first needed.
    """

    def __init__(self, read: Callable[[], Read | None] = lambda: None, *, budget_seconds: float = BUDGET_SECONDS) -> None:
        self._find_read: Final = read
        self._budget: Final = budget_seconds
        self._lane: Final = Lane("alignment", depth=WAITING, share=_SHARE)
        self._english: EnglishAligner | None = None
        self._missing = False

    async def align(self, text: str, pcm: Pcm, rate: int, *, key: Hashable = None) -> Timing | None:
        """The times of `text` in `pcm`, mono at `rate`; None where they cannot be found, or not soon enough. `key` names the conversation."""
        if self._missing or language_of(text) != "en" or len(pcm) > LONGEST_SECONDS * rate:
            return None
        deadline = time.monotonic() + self._budget

        def work(cancel: Cancel) -> Timing:
            def check() -> None:
                cancel.check()
                if time.monotonic() > deadline:
                    raise TimeoutError(f"it took longer than {self._budget:g} s")

            check()
            return self._get().align(text, pcm, rate, check)

        try:
            async with asyncio.timeout(self._budget):
                return await self._lane.run(work, key=key)
        except ImportError:
            self._missing = True
            logger.info("pocketsphinx is not installed: voices that tell no times move the mouth by their loudness")
        except (NotAligned, LaneFull, LaneClosed, TimeoutError) as reason:
            logger.debug("a piece of speech was not aligned: %s", reason or "it took too long")
        return None

    def _get(self) -> EnglishAligner:
        if self._english is None:
            self._english = EnglishAligner(self._find_read())
        return self._english

    async def aclose(self) -> None:
        """Stop what runs, and end the thread."""
        await self._lane.aclose()


def _at_16_khz(pcm: Pcm, rate: int) -> Pcm:
    if rate == SAMPLE_RATE:
        return pcm
    sound: Pcm = np.clip(soxr.resample(pcm.astype(np.float32), rate, SAMPLE_RATE), -32768, 32767).astype(np.int16)
    return sound


def _sounds(words: Sequence[Sequence[Phoneme]], heard: Sequence[Sequence[Heard]]) -> list[Sound]:
    """The sounds in the voices' alphabet, and the pauses between."""
    sounds: list[Sound] = []
    for phonemes_, found in zip(words, heard, strict=True):
        for phoneme, (_, start, end) in zip(phonemes_, found, strict=True):
            if sounds and start > sounds[-1].end:
                sounds.append(Sound(" ", sounds[-1].end, start))
            sounds.append(Sound(phoneme.symbol, start, end))
    return sounds
