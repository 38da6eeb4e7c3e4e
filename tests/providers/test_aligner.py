"""Times that are looked for in the sound itself, against those of a voice that knows them."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Sequence

import numpy as np
import pytest
import soxr

from agent.media.visemes import ID, visemes
from agent.protocol.messages import RATE
from agent.providers.align.aligner import Aligner, EnglishAligner, Read
from agent.providers.align.arpabet import phonemes, spelled
from agent.providers.align.sphinx import NotAligned
from agent.providers.timing import Timing
from agent.providers.tts.hibari import EnglishPhonemes, HibariVoice
from agent.providers.tts.local import timing_of
from agent.providers.tts.speech import SAMPLE_RATE, Pcm

pytest.importorskip("pocketsphinx")

SENTENCES = (
    "Mount Everest is the highest mountain above sea level, and many people have climbed it.",
    "Please bring me a cup of tea and the paper from the table.",
    "The museum opens at nine in the morning. My brother works there.",
)


@pytest.fixture(scope="module")
def with_phonemes(english_phonemes: EnglishPhonemes) -> EnglishAligner:
    return EnglishAligner(english_phonemes.read)


@pytest.fixture(scope="module")
def with_dictionary() -> EnglishAligner:
    return EnglishAligner()


def said(hibari: HibariVoice, text: str) -> tuple[Pcm, Timing]:
    """Sound, and the voice's own times."""
    speech = hibari.speak(text)
    return speech.pcm, timing_of(speech, text, 0, 0.0)[0]


def apart_ms(found: Sequence[float], known: Sequence[float]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.abs(np.asarray(found) - np.asarray(known)) * 1000


@pytest.mark.parametrize("text", SENTENCES)
def test_words_are_where_the_voice_says_them(
    hibari: HibariVoice, with_phonemes: EnglishAligner, with_dictionary: EnglishAligner, text: str
) -> None:
    pcm, known = said(hibari, text)
    for aligner in (with_phonemes, with_dictionary):
        found = aligner.align(text, pcm, SAMPLE_RATE)
        assert found.source == "align"
        assert [word[:2] for word in found.words] == [word[:2] for word in known.words]
        apart = apart_ms([word.start for word in found.words], [word.start for word in known.words])
        assert np.median(apart) < 30, apart
        assert np.mean(apart < 60) > 0.8, apart


@pytest.mark.parametrize("text", SENTENCES)
def test_lips_close_where_the_voice_closes_them(hibari: HibariVoice, with_phonemes: EnglishAligner, text: str) -> None:
    pcm, known = said(hibari, text)
    found = with_phonemes.align(text, pcm, SAMPLE_RATE)
    closed, expected = ([shape.at / RATE for shape in visemes(timing.sounds) if shape.id == ID["PP"]] for timing in (found, known))
    assert len(closed) == len(expected) > 0
    assert apart_ms(closed, expected).mean() < 40
    assert apart_ms(closed, expected).max() < 100


@pytest.mark.parametrize("rate", [16_000, 22_050, 48_000])
def test_sound_at_another_rate_has_the_same_times(hibari: HibariVoice, with_phonemes: EnglishAligner, rate: int) -> None:
    pcm, known = said(hibari, SENTENCES[1])
    other = np.clip(soxr.resample(pcm.astype(np.float32), SAMPLE_RATE, rate), -32768, 32767).astype(np.int16)
    found = with_phonemes.align(SENTENCES[1], other, rate)
    apart = apart_ms([word.start for word in found.words], [word.start for word in known.words])
    assert np.median(apart) < 30, apart
    assert np.mean(apart < 60) > 0.8, apart


@pytest.mark.parametrize(
    ("text", "sound"),
    [
        ("A text that has nothing to do with it, whatever it may be about.", "speech"),
        ("Please bring me a cup of tea.", "silence"),
        ("Please bring me a cup of tea.", "noise"),
        ("Please bring me a cup of tea.", "nothing"),
        (" ".join(SENTENCES), "speech"),
        ("…", "speech"),
    ],
)
def test_what_does_not_fit_is_refused_and_the_next_is_found(
    hibari: HibariVoice, with_phonemes: EnglishAligner, text: str, sound: str
) -> None:
    pcm, _ = said(hibari, SENTENCES[0])
    noise = (np.random.default_rng(0).normal(size=len(pcm)) * 3_000).astype(np.int16)
    sounds = {"speech": pcm, "silence": np.zeros_like(pcm), "noise": noise, "nothing": pcm[:0]}
    with pytest.raises(NotAligned):
        with_phonemes.align(text, sounds[sound], SAMPLE_RATE)
    assert with_phonemes.align(SENTENCES[0], pcm, SAMPLE_RATE).words


def test_a_word_that_the_dictionary_does_not_have_is_said_by_the_phonemes_or_not_at_all(
    hibari: HibariVoice, with_phonemes: EnglishAligner, with_dictionary: EnglishAligner
) -> None:
    text = "My name is Zorblattine, and I like it here."
    pcm, _ = said(hibari, text)
    assert len(with_phonemes.align(text, pcm, SAMPLE_RATE).words) == 9
    with pytest.raises(NotAligned, match="Zorblattine"):
        with_dictionary.align(text, pcm, SAMPLE_RATE)


async def test_an_aligner_that_takes_too_long_is_given_up(hibari: HibariVoice) -> None:
    pcm, _ = said(hibari, SENTENCES[0])

    goes_on = threading.Event()

    def slow(text: str) -> list[object]:
        assert goes_on.wait(20)
        return []

    read: Read = slow  # type: ignore[assignment]
    aligner = Aligner(lambda: read, budget_seconds=0.05)
    assert await asyncio.wait_for(aligner.align(SENTENCES[0], pcm, SAMPLE_RATE), 10) is None
    goes_on.set()
    await aligner.aclose()
    assert await aligner.align(SENTENCES[0], pcm, SAMPLE_RATE) is None


async def test_many_pieces_at_once_are_bounded_and_the_event_loop_goes_on(hibari: HibariVoice, english_phonemes: EnglishPhonemes) -> None:
    pcm, _ = said(hibari, SENTENCES[1])
    english_phonemes.read("load")
    aligner = Aligner(lambda: english_phonemes.read, budget_seconds=20)
    await aligner.align(SENTENCES[1], pcm, SAMPLE_RATE)
    pieces = [asyncio.ensure_future(aligner.align(SENTENCES[1], pcm, SAMPLE_RATE, key=number // 2)) for number in range(40)]
    ticks = 0
    while not all(piece.done() for piece in pieces):
        await asyncio.sleep(0.005)
        ticks += 1
    found = [piece.result() for piece in pieces]
    assert 16 <= sum(timing is not None for timing in found) <= 17
    assert ticks > 50
    await aligner.aclose()


async def test_chinese_and_endless_sound_are_not_looked_at() -> None:
    def never() -> Read | None:
        raise AssertionError

    aligner = Aligner(never)
    assert await aligner.align("你好，世界。", np.ones(24_000, np.int16), SAMPLE_RATE) is None
    assert await aligner.align("Hello.", np.ones(24_000 * 31, np.int16), SAMPLE_RATE) is None


async def test_without_the_package_nothing_is_found_and_nothing_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pocketsphinx", None)
    aligner = Aligner()
    for _ in range(2):
        assert await aligner.align("Hello.", np.ones(24_000, np.int16), SAMPLE_RATE) is None
    await aligner.aclose()


def test_the_two_alphabets_agree() -> None:
    assert [phoneme.arpabet for phoneme in phonemes("həlˈO wˈɜɹld")] == ["HH", "AH", "L", "OW", "W", "ER", "R", "L", "D"]
    assert spelled(["K", "AH", "T"]) == "kʌt"
    assert spelled(["AH", "B", "AW", "T"]) == "əbWt"
    for arpabet in ("AA", "ER", "EY", "HH", "NG", "UW", "ZH"):
        assert [phoneme.arpabet for phoneme in phonemes(spelled([arpabet]))] == [arpabet]
