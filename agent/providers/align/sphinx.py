"""Forced alignment: pocketsphinx and the English acoustic model in its package, which is optional.

Two passes over the sound: words with optional pauses between them, then the sounds within the words. The library holds the interpreter while it works, so it
is given little at once.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Final, NamedTuple

from agent.providers.tts.speech import Pcm

SAMPLE_RATE: Final = 16_000
_FRAMES_A_SECOND: Final = 100
_AT_ONCE: Final = SAMPLE_RATE // 20
"""Samples for which the interpreter is held, some 1 ms."""
_WORDS_KEPT: Final = 20_000
"""Of a decoder's dictionary, which only grows; then a new one is made, in some 30 ms."""
_BEAMS: Final = (1e-48, 1e-36, 1e-30, 1e-24, 1e-20)
"""How much worse than the best a path may be; where a wide beam is lost, a narrow one sometimes arrives."""
_FAILS: Final = (RuntimeError, ValueError)
"""What the library raises for sound that it cannot follow."""


FITS: Final = -18.0
"""Mean score of a frame, 0 at best, below which the text is another one: 100 sentences over their own sound have −4 … −16, what was found of them over another's
−19 … −67."""


class NotAligned(Exception):
    """Why the words could not be laid over the sound."""


class Heard(NamedTuple):
    """A phoneme of ARPAbet, and the seconds that it takes."""

    arpabet: str
    start: float
    end: float


class Sphinx:
    """It grows used to a voice, and forgets it when it fails. Not thread-safe: use it in one lane. Raises `ImportError` without the package."""

    def __init__(self, worst: float = FITS) -> None:
        """`worst`: the mean score of a frame that is still a fit."""
        from pocketsphinx import Decoder

        self._make: Callable[..., Any] = Decoder
        self._worst = worst
        self._tracks: dict[float, _Track] = {}

    def align(self, pcm: Pcm, words: Sequence[Sequence[str]], check: Callable[[], None] = lambda: None) -> list[list[Heard]]:
        """The phonemes of each word, in `pcm` at 16 kHz. `words`: each at least one phoneme of ARPAbet.

        `check` is called between steps and may raise. Raises `NotAligned`.
        """
        reason = NotAligned("there is nothing to align")
        for beam in _BEAMS:
            track = self._tracks.get(beam)
            if track is None or track.full:
                track = self._tracks[beam] = _Track(
                    self._make(lm=None, dict=None, loglevel="FATAL", frate=_FRAMES_A_SECOND, beam=beam, pbeam=beam, wbeam=beam)
                )
            try:
                heard, score = track.align(pcm, words, check)
            except NotAligned as error:
                reason = error
                continue
            if score < self._worst:
                raise NotAligned(f"the words do not fit the sound: {score:.1f} a frame, expected {self._worst:.1f}")
            return heard
        raise reason


class _Track:
    """A decoder with its beam, and the words that it knows."""

    def __init__(self, decoder: Any) -> None:
        self._decoder = decoder
        self._known: set[str] = set()
        self._unused: str = decoder.get_cmn(False)

    @property
    def full(self) -> bool:
        return len(self._known) > _WORDS_KEPT

    def align(self, pcm: Pcm, words: Sequence[Sequence[str]], check: Callable[[], None]) -> tuple[list[list[Heard]], float]:
        """The phonemes, and the mean score of a frame. Raises `NotAligned`, and what `check` raises."""
        try:
            return self._align(pcm, words, check)
        except _FAILS as error:
            self._decoder.set_cmn(self._unused)
            raise NotAligned(f"the words were not found in the sound: {error}") from None

    def _align(self, pcm: Pcm, words: Sequence[Sequence[str]], check: Callable[[], None]) -> tuple[list[list[Heard]], float]:
        names = [self._name(word) for word in words]
        self._decoder.set_align_text(" ".join(names))
        self._hear(pcm, check)
        self._decoder.set_alignment()
        self._hear(pcm, check)
        found: list[tuple[str, list[Heard]]] = []
        score = frames = 0
        for word in self._decoder.get_alignment().words():
            if word.name not in self._known:
                continue  # a pause
            score, frames = score + word.score, frames + word.duration
            found.append((word.name, [_heard(phone) for phone in word]))  # now, for an entry is gone when the next one is taken
        if [name for name, _ in found] != names:
            raise RuntimeError(f"expected {len(names)} words, found {len(found)}")
        return [heard for _, heard in found], score / max(1, frames)

    def _name(self, phonemes: Sequence[str]) -> str:
        name = "_".join(phonemes).lower()
        if name not in self._known:
            self._decoder.add_word(name, " ".join(phonemes), True)
            self._known.add(name)
        return name

    def _hear(self, pcm: Pcm, check: Callable[[], None]) -> None:
        decoder = self._decoder
        decoder.start_utt()
        try:
            for at in range(0, len(pcm), _AT_ONCE):
                check()
                time.sleep(0)  # lets those who wait for the interpreter have it
                decoder.process_raw(pcm[at : at + _AT_ONCE].tobytes())
        except BaseException:
            with suppress(*_FAILS):
                decoder.end_utt()
            raise
        decoder.end_utt()


def _heard(entry: Any) -> Heard:
    return Heard(entry.name, entry.start / _FRAMES_A_SECOND, (entry.start + entry.duration) / _FRAMES_A_SECOND)
