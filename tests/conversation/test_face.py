"""What a face is told of an answer, with voices that know their times, know them badly, or not at all."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
import pytest
from livekit.agents import tts
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS, APIConnectOptions, TimedString

from agent.config import Config
from agent.conversation.host import ConversationHost
from agent.media.block import Pcm
from agent.media.visemes import visemes
from agent.protocol.envelope import Envelope
from agent.protocol.messages import (
    AssistantText,
    AssistantTextDelta,
    EmotionTag,
    GenerationEnd,
    GenerationStart,
    MediaFp,
    ServerInterrupt,
    Subtitle,
    TextInput,
    VisemeTimeline,
)
from agent.providers.align.aligner import Aligner
from agent.providers.timing import LaysText, Sound, SpokenWord, Timing, tidy
from agent.providers.tts.hibari import EnglishPhonemes, HibariVoice
from agent.providers.tts.local import timing_of
from agent.providers.tts.speech import Speech
from bench.chirps import ChirpTTS, found
from bench.instant import InstantEngines, tone
from tests.conversation.client import Client, begin

RATE = 24_000


class TellingTTS(tts.TTS[Any]):
    """A second of tone for each request, with the times that it is told to tell: its own, or of words as livekit-agents' voices have them."""

    def __init__(self, timings: Sequence[Timing] = (), words: Sequence[TimedString] = ()) -> None:
        super().__init__(capabilities=tts.TTSCapabilities(streaming=False), sample_rate=RATE, num_channels=1)
        self.timings = timings
        self.words = words

    def synthesize(self, text: str, *, conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS) -> tts.ChunkedStream:
        kind = _Telling if self.timings else _Speaking
        return kind(tts=self, input_text=text, conn_options=conn_options)


class _Speaking(tts.ChunkedStream):
    async def _run(self, output_emitter: tts.AudioEmitter) -> None:
        voice = self._tts
        assert isinstance(voice, TellingTTS)
        output_emitter.initialize(request_id="telling", sample_rate=RATE, num_channels=1, mime_type="audio/pcm")
        if voice.words:
            output_emitter.push_timed_transcript(list(voice.words))
        output_emitter.push(tone(300, 1.0, RATE).tobytes())
        output_emitter.flush()


class _Telling(_Speaking):
    def take_timings(self) -> list[Timing]:
        voice = self._tts
        assert isinstance(voice, TellingTTS)
        taken, voice.timings = list(voice.timings), []
        return taken


class SilentAboutItTTS(tts.TTS[Any]):
    """Our English voice, whose times nobody is told. `known` keeps them, of each request."""

    def __init__(self) -> None:
        super().__init__(capabilities=tts.TTSCapabilities(streaming=False), sample_rate=RATE, num_channels=1)
        self.voice = HibariVoice()
        self.known: list[tuple[str, Speech]] = []

    def synthesize(self, text: str, *, conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS) -> tts.ChunkedStream:
        return _Hushed(tts=self, input_text=text, conn_options=conn_options)


class _Hushed(tts.ChunkedStream):
    async def _run(self, output_emitter: tts.AudioEmitter) -> None:
        voice = self._tts
        assert isinstance(voice, SilentAboutItTTS)
        speech = await asyncio.to_thread(voice.voice.speak, self._input_text)
        voice.known.append((self._input_text, speech))
        output_emitter.initialize(request_id="hushed", sample_rate=RATE, num_channels=1, mime_type="audio/pcm")
        output_emitter.push(speech.pcm.tobytes())
        output_emitter.flush()


class FixedAligner:
    """Finds what it is told to find, after a while, or fails."""

    def __init__(self, timing: Timing | Exception | None, seconds: float = 0.0) -> None:
        self.timing = timing
        self.seconds = seconds
        self.asked: list[tuple[str, int, int]] = []

    async def align(self, text: str, pcm: Pcm, rate: int, *, key: Hashable = None) -> Timing | None:
        self.asked.append((text, len(pcm), rate))
        await asyncio.sleep(self.seconds)
        if isinstance(self.timing, Exception):
            raise self.timing
        return self.timing


async def answered(voice: tts.TTS[Any], answer: str, aligner: LaysText | None = None) -> Client:
    """Everything that a client is told of one answer."""
    host = ConversationHost(Config(), InstantEngines(answer=lambda context: answer, voice=lambda: voice, aligner=aligner))
    conversation, client = await begin(host)
    conversation.receive(Envelope(TextInput(text="go on")))
    await client.until_count(GenerationEnd, 1)
    await host.aclose()
    return client


def shapes(client: Client) -> list[tuple[int, int, int]]:
    """(media sample, id, weight) of each shape, after what was told anew has taken the place of the old."""
    told: list[tuple[int, int, int]] = []
    for envelope in client.received:
        if isinstance(envelope.message, VisemeTimeline):
            assert envelope.t is not None
            ev = envelope.message.ev
            told = [shape for shape in told if shape[0] < envelope.t]
            told += [(envelope.t + ev[k], ev[k + 1], ev[k + 2]) for k in range(0, len(ev), 3)]
    return told


async def test_lips_close_at_the_sample_of_each_chirp() -> None:
    client = await answered(ChirpTTS(), "One two three four five six seven.")
    sound = np.concatenate([block.pcm for block in client.blocks]) / 32768
    chirps = [client.blocks[0].t + at for at in found(sound)]
    closed = [t + 1_200 for t, shape, _ in shapes(client) if shape == 1]
    assert len(closed) == 7
    assert closed == pytest.approx(chirps, abs=60)
    words = [
        (e.t + dt, text)
        for e in client.received
        if isinstance(e.message, Subtitle)
        for dt, a, n in e.message.words
        for text in [e.message.text[a : a + n]]
    ]
    assert [word for _, word in words] == ["One", "two", "three", "four", "five", "six", "seven."]
    assert [t for t, _ in words] == pytest.approx(chirps, abs=60)


async def test_what_is_told_comes_before_its_sound() -> None:
    client = await answered(ChirpTTS(), "One two three four five six seven.")
    start = next(e for e in client.received if isinstance(e.message, GenerationStart))
    for place, envelope in enumerate(client.received):
        if isinstance(envelope.message, VisemeTimeline):
            assert place > client.received.index(start)
            assert envelope.t is not None
            assert envelope.t >= start.message.t0


async def test_a_voice_without_times_moves_the_mouth_by_its_loudness() -> None:
    client = await answered(TellingTTS(), "Hello.")
    assert {timeline.src for timeline in client.messages(VisemeTimeline)} == {"energy"}
    assert [shape for _, shape, _ in shapes(client)] == [10, 0]
    (line,) = client.messages(Subtitle)
    assert (line.text, line.words) == ("Hello.", [])


async def test_the_times_of_words_that_a_voice_tells_are_used() -> None:
    words = [TimedString("Hello ", start_time=0.1, end_time=0.3), TimedString("world.", start_time=0.5, end_time=0.9)]
    client = await answered(TellingTTS(words=words), "Hello world.")
    (line,) = client.messages(Subtitle)
    assert line.text == "Hello world."
    assert line.words == [[0, 0, 5], [round(0.4 * 48_000), 6, 6]]
    assert client.messages(VisemeTimeline)[0].src == "energy"


async def test_the_times_that_a_voice_does_not_tell_are_found_in_its_sound() -> None:
    english = EnglishPhonemes()
    english.read("load")
    voice, aligner = SilentAboutItTTS(), Aligner(lambda: english.read)
    answer = "My brother brought the map to the museum. People may keep it, but please put it back before the big meeting in September."
    await aligner.align("Load.", np.zeros(RATE, np.int16), RATE)
    client = await answered(voice, answer, aligner)
    await aligner.aclose()
    start = next(e.message.t0 for e in client.received if isinstance(e.message, GenerationStart))
    offset, known = start, []
    for text, speech in voice.known:
        known += [shape._replace(at=offset + shape.at) for shape in visemes(timing_of(speech, text, 0, 0.0)[0].sounds)]
        offset += len(speech.pcm) * 2
    aligned = next(e.t for e in client.received if isinstance(e.message, VisemeTimeline) and e.message.src == "align")
    assert aligned is not None
    assert aligned - start < 48_000, "all but the first second"
    closed = [t for t, shape, _ in shapes(client) if shape == 1 and t > aligned]
    expected = [shape.at for shape in known if shape.id == 1 and shape.at > aligned]
    nearest = [min(abs(t - other) for other in closed) / 48 for t in expected]
    assert len(expected) > 8
    assert np.median(nearest) < 30, nearest
    assert np.mean(np.array(nearest) < 60) > 0.8, nearest
    words = {
        (e.message.id, first): (e.t + dt) for e in client.received if isinstance(e.message, Subtitle) for dt, first, _ in e.message.words
    }
    assert len(words) > 15


ALIGNED = Timing(
    (Sound("a", 0.0, 0.5), Sound("m", 0.5, 0.6), Sound("i", 0.6, 0.9)), (SpokenWord(0, 5, 0.1, 0.4), SpokenWord(6, 12, 0.5, 0.9)), "align"
)


async def test_words_that_are_found_in_the_sound_are_told_with_their_line() -> None:
    aligner = FixedAligner(ALIGNED)
    client = await answered(TellingTTS(), "Hello world.", aligner)
    assert [(text, rate) for text, _, rate in aligner.asked] == [("Hello world.", RATE)]
    assert client.messages(VisemeTimeline)[-1].src == "align"
    lines = client.messages(Subtitle)
    assert {(line.id, line.text) for line in lines} == {(lines[0].id, "Hello world.")}
    last = next(e for e in reversed(client.received) if isinstance(e.message, Subtitle))
    assert last.t is not None
    start = next(e.message.t0 for e in client.received if isinstance(e.message, GenerationStart))
    assert last.t - start + last.message.words[-1][0] == 24_000
    assert [shape for t, shape, _ in shapes(client) if t - start > 0.4 * 48_000] == [1, 12, 0]


@pytest.mark.parametrize("aligner", [FixedAligner(None), FixedAligner(ALIGNED, 30.0), FixedAligner(RuntimeError("as it was told to"))])
async def test_where_nothing_is_found_loudness_goes_on(aligner: FixedAligner) -> None:
    client = await answered(TellingTTS(), "Hello world.", aligner)
    assert {message.src for message in client.messages(VisemeTimeline)} == {"energy"}
    assert [shape for _, shape, _ in shapes(client)] == [10, 0]


async def test_a_voice_that_tells_its_times_is_not_aligned() -> None:
    aligner = FixedAligner(ALIGNED)
    await answered(TellingTTS([ODD[0]]), "Hello world.", aligner)
    assert aligner.asked == []


ODD = [
    Timing((Sound("a", -5.0, 0.2), Sound("m", 0.3, 0.1), Sound("m", math.nan, 0.4), Sound("a", 0.2, 1e12), Sound("🙂", 0.3, 0.4)), ()),
    Timing((Sound("a", 0.5, math.inf),), (SpokenWord(0, 2, -3.0, math.nan), SpokenWord(90, 95, 0.1, 0.2), SpokenWord(3, 1, 0.5, 0.6))),
    Timing((Sound("m", 0.0, 0.1),), (SpokenWord(0, 5, 0.4, 0.2), SpokenWord(0, 5, 0.1, 0.2), SpokenWord(6, 11, -1.0, 1e9))),
]


@pytest.mark.parametrize("odd", [*([timing] for timing in ODD), ODD])
async def test_nonsense_about_times_leaves_the_face_calm_and_the_conversation_going(odd: list[Timing]) -> None:
    client = await answered(TellingTTS(odd), "Hello world.")
    assert client.messages(AssistantText)[-1].text == "Hello world."
    told = shapes(client)
    assert told == sorted(told)
    for envelope in client.received:
        if isinstance(envelope.message, Subtitle):
            assert all(0 <= a < a + n <= len(envelope.message.text) for _, a, n in envelope.message.words)


def test_times_are_put_in_order_and_impossible_ones_left_out() -> None:
    timing = tidy(ODD[0])
    assert [(sound.symbol, sound.start, sound.end) for sound in timing.sounds] == [("a", 0.0, 0.2), ("🙂", 0.3, 0.4)]
    assert [(word.start_char, word.start) for word in tidy(ODD[2]).words] == [(0, 0.4), (6, 0.4)]


async def test_a_mood_is_shown_and_neither_said_nor_written() -> None:
    client = await answered(TellingTTS(), "[happy] What a day! 😔 It ends. [furious] Now.")
    assert [(tag.name, tag.intensity) for tag in client.messages(EmotionTag)] == [("happy", 1.0), ("sad", 1.0)]
    written = "".join(delta.text for delta in client.messages(AssistantTextDelta))
    assert "happy" not in written
    assert "😔" not in written
    assert "[furious]" in written
    starts = [e.t for e in client.received if isinstance(e.message, EmotionTag)]
    assert starts == sorted(starts)


async def test_nothing_of_a_face_comes_after_an_interrupt() -> None:
    host = ConversationHost(Config(), InstantEngines(answer=lambda context: "One two three. " * 20, voice=ChirpTTS))
    conversation, client = await begin(host)
    conversation.receive(Envelope(TextInput(text="go on")))
    await client.until_count(Subtitle, 3)
    conversation.interrupt("button")
    await client.until_count(ServerInterrupt, 1)
    at = next(k for k, e in enumerate(client.received) if isinstance(e.message, ServerInterrupt))
    blocks = len(client.blocks)
    await client.until(lambda: len(client.blocks) > blocks + 25)
    assert not [e for e in client.received[at:] if isinstance(e.message, VisemeTimeline | Subtitle | EmotionTag)]
    await host.aclose()


async def test_marks_of_loudness_are_for_rooms_alone() -> None:
    client = await answered(TellingTTS(), "Hello.")
    assert client.messages(MediaFp) == []
