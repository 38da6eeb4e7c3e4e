"""The Chinese voice: Kokoro-82M on onnxruntime, with phonemes from misaki's Chinese front end.

Short English words inside Chinese text are said by the same voice: its phoneme alphabet is also Hibari's, whose dictionary gives their sounds.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from agent.models.errors import ModelCorrupt, ModelMissing
from agent.providers.local import chinese_words
from agent.providers.local.kokoro_model import SAMPLES_PER_FRAME
from agent.providers.local.lane import Cancel
from agent.providers.local.onnx import open_session
from agent.providers.tts.hibari import phoneme_ids
from agent.providers.tts.speech import LATE, Reading, Speech, earlier, finish, joined, silence, spread, tidy

DEFAULT_VOICE: Final = "zf_xiaoxiao"
MAX_CHARACTERS: Final = 72
"""Of one sentence: about 360 phonemes; the model takes 510."""
_MAX_PHONEMES: Final = 508
_STYLE: Final = 256
_LATIN: Final = re.compile(r"[^\W\d_\u3400-\u4dbf\u4e00-\u9fff]+(?:[ \d'’.&+-]*[^\W_\u3400-\u4dbf\u4e00-\u9fff])*")
_THOUSANDS: Final = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_LONG_NUMBER: Final = re.compile(r"(?<![\d.])\d{7,}(?![\d.]|万|亿|元|块|人|个|年|米|公里)")
"""A telephone number or the like, said digit by digit."""
_HAN: Final = re.compile("[\u4e00-\u9fff]")
_RUNS: Final = re.compile("[\u4e00-\u9fff]+|[^\u4e00-\u9fff]+")
_NON_SYLLABIC: Final = "\u032f"
"""Below a vowel; the model's alphabet does without it."""
_SYLLABLES: Final = 2_000
"""There are some 1,300 with their tones."""
_DIGITS: Final = "零一二三四五六七八九"
_SIGNS: Final = {"%": "百分号", "+": "加", "=": "等于", "&": "和", "°": "度", "$": "美元", "€": "欧元", "£": "英镑", "¥": "元"}


class KokoroVoice:
    """Says Chinese. Not thread-safe: use it in one lane.

    `model` is the prepared graph, `voices` the folder of style files (each float32, a style of 256 for each number of phonemes), `english` gives
    phonemes for English words, and `cache` is a private folder for the word segmenter's dictionary. Raises `ModelMissing`, `ModelCorrupt`.
    """

    name = "kokoro"
    max_characters = MAX_CHARACTERS

    def __init__(self, model: Path, voices: Path, *, english: Callable[[str], str], cache: Path, threads: int = 2) -> None:
        with ThreadPoolExecutor(1) as loader:  # the dictionaries are read by Python, the graph without its lock
            session = loader.submit(open_session, model, threads=threads)
            self._front_end: Final = _FrontEnd(cache)
            self._session: Final = session.result()
        self._english: Final = english
        self._ids: Final = phoneme_ids()
        self._folder: Final = voices
        self._styles: Final[dict[str, npt.NDArray[np.float32]]] = {}
        outputs = {item.name for item in self._session.get_outputs()}
        if outputs != {"audio", "duration", "first_frame"}:
            raise ModelCorrupt(
                f"{model} is not the prepared Kokoro graph: it gives {sorted(outputs)}; make it again from the published model"
            )
        self.style(DEFAULT_VOICE)

    @property
    def voices(self) -> list[str]:
        """The names that `speak` takes."""
        return sorted(file.stem for file in self._folder.glob("*.bin"))

    def style(self, voice: str) -> npt.NDArray[np.float32]:
        """The styles of a voice, (510, 1, 256). Raises `ModelMissing` with the names that there are, `ModelCorrupt`."""
        if voice not in self._styles:
            if voice not in self.voices:
                raise ModelMissing(f"there is no Chinese voice {voice!r}; there are {', '.join(self.voices) or 'none'} in {self._folder}")
            values = np.fromfile(self._folder / f"{voice}.bin", np.float32)
            if values.size != (_MAX_PHONEMES + 2) * _STYLE:
                raise ModelCorrupt(f"{self._folder / voice}.bin has {values.size} numbers, expected {(_MAX_PHONEMES + 2) * _STYLE}")
            self._styles[voice] = values.reshape(-1, 1, _STYLE)
        return self._styles[voice]

    def phonemes(self, text: str) -> str:
        """Phonemes in the model's alphabet; empty when there is nothing to say."""
        return joined(self._read(text))

    def _read(self, text: str) -> list[Reading]:
        readings: list[Reading] = []
        done = 0
        for word in _LATIN.finditer(text):
            readings += self._chinese(text[done : word.start()])
            readings.append(Reading(word.group(), f" {self._english(word.group())} "))
            done = word.end()
        return tidy([*readings, *self._chinese(text[done:])], self._ids)

    def speak(self, text: str, cancel: Cancel | None = None, *, voice: str | None = None) -> Speech:
        """Say one sentence of at most `MAX_CHARACTERS`."""
        readings = self._read(text)
        phonemes = joined(readings)[:_MAX_PHONEMES]
        if not phonemes.strip(' .,;:!?—…"“”()'):
            return silence(0.05)
        if cancel is not None:
            cancel.check()
        ids = [0, *(self._ids[symbol] for symbol in phonemes), 0]
        audio, durations, first_frame = self._session.run(
            ["audio", "duration", "first_frame"],
            {
                "tokens": np.asarray([ids], np.int64),
                "style": self.style(voice or DEFAULT_VOICE)[len(ids) - 2],
                "speed": np.ones(1, np.float32),
            },
        )
        before = int(first_frame[0]) * SAMPLES_PER_FRAME  # silence that was not computed
        phones = spread([" ", *phonemes, " "], durations.ravel(), int(durations.sum()) * SAMPLES_PER_FRAME)
        return finish(audio.ravel(), earlier(phones, before + LATE), text, readings)

    def warm(self) -> None:
        """Say something short and something longer, so that the first real sentence does not pay for first use."""
        self.speak("好的，")
        self.speak("今天天气很好，OK，我们出去走走吧。")

    def _chinese(self, text: str) -> list[Reading]:
        for sign, word in _SIGNS.items():
            if sign != "%":  # percentages are read with their number
                text = text.replace(sign, word)
        return self._front_end.read(_numbers(text))


class _FrontEnd:
    """misaki's way from Chinese characters to phonemes, a character at a time, so that it is known which phonemes are whose."""

    def __init__(self, cache: Path) -> None:
        import pypinyin
        from misaki import zh

        chinese_words.load(cache)
        self._marks: Callable[[str], str] = zh.ZHG2P.map_punctuation
        self._pinyin: Any = partial(pypinyin.lazy_pinyin, style=pypinyin.Style.TONE3, neutral_tone_with_five=True)
        self._sound: Callable[[str], str] = lru_cache(_SYLLABLES)(zh.ZHG2P.py2ipa)

    def read(self, text: str) -> list[Reading]:
        """The characters of `text`, each with its phonemes; words are a space apart."""
        readings: list[Reading] = []
        for run in _RUNS.findall(self._marks(text)):
            if not _HAN.match(run):
                readings.append(Reading("", run))
                continue
            for number, word in enumerate(chinese_words.words(run) or [run]):
                if number:
                    readings.append(Reading("", " "))
                syllables = self._pinyin(word)
                if len(syllables) != len(word):
                    readings.append(Reading(word, "".join(map(self._sound, syllables)).replace(_NON_SYLLABIC, "")))
                    continue
                readings += (
                    Reading(written, self._sound(syllable).replace(_NON_SYLLABIC, ""))
                    for written, syllable in zip(word, syllables, strict=True)
                )
        return readings


def _numbers(text: str) -> str:
    """Numbers as Chinese words; what the converter cannot read is said digit by digit."""
    import cn2an

    text = _THOUSANDS.sub("", text)
    text = _LONG_NUMBER.sub(lambda number: _digits(number.group()), text)
    with suppress(ValueError):
        text = cn2an.transform(text, "an2cn")
    text = text.replace("%", _SIGNS["%"])
    return _digits(text)


def _digits(text: str) -> str:
    return re.sub(r"\d", lambda digit: _DIGITS[int(digit.group())], text)
