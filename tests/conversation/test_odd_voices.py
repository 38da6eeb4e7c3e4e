"""Voices and clients that are odd: the conversation stays calm and goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from livekit.agents import tts
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS, APIConnectOptions

from agent.config import Config, Persona
from agent.conversation.host import ConversationHost
from agent.conversation.parts import Parts
from agent.dialogue.tempo import MARGIN_SECONDS
from agent.media.block import BLOCK_SAMPLES
from agent.protocol.envelope import Envelope
from agent.protocol.messages import (
    RATE,
    AssistantText,
    AssistantTextDelta,
    ErrorMessage,
    GenerationEnd,
    GenerationStart,
    Playout,
    StateUpdate,
    TextInput,
)
from bench.instant import InstantEngines, tone
from bench.marked import MarkedEngines, MarkedTTS, question
from tests.conversation.client import begin

HZ = 600
Push = Callable[[tts.AudioEmitter, str, int], None]


class OddTTS(tts.TTS[Any]):
    """Speaks as it is told to: `push` gets the emitter, the text, and how many pieces came before."""

    def __init__(self, rate: int, push: Push, *, ends: bool = True, takes: float = 0.0) -> None:
        super().__init__(capabilities=tts.TTSCapabilities(streaming=False), sample_rate=rate, num_channels=1)
        self.push = push
        self.ends = ends
        self.takes = takes
        self.pieces = 0

    def synthesize(self, text: str, *, conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS) -> tts.ChunkedStream:
        return _OddSpeech(tts=self, input_text=text, conn_options=conn_options)


class _OddSpeech(tts.ChunkedStream):
    async def _run(self, output_emitter: tts.AudioEmitter) -> None:
        voice = self._tts
        assert isinstance(voice, OddTTS)
        await asyncio.sleep(voice.takes)
        voice.push(output_emitter, self._input_text, voice.pieces)
        voice.pieces += 1
        if not voice.ends:
            await asyncio.Event().wait()


def begin_at(emitter: tts.AudioEmitter, rate: int) -> None:
    emitter.initialize(request_id="odd", sample_rate=rate, num_channels=1, mime_type="audio/pcm")


class OddEngines(InstantEngines):
    def __init__(self, voice: OddTTS) -> None:
        super().__init__()
        self._voice = voice

    def build(self, persona: Persona) -> Parts:
        return replace(super().build(persona), tts=self._voice)


async def test_a_first_answer_begins_later_where_the_voice_is_slow() -> None:
    made: list[int] = []

    def push(emitter: tts.AudioEmitter, text: str, piece: int) -> None:
        made.append(conversation._timeline.t)
        begin_at(emitter, RATE)
        emitter.push(tone(HZ, 4.0, RATE).tobytes())
        emitter.flush()

    host = ConversationHost(Config(), OddEngines(OddTTS(RATE, push, takes=1.5)))
    conversation, client = await begin(host)
    conversation.receive(Envelope(TextInput(text="first")))
    await client.until_count(GenerationStart, 1)
    assert client.messages(GenerationStart)[0].t0 - made[0] >= MARGIN_SECONDS * RATE
    await host.aclose()


@pytest.mark.parametrize("rates", [(8_000,), (16_000,), (44_100,), (48_000,), (16_000, 48_000), (48_000, 22_050)])
async def test_sound_of_any_rate_keeps_its_pitch_and_length(rates: tuple[int, ...]) -> None:
    def push(emitter: tts.AudioEmitter, text: str, piece: int) -> None:
        rate = rates[piece % len(rates)]
        begin_at(emitter, rate)
        emitter.push(tone(HZ, 1.0, rate).tobytes())
        emitter.flush()

    voice = OddTTS(rates[0], push)
    host = ConversationHost(Config(), OddEngines(voice))
    conversation, client = await begin(host)
    conversation.receive(Envelope(TextInput(text="first")))
    await client.until_count(GenerationEnd, 1)
    pitches = [hz for _, hz in client.pitches()]
    assert voice.pieces >= len(rates)
    assert np.mean([abs(hz - HZ) <= RATE // BLOCK_SAMPLES for hz in pitches]) > 0.95
    assert len(pitches) * BLOCK_SAMPLES / RATE == pytest.approx(voice.pieces, rel=0.05)
    assert client.messages(ErrorMessage) == []
    await host.aclose()


def nothing(emitter: tts.AudioEmitter, text: str, piece: int) -> None:
    begin_at(emitter, RATE)
    emitter.flush()


def a_minute(emitter: tts.AudioEmitter, text: str, piece: int) -> None:
    begin_at(emitter, RATE)
    for _ in range(60):
        emitter.push(tone(HZ, 1.0, RATE).tobytes())
    emitter.flush()


def a_word(emitter: tts.AudioEmitter, text: str, piece: int) -> None:
    begin_at(emitter, RATE)
    emitter.push(tone(HZ, 0.3, RATE).tobytes())
    emitter.flush()


@pytest.mark.parametrize(("push", "ends"), [(nothing, True), (nothing, False), (a_minute, True), (a_word, False)])
async def test_a_voice_without_sound_or_without_end_leaves_the_text(push: Push, ends: bool) -> None:
    voice = OddTTS(RATE, push, ends=ends)
    host = ConversationHost(Config.model_validate({"limits": {"tts_seconds": 0.5}}), OddEngines(voice))
    conversation, client = await begin(host)
    conversation.receive(Envelope(TextInput(text="first")))
    await client.until(lambda: "length" in "".join(m.text for m in client.messages(AssistantTextDelta)), 40)
    await client.until(lambda: client.messages(StateUpdate)[-1].state == "listening", 40)
    assert client.messages(ErrorMessage)[0].code == "tts_failed"
    assert client.messages(ErrorMessage)[0].recoverable
    voice.push, voice.ends = a_word, True
    before = len(client.blocks)
    conversation.receive(Envelope(TextInput(text="second")))
    await client.until(lambda: any(not block.blank for block in client.blocks[before:]))
    await host.aclose()


async def test_reports_of_a_confused_client_change_nothing(host: ConversationHost, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "visavis")
    conversation, client = await begin(host)
    conversation.receive(Envelope(TextInput(text="first")))
    await client.until(lambda: len(client.pitches()) > 10)
    heard = client.blocks[-1].t
    for gen, t_heard in ((1, heard - RATE // 5), (1, heard + 600 * RATE), (1, 0), (99, heard), (0, 1), (1, heard - RATE // 10)):
        conversation.receive(Envelope(Playout(gen=gen, t_heard=t_heard)))
    await client.until_count(GenerationEnd, 1)
    assert client.messages(AssistantText)[0].text == "Answer number 1, in a sentence of some length."
    assert client.messages(ErrorMessage) == []
    told = [record.getMessage() for record in caplog.records if "playout.t_heard" in record.getMessage()]
    assert any("was not sent yet" in line for line in told)
    assert any("heard already" in line for line in told)


class EagerTTS(MarkedTTS):
    """Hears of what will have to be said, and says nothing ahead."""

    def __init__(self) -> None:
        super().__init__()
        self.foreseen: list[str | None] = []
        self.asked: list[str] = []

    def say_ahead(self, text: str | None) -> None:
        self.foreseen.append(text)

    def synthesize(self, text: str, *, conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS) -> tts.ChunkedStream:
        self.asked.append(text)
        return super().synthesize(text, conn_options=conn_options)


class EagerEngines(MarkedEngines):
    def build(self, persona: Persona) -> Parts:
        self.voice = EagerTTS()
        return replace(super().build(persona), tts=self.voice)


async def test_a_voice_that_can_begin_early_hears_of_the_first_piece_before_it_is_sure() -> None:
    engines = EagerEngines()
    host = ConversationHost(Config(), engines)
    conversation, client = await begin(host)
    conversation.receive(Envelope(TextInput(text=question(1, 12))))
    await client.until_count(AssistantText, 1)
    voice = engines.voice
    assert len(voice.asked) > 1
    assert voice.foreseen == [voice.asked[0], None], "the first piece of the answer, and nothing when it is over"
    await host.aclose()
