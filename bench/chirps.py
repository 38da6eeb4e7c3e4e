"""A voice that marks moments: a chirp in each word, and the times at which it says them. Whoever records what is heard finds the chirps again.

Between the chirps there is noise in syllables, as loud and soft as speech, so that a client can recognise the voice by its loudness.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from livekit.agents import tts
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS, APIConnectOptions

from agent.media.block import Pcm
from agent.providers.timing import Sound, SpokenWord, Timing
from agent.providers.tts.timed import TimedStream

RATE: Final = 48_000
CHIRP_SECONDS: Final = 0.02
_FROM_HZ: Final = 2_500
_TO_HZ: Final = 7_000
SHORTEST_WORD: Final = 0.42
_SPREAD: Final = 0.2
"""Words differ in length by so much, so that no chirp is taken for its neighbour."""
BEFORE: Final = 0.08
"""Of each word, before its chirp."""
VOWELS: Final = "aeiou"
"""As in IPA."""
LIKENESS: Final = 0.5

Signal = npt.NDArray[np.float64]


def chirp() -> Signal:
    """20 ms from 2.5 to 7 kHz; its middle is the moment that it marks."""
    t = np.arange(round(CHIRP_SECONDS * RATE)) / RATE
    sweep = 2 * np.pi * (_FROM_HZ * t + (_TO_HZ - _FROM_HZ) * t**2 / (2 * CHIRP_SECONDS))
    return 0.6 * np.sin(sweep) * np.hanning(len(t))


def found(heard: Signal) -> list[int]:
    """Samples at which the middles of chirps are, by normalised correlation, in order."""
    pattern = chirp()
    size = 1 << (len(heard) + len(pattern)).bit_length()
    product = np.fft.irfft(np.fft.rfft(heard, size) * np.conj(np.fft.rfft(pattern, size)), size)[: len(heard) - len(pattern)]
    energy = np.concatenate([[0.0], np.cumsum(heard**2)])
    power = energy[len(pattern) : len(heard)] - energy[: len(heard) - len(pattern)]
    likeness = product / np.sqrt(np.maximum(power, 1e-6) * np.sum(pattern**2))
    peaks: list[int] = []
    while (at := int(np.argmax(likeness))) >= 0 and likeness[at] > LIKENESS:
        peaks.append(at + len(pattern) // 2)
        likeness[max(0, at - RATE // 5) : at + RATE // 5] = 0
    return sorted(peaks)


class ChirpTTS(tts.TTS[Any]):
    """Every word is a vowel, lips that close at the chirp, and the vowel again; words take turns at `VOWELS`. `shortest`: the seconds of a word, at least."""

    def __init__(self, shortest: float = SHORTEST_WORD) -> None:
        super().__init__(capabilities=tts.TTSCapabilities(streaming=False), sample_rate=RATE, num_channels=1)
        self.shortest = shortest
        self.random = np.random.default_rng(3)
        self.vowels = itertools.cycle(VOWELS)

    def synthesize(self, text: str, *, conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS) -> tts.ChunkedStream:
        return _Chirping(tts=self, input_text=text, conn_options=conn_options)


class _Chirping(TimedStream):
    async def _run(self, output_emitter: tts.AudioEmitter) -> None:
        voice = self._tts
        assert isinstance(voice, ChirpTTS)
        output_emitter.initialize(request_id="chirps", sample_rate=RATE, num_channels=1, mime_type="audio/pcm")
        pcm, timing = say(self._input_text, voice.random, voice.vowels, voice.shortest)
        self._tell(timing)
        output_emitter.push(pcm.tobytes())
        output_emitter.flush()


def say(text: str, random: np.random.Generator, vowels: Iterator[str], shortest: float) -> tuple[Pcm, Timing]:
    """The sound of `text`, and its times."""
    parts: list[Signal] = []
    sounds: list[Sound] = []
    words: list[SpokenWord] = []
    at = 0.0
    for word, vowel in zip(re.finditer(r"\S+", text), vowels, strict=False):
        seconds = shortest + _SPREAD * random.random()
        part = _syllables(round(seconds * RATE), random)
        middle, half = round(BEFORE * RATE), round(CHIRP_SECONDS * RATE) // 2
        part[middle - half : middle + half] = part[middle - half : middle + half] * 0.1 + chirp()
        parts.append(part)
        closed = at + BEFORE
        sounds += [Sound(vowel, at, closed), Sound("m", closed, closed + 0.12), Sound(vowel, closed + 0.12, at + len(part) / RATE)]
        words.append(SpokenWord(word.start(), word.end(), closed, at + len(part) / RATE))
        at += len(part) / RATE
    sound = np.concatenate(parts) if parts else np.zeros(RATE // 20)
    return (sound * 32767).astype(np.int16), Timing(tuple(sounds), tuple(words))


def _syllables(samples: int, random: np.random.Generator) -> Signal:
    """Noise below 2 kHz whose loudness changes every 40 to 90 ms."""
    noise = np.convolve(random.normal(0, 1, samples + 32), np.hanning(32) / 16, mode="valid")[:samples]
    loudness = np.empty(samples)
    done = 0
    while done < samples:
        length = round((0.04 + 0.05 * random.random()) * RATE)
        loudness[done : done + length] = 10 ** (-1.3 - 1.2 * random.random())
        done += length
    return noise * loudness
