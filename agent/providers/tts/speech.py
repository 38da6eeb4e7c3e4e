"""What a voice gives back: samples, and which phoneme sounds when."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

SAMPLE_RATE: Final = 24_000
"""Of every local voice."""

Samples = npt.NDArray[np.float32]
Pcm = npt.NDArray[np.int16]

LATE: Final = round(0.054 * SAMPLE_RATE)
"""By so much the durations inside Kokoro and Hibari come after the sound that they make. Moved by it, vowels are 23 dB (English) and 34 dB (Chinese) louder below
900 Hz than voiceless consonants, and that is the most (`visavis bench visemes`)."""
_PAUSE: Final = round(0.07 * SAMPLE_RATE)
"""A shorter space between words is none: the sounds around it share it. Its middle is 2 ms from where a forced alignment lets the second begin, its end 24 ms."""
_SILENCE: Final = 0.004
"""−48 dB: what is quieter at either end is not part of the speech."""
_LEAD_SECONDS: Final = 0.010
_FADE_SECONDS: Final = 0.005
_KNEE: Final = 0.8
_TAIL_SECONDS: Final = {"clause": 0.12, "sentence": 0.25, "none": 0.06}


class Phone(NamedTuple):
    """A symbol of the voice's phoneme alphabet and the samples that it takes, end exclusive."""

    symbol: str
    start_sample: int
    end_sample: int


class Reading(NamedTuple):
    """A word (of Chinese: a character) as it stands in the text, and the phonemes for it. What stands between words has no text."""

    text: str
    phonemes: str


class Word(NamedTuple):
    """A word of the text and the samples that it takes."""

    text: str
    start_sample: int
    end_sample: int


@dataclass(frozen=True, slots=True, eq=False)
class Speech:
    """A piece of speech: mono int16 `pcm` at `sample_rate`, and its phonemes and words in order, within the sound and without overlap."""

    pcm: Pcm
    sample_rate: int
    phones: tuple[Phone, ...]
    words: tuple[Word, ...] = ()

    @property
    def seconds(self) -> float:
        return len(self.pcm) / self.sample_rate


def finish(audio: Samples, phones: Sequence[Phone], text: str, readings: Sequence[Reading] = ()) -> Speech:
    """Make a model's output into speech to send: silence trimmed, peaks bounded, phonemes moved along.

    `audio` is float32 at 24 kHz, about −1 … 1; `text` is what was said: the pause after it follows its last punctuation mark. The phonemes of `readings`,
    joined, are the symbols of `phones` without the first and the last, which are the model's own.
    """
    start, voiced_end, end = _sounding(audio, _TAIL_SECONDS[_ending(text)])
    kept = _limit(audio[start : min(end, len(audio))])
    fade = min(len(kept), int(_FADE_SECONDS * SAMPLE_RATE))
    ramp = np.linspace(0, 1, fade, dtype=np.float32)
    kept[:fade] *= ramp
    if fade:
        kept[-fade:] *= ramp[::-1]
    pcm = np.zeros(end - start, np.int16)
    pcm[: len(kept)] = (kept * 32767).astype(np.int16)
    # a model gives its last phoneme the silence that follows, too; the mouth is to close when the sound ends
    moved = [
        Phone(p.symbol, _clamp(p.start_sample - start, voiced_end - start), _clamp(p.end_sample - start, voiced_end - start))
        for p in _run_together(phones)
    ]
    words = tuple(_words(readings, moved[1:]))
    return Speech(pcm, SAMPLE_RATE, tuple(phone for phone in moved if phone.end_sample > phone.start_sample), words)


def tidy(readings: Iterable[Reading], alphabet: Collection[str]) -> list[Reading]:
    """Without symbols that are not in the alphabet, spaces before marks and at either end, and spaces in a row."""
    out: list[Reading] = []
    space = said = False
    for text, phonemes in readings:
        kept = ""
        for symbol in phonemes:
            if symbol.isspace():
                space = said
            elif symbol in alphabet:
                kept += f" {symbol}" if space and symbol not in ",.!?;:" else symbol
                space, said = False, True
        out.append(Reading(text, kept))
    return out


def joined(readings: Iterable[Reading]) -> str:
    """All phonemes."""
    return "".join(reading.phonemes for reading in readings)


def _words(readings: Sequence[Reading], phones: Sequence[Phone]) -> Iterator[Word]:
    done = 0
    for text, phonemes in readings:
        sounding = [
            phone for phone in phones[done : done + len(phonemes)] if phone.symbol.isalpha() and phone.end_sample > phone.start_sample
        ]
        done += len(phonemes)
        if text and sounding:
            yield Word(text, sounding[0].start_sample, sounding[-1].end_sample)


def silence(seconds: float) -> Speech:
    """For text without anything to say."""
    return Speech(np.zeros(int(seconds * SAMPLE_RATE), np.int16), SAMPLE_RATE, ())


def spread(symbols: Sequence[str], frames: Sequence[float] | npt.NDArray[np.number], samples: int) -> list[Phone]:
    """Phones from durations in a model's own frames, scaled so that all frames make up `samples`."""
    ends = np.cumsum(np.asarray(frames, np.float64))
    scale = samples / ends[-1] if len(ends) and ends[-1] > 0 else 0.0
    bounds = np.concatenate([[0], np.round(ends * scale)]).astype(int).tolist()
    return [Phone(symbol, start, end) for symbol, start, end in zip(symbols, bounds[:-1], bounds[1:], strict=True)]


def earlier(phones: Iterable[Phone], samples: int) -> list[Phone]:
    """The same phonemes, so many samples earlier."""
    return [Phone(phone.symbol, phone.start_sample - samples, phone.end_sample - samples) for phone in phones]


def _sounding(audio: Samples, tail_seconds: float) -> tuple[int, int, int]:
    """Where speech begins, a little early, where it ends, and where its pause ends, which may be beyond the audio."""
    loud = np.flatnonzero(np.abs(audio) > _SILENCE)
    if not len(loud):
        return 0, 0, 0
    end = int(loud[-1]) + 1
    return max(0, int(loud[0]) - int(_LEAD_SECONDS * SAMPLE_RATE)), end, end + int(tail_seconds * SAMPLE_RATE)


def _limit(audio: Samples) -> Samples:
    """Bend what is louder than the knee towards full scale, so that nothing clips: y = k + (1 − k)·tanh((|x| − k) / (1 − k))."""
    level = np.abs(audio)
    if not len(audio) or level.max() <= _KNEE:
        return audio.copy()
    bent = _KNEE + (1 - _KNEE) * np.tanh((level - _KNEE) / (1 - _KNEE))
    return (np.sign(audio) * np.where(level > _KNEE, bent, level)).astype(np.float32)


def _ending(text: str) -> str:
    last = text.rstrip(" \n\"'”’)）」』》")[-1:]
    if not last:
        return "none"
    if last in ".!?。！？…":
        return "sentence"
    return "clause" if last in ",;:，、；：—" else "none"


def _run_together(phones: Sequence[Phone]) -> list[Phone]:
    """The same phonemes, with no time for the spaces at which nothing pauses."""
    out = list(phones)
    for place in range(1, len(out) - 1):
        (_, start, end), (before, begin, _), (after, _, last) = out[place], out[place - 1], out[place + 1]
        if phones[place].symbol == " " and end - start < _PAUSE:
            middle = (start + end) // 2
            out[place - 1 : place + 2] = [Phone(before, begin, middle), Phone(" ", middle, middle), Phone(after, middle, last)]
    return out


def _clamp(sample: int, length: int) -> int:
    return max(0, min(length, sample))
