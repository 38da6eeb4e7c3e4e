"""Whole conversations in process, with AgentSession and instant engines: the order of messages, and who is heard when."""

from __future__ import annotations

import asyncio
import gc
import weakref
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from livekit.agents import stt
from livekit.agents.language import LanguageCode

from agent.config import Config, Persona
from agent.conversation import stillness
from agent.conversation.conversation import Conversation
from agent.conversation.host import ConversationHost
from agent.conversation.parts import Parts
from agent.media.block import BLOCK_SAMPLES
from agent.protocol.envelope import Envelope
from agent.protocol.messages import (
    RATE,
    AsrFinal,
    AssistantText,
    AssistantTextDelta,
    ClientHello,
    ContextAck,
    ContextUpdate,
    ErrorMessage,
    GenerationEnd,
    GenerationStart,
    Ping,
    Pong,
    ServerHello,
    Settings,
    StateUpdate,
    StopListen,
    TextInput,
)
from bench.instant import InstantEngines, InstantLLM, InstantSTT, InstantTTS
from tests.conversation.client import VOICE, begin, silence, speak


async def test_a_spoken_question_is_answered_in_order(host: ConversationHost) -> None:
    conversation, client = await begin(host)
    speak(conversation)
    silence(conversation, 0.2)
    await asyncio.sleep(0)
    silence(conversation, 1.2)
    await client.until_count(GenerationEnd, 1)
    await client.until(lambda: client.messages(StateUpdate)[-1].state == "listening")
    assert [m.state for m in client.messages(StateUpdate)] == ["listening", "thinking", "speaking", "listening"]
    assert isinstance(client.received[0].message, ServerHello)
    assert client.messages(AsrFinal)[0].text == "What is the question?"
    deltas = "".join(m.text for m in client.messages(AssistantTextDelta))
    assert deltas.strip() == client.messages(AssistantText)[0].text == "Answer number 1, in a sentence of some length."
    start = next(e for e in client.received if isinstance(e.message, GenerationStart))
    end = next(e for e in client.received if isinstance(e.message, GenerationEnd))
    assert start.gen == end.gen == 1
    sounding = [b for b in client.blocks if not b.blank]
    assert sounding[0].t <= start.message.t0 < sounding[0].t + BLOCK_SAMPLES
    assert {b.gen for b in sounding} == {1}
    assert end.message.t_end - start.message.t0 >= (9 * 0.25 + 0.2) * RATE - BLOCK_SAMPLES
    assert sum(int(np.count_nonzero(b.pcm)) for b in sounding) == pytest.approx(9 * 0.25 * RATE, rel=0.03)


async def test_envelopes_are_numbered_without_a_gap_and_the_clock_never_skips(host: ConversationHost) -> None:
    conversation, client = await begin(host)
    conversation.receive(Envelope(TextInput(text="hello")))
    await client.until_count(GenerationEnd, 1)
    assert [e.seq for e in client.received] == list(range(1, len(client.received) + 1))
    assert [b.t for b in client.blocks] == [i * BLOCK_SAMPLES for i in range(len(client.blocks))]
    gens = [e.gen for e in client.received]
    assert gens == sorted(gens)


async def test_captions_come_with_their_sound_and_not_before(host: ConversationHost) -> None:
    conversation, client = await begin(host)
    conversation.receive(Envelope(TextInput(text="hello")))
    await client.until_count(GenerationEnd, 1)
    times = [e.t for e in client.received if isinstance(e.message, AssistantTextDelta)]
    assert len(times) >= 2
    assert times == sorted(times)
    assert times[1] - times[0] >= 2 * 0.25 * RATE


async def test_a_client_that_sends_nothing_while_nobody_speaks_is_answered(host: ConversationHost) -> None:
    conversation, client = await begin(host)
    speak(conversation)
    await client.until_count(GenerationEnd, 1)
    assert len(client.messages(AsrFinal)) == 1


async def test_closing_the_microphone_ends_the_turn(host: ConversationHost) -> None:
    conversation, client = await begin(host)
    speak(conversation)
    conversation.receive(Envelope(StopListen()))
    await client.until_count(AsrFinal, 1)
    speak(conversation)
    silence(conversation, 2)
    await client.until_count(GenerationEnd, 1)
    assert len(client.messages(AsrFinal)) == 1


class CertainTurns(InstantEngines):
    """A turn model that takes every pause for the end."""

    async def completeness(self, pcm: npt.NDArray[np.float32]) -> float:
        return 1.0

    def build(self, persona: Persona) -> Parts:
        return replace(super().build(persona), turn_model=self)


async def test_an_answer_that_is_ready_waits_no_longer_than_it_must(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stillness, "PATIENCE_SECONDS", 60.0)  # no silence but what is said to be one
    host = ConversationHost(Config.model_validate({"turn": {"anticipate": "always"}}), CertainTurns())
    conversation, client = await begin(host)
    speak(conversation)
    silence(conversation, 0.26)
    await client.until_count(AsrFinal, 1)
    await client.until_count(GenerationEnd, 1)
    await host.aclose()


class SlowRecognizer(InstantSTT):
    """The n-th utterance that it is given is understood as n, when it may be."""

    def __init__(self) -> None:
        super().__init__(lambda: "")
        self.asked = self.given_up = 0
        self.asking: asyncio.Queue[int] = asyncio.Queue()
        self.may_answer = asyncio.Event()

    async def _recognize_impl(self, *args: Any, **named: Any) -> stt.SpeechEvent:
        self.asked += 1
        number = self.asked
        self.asking.put_nowait(number)
        try:
            await self.may_answer.wait()
        except asyncio.CancelledError:
            self.given_up += 1
            raise
        data = stt.SpeechData(language=LanguageCode("en"), text=f"Question {number}.", confidence=1.0)
        return stt.SpeechEvent(type=stt.SpeechEventType.FINAL_TRANSCRIPT, alternatives=[data])


class SlowEars(InstantEngines):
    def build(self, persona: Persona) -> Parts:
        return replace(super().build(persona), stt=SlowRecognizer())


@pytest.mark.parametrize("engines", [SlowEars()])
async def test_what_was_heard_until_a_pause_is_given_up_when_the_user_goes_on(engines: SlowEars) -> None:
    host = ConversationHost(Config.model_validate({"turn": {"anticipate": "always"}}), engines)
    conversation, client = await begin(host)
    recognizer, model = conversation._parts.stt, conversation._parts.llm
    assert isinstance(recognizer, SlowRecognizer)
    assert isinstance(model, InstantLLM)
    speak(conversation, VOICE[:4_800])
    silence(conversation, 0.1)
    await asyncio.wait_for(recognizer.asking.get(), 5)
    speak(conversation, VOICE[:4_800])
    silence(conversation, 0.1)
    await asyncio.wait_for(recognizer.asking.get(), 5)
    assert recognizer.given_up == 1
    recognizer.may_answer.set()
    silence(conversation, 1.2)
    await client.until_count(GenerationEnd, 1)
    assert [final.text for final in client.messages(AsrFinal)] == ["Question 2."]
    assert len(model.asked) == 1
    await host.aclose()


async def test_page_context_reaches_the_model_as_data_and_expires(engines: InstantEngines, host: ConversationHost) -> None:
    conversation, client = await begin(host)
    conversation.receive(Envelope(ContextUpdate(version=2, text="The bell weighs 832 kilograms.")))
    conversation.receive(Envelope(ContextUpdate(version=1, text="old")))
    assert [(m.version, m.accepted) for m in client.messages(ContextAck)] == [(2, True), (1, False)]
    conversation.receive(Envelope(TextInput(text="How heavy is it?")))
    await client.until_count(GenerationEnd, 1)
    model = engines.made[0].llm
    assert isinstance(model, InstantLLM)
    prompt = model.asked[-1]
    by_role: dict[str, str] = {}
    for item in prompt.items:
        assert item.type == "message"
        by_role[item.role] = by_role.get(item.role, "") + (item.text_content or "")
    assert "832 kilograms" in by_role["user"]
    assert "How heavy is it?" in by_role["user"]
    assert "832" not in by_role.get("system", "")
    conversation.receive(Envelope(ContextUpdate(version=3, text="", ttl_ms=1)))
    conversation.receive(Envelope(TextInput(text="And now?")))
    await client.until_count(GenerationEnd, 2)
    assert not any("832" in (item.text_content or "") for item in model.asked[-1].items if item.type == "message")


async def test_a_voice_that_fails_leaves_the_text(engines: InstantEngines, host: ConversationHost) -> None:
    conversation, client = await begin(host)
    voice = engines.made[0].tts
    assert isinstance(voice, InstantTTS)
    voice.fails = lambda text: True
    conversation.receive(Envelope(TextInput(text="first")))
    await client.until(lambda: "length" in "".join(m.text for m in client.messages(AssistantTextDelta)))
    assert client.messages(ErrorMessage)[0].code == "tts_failed"
    await client.until(lambda: client.messages(StateUpdate)[-1].state == "listening")
    voice.fails = lambda text: False
    conversation.receive(Envelope(TextInput(text="second")))
    await client.until_count(GenerationEnd, 1)


async def test_a_model_that_dies_is_an_error_and_the_next_question_works(engines: InstantEngines, host: ConversationHost) -> None:
    conversation, client = await begin(host)
    model = engines.made[0].llm
    assert isinstance(model, InstantLLM)
    answer, model.answer = model.answer, lambda context: 1 / 0  # type: ignore[assignment, return-value]
    conversation.receive(Envelope(TextInput(text="first")))
    await client.until_count(ErrorMessage, 1)
    assert client.messages(ErrorMessage)[0].code == "llm_failed"
    model.answer = answer
    conversation.receive(Envelope(TextInput(text="second")))
    await client.until_count(GenerationEnd, 1)


async def test_other_messages(host: ConversationHost) -> None:
    conversation, client = await begin(host, language="zh")
    conversation.receive(Envelope(Ping(id=5)))
    conversation.receive(Envelope(Settings(language="en")))
    conversation.receive(Envelope(ClientHello()))
    conversation.receive(Envelope(TextInput(text="   ")))
    assert client.messages(Pong)[0].id == 5
    assert conversation._ear.language == "en"
    assert len(client.messages(ServerHello)) == 2
    assert client.messages(ErrorMessage)[0].code == "bad_message"


async def test_two_conversations_do_not_hear_each_other(host: ConversationHost) -> None:
    (one, client_one), (_two, client_two) = await begin(host), await begin(host)
    one.receive(Envelope(TextInput(text="hello")))
    await client_one.until_count(GenerationEnd, 1)
    assert client_one.pitches()
    assert not client_two.pitches()
    assert not client_two.messages(AssistantTextDelta)


async def test_a_conversation_that_ended_leaves_nothing_behind(host: ConversationHost) -> None:
    gone: list[weakref.ref[Conversation]] = []
    for _ in range(5):
        conversation, client = await begin(host)
        conversation.receive(Envelope(TextInput(text="hello")))
        await client.until(lambda c=client: c.pitches())  # type: ignore[misc]
        await conversation.aclose("test")
        gone.append(weakref.ref(conversation))
        del conversation, client
    await asyncio.sleep(0.1)
    gc.collect()
    assert [ref() for ref in gone[:-1]] == [None] * 4


async def test_memory_is_bounded(host: ConversationHost) -> None:
    conversation, _ = await begin(host)
    for i in range(2_000):
        conversation._answering._session.emit("agent_state_changed", _state_event(i))  # type: ignore[arg-type]
    assert len(conversation._answering._session._recorded_events) <= 256


def _state_event(i: int) -> Any:
    from livekit.agents.voice.events import AgentStateChangedEvent

    return AgentStateChangedEvent(old_state="listening", new_state="listening")
