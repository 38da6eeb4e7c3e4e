"""Whether the shapes of the mouth are where their sounds are: the local voices say sentences, and the phonemes' times are laid over the sound, and held against
a forced alignment of it.

Below 900 Hz vowels are loud and voiceless consonants are not. The times are moved to and fro, and where the contrast is greatest they fit; closed lips must lie on
a dip of the loudness.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import soxr

from agent.conversation.face import FaceOf, messages_of
from agent.conversation.script import Script
from agent.dialogue.faq import SHIPPED, Faq
from agent.dialogue.pieces import SpeechPieces
from agent.media.driving import Driving
from agent.media.timeline import Timeline
from agent.media.visemes import ID, LEAD, visemes
from agent.models.store import ModelStore
from agent.protocol.envelope import Envelope
from agent.protocol.messages import RATE, Language
from agent.providers.local.kokoro_model import PREPARED
from agent.providers.tts.hibari import EnglishPhonemes, HibariVoice
from agent.providers.tts.kokoro import KokoroVoice
from agent.providers.tts.local import timing_of
from agent.providers.tts.script import sentences
from agent.providers.tts.speech import Speech
from bench.boundaries import BEGINS, GOALS_MS, Boundaries
from bench.options import Options, Unmeasured
from bench.questions import QUESTIONS
from bench.report import Result, Row

SENTENCES: Final = 115
"""Of a language, so that 100 can be aligned."""
MORE: Final[dict[Language, tuple[str, ...]]] = {
    "en": (),
    "zh": (
        "请把门关上，外面风太大了。",
        "我们明天早上八点在车站见面。",
        "这本书我已经看了三遍，每次都有新的发现。",
        "妈妈做的饭比外面的好吃多了。",
        "他跑步跑得很快，别人都追不上他。",
        "火车票太贵了，我们坐飞机去吧。",
        "北方的冬天很冷，南方的夏天很热。",
        "老师说下个星期要考试，大家都很紧张。",
        "冰箱里没有牛奶了，你回来的时候买一点。",
        "小孩子喜欢在公园里放风筝。",
        "图书馆里很安静，适合学习。",
        "我的手机没电了，能不能借你的用一下？",
        "这家商店的衣服又便宜又好看。",
        "爷爷每天早上都去湖边打太极拳。",
        "路上堵车，所以我迟到了半个小时。",
        "春天来了，花园里的花都开了。",
        "他弹钢琴弹得非常好，从小就开始学。",
        "别着急，慢慢说，我听着呢。",
        "朋友送给我一只白色的小狗。",
        "西边的天空红得像火一样。",
    ),
}
VOWELS: Final = frozenset("aɑæʌɐeɛiɪɔouʊAIOWYəɤy")
VOICELESS: Final = frozenset("ptkfθsʃɕʂxhʨʦꭧʧ")
LOW_RATE: Final = 1_800
SHIFTS_MS: Final = np.arange(-100, 101, 2.5)
SHIFT_GOAL_MS: Final = 10.0
OPEN_HZ: Final = 1_000
"""What is above comes out of open lips only; an `m` hums below."""
DIP_DB: Final = 6.0
AROUND: Final = RATE * 150 // 1000
OPEN_GOAL: Final = 5.0
BYTES_GOAL: Final = 600.0
LANGUAGES: Final[dict[Language, str]] = {"en": "English", "zh": "Chinese"}

Signal = npt.NDArray[np.float64]


@dataclass
class Fit:
    """Of one language."""

    contrast: Signal = field(default_factory=lambda: np.zeros(len(SHIFTS_MS)))
    closed: int = 0
    on_a_dip: int = 0
    seconds: float = 0.0
    bytes: int = 0
    shapes: int = 0
    work_seconds: float = 0.0

    @property
    def shift_ms(self) -> float:
        """By how much the times would have to move to fit best."""
        return float(SHIFTS_MS[int(np.argmax(self.contrast))])


def texts(language: Language) -> list[str]:
    """Sentences to say: the bench's questions, and the answers of the list."""
    answers = [
        answer.replace("{name}", "Vera") for entry in Faq.read(SHIPPED).entries for answer in entry.answers[language] if "{e" not in answer
    ]
    limit = 72 if language == "zh" else 280
    found = [sentence.strip() for text in [*QUESTIONS[language], *answers, *MORE[language]] for sentence in sentences(text, limit=limit)]
    return [sentence for sentence in dict.fromkeys(found) if len(sentence) > 3][:SENTENCES]


def level(sound: Signal, window: int) -> Signal:
    """In dB, about each sample."""
    power: Signal = np.convolve(sound * sound, np.ones(window) / window, "same")
    return 10 * np.log10(power + 1e-7)


def above(sound: Signal, hertz: float) -> Signal:
    """What of it is above a frequency."""
    spectrum = np.fft.rfft(sound)
    spectrum[: round(hertz * len(sound) / RATE)] = 0
    return np.fft.irfft(spectrum, len(sound))


def lay(speech: Speech, fit: Fit) -> None:
    """Lay the phonemes' times, and the closed lips, over the sound."""
    sound = speech.pcm.astype(np.float64) / 32768
    low = level(soxr.resample(sound, speech.sample_rate, LOW_RATE), LOW_RATE // 100)
    labels = np.zeros(len(low))
    for phone in speech.phones:
        begin, end = (at * LOW_RATE // speech.sample_rate for at in (phone.start_sample, phone.end_sample))
        labels[begin:end] = 1 if phone.symbol in VOWELS else -1 if phone.symbol in VOICELESS else 0
    if not (labels == 1).any() or not (labels == -1).any():
        return
    for number, shift in enumerate(SHIFTS_MS):
        moved = np.roll(labels, round(shift * LOW_RATE / 1000))
        fit.contrast[number] += low[moved == 1].mean() - low[moved == -1].mean()
    loud = level(above(soxr.resample(sound, speech.sample_rate, RATE), OPEN_HZ), RATE // 100)
    shapes = visemes(timing_of(speech, "", 0, 0.0)[0].sounds)
    for shape, after in pairwise(shapes):
        if shape.id == ID["PP"]:
            begin, end = shape.at + LEAD, min(after.at + LEAD, len(loud) - 1)
            fit.closed += 1
            quarter = (end - begin) // 4
            inside = loud[begin + quarter : end - quarter + 1].mean()
            fit.on_a_dip += bool(inside <= loud[max(0, begin - AROUND) : end + AROUND].max() - DIP_DB)


def told(text: str, speech: Speech, language: Language, fit: Fit) -> None:
    """What a client is told of the sentence, in bytes, and what it costs to reckon."""
    pieces = SpeechPieces(language)
    piece = next(piece for piece in [*pieces.feed(text), *pieces.flush()] if piece.spoken.strip())
    begun = time.process_time()
    script, timeline, driving = Script(), Timeline(), Driving()
    segment = timeline.open(1)
    script.attach(timeline, driving, segment)
    face = FaceOf(piece._replace(written=text, spoken=text, places=tuple(range(len(text) + 1))), script, 0)
    face.timing(timing_of(speech, text, 0, 0.0)[0])
    timeline.append(segment, np.zeros(len(speech.pcm) * RATE // speech.sample_rate, np.int16))
    timeline.close(segment)
    while timeline.current is not None:
        timeline.pull()
        if (batch := driving.due(timeline)) is not None:
            for message, t in messages_of(batch):
                fit.bytes += len(Envelope(message, 1, 1, t).to_json())
                fit.shapes += len(batch.visemes)
    fit.work_seconds += time.process_time() - begun
    fit.seconds += speech.seconds


def fitted(language: Language, said: Iterable[tuple[str, Speech]], boundaries: Boundaries | None) -> Fit:
    fit = Fit()
    for text, speech in said:
        lay(speech, fit)
        told(text, speech, language, fit)
        if boundaries is not None:
            boundaries.add(speech)
    return fit


def aligning(language: Language) -> Boundaries | None:
    """None without pocketsphinx."""
    try:
        return Boundaries(language)
    except ImportError:
        return None


def voices() -> dict[Language, Any]:
    """Raises `Unmeasured`."""
    store = ModelStore()
    try:
        english = EnglishPhonemes()
        chinese = KokoroVoice(store.derive(PREPARED), store.path("kokoro-voices-zh"), english=english, cache=store.root / "jieba")
    except Exception as error:
        raise Unmeasured(f"the local voices are not there: {error}") from None
    return {"en": HibariVoice(english), "zh": chinese}


async def measure(options: Options) -> Result:
    rows: list[Row] = []
    raw: dict[str, Any] = {}
    for language, voice in (await asyncio.to_thread(voices)).items():
        sentences_ = texts(language)

        def said(voice: Any = voice, sentences_: list[str] = sentences_) -> Iterable[tuple[str, Speech]]:
            return ((text, voice.speak(text)) for text in sentences_)

        boundaries = aligning(language)
        fit = await asyncio.to_thread(fitted, language, said(), boundaries)
        name = LANGUAGES[language]
        here = fit.contrast / len(sentences_)
        middle = int(np.argmin(np.abs(SHIFTS_MS)))
        rows += [
            Row(f"{name}: the times fit best when moved by", abs(fit.shift_ms), "ms", SHIFT_GOAL_MS, f"{len(sentences_)} sentences"),
            Row(f"{name}: vowels over voiceless consonants", float(here[middle]), "dB", None, f"at best {here.max():.1f}"),
            Row(
                f"{name}: closed lips that lie on no dip",
                100 * (1 - fit.on_a_dip / max(1, fit.closed)),
                "%",
                OPEN_GOAL,
                f"{fit.closed} closures",
            ),
            Row(f"{name}: shapes and words", fit.bytes / fit.seconds, "B/s", BYTES_GOAL, f"{fit.shapes / fit.seconds:.1f} shapes a second"),
            Row(f"{name}: reckoning them", 100 * fit.work_seconds / fit.seconds, "% of a core", 1.0),
        ]
        if boundaries is None:
            rows.append(Row(f"{name}: {BEGINS}", None, "ms", GOALS_MS[language], "pocketsphinx is not installed"))
        else:
            rows += boundaries.rows(name)
        raw[language] = {"shift_ms": fit.shift_ms, "contrast": here.tolist(), "closed": fit.closed, "on_a_dip": fit.on_a_dip}
    notes = [
        "A closure lies on a dip where its middle half is at least 6 dB below the loudest within 150 ms, above 1 kHz: an `m` hums below.",
        "The alignment is pocketsphinx', whose acoustic model is English; Mandarin is laid over its sound by the nearest English sounds. How far off it is itself "
        "is known at one kind of boundary, from a vowel to a voiceless consonant, where the level below 900 Hz falls at least 12 dB in 20 ms; both languages fare "
        "alike there. No pronunciation differs, for what is aligned are the voice's own phonemes.",
    ]
    return Result("visemes", "Shapes and the sound that they belong to", rows, notes, raw)
