"""Who is heard when both speak: interruptions, holds, and what is remembered of an answer that was cut."""

from __future__ import annotations

import pytest

from agent.config import Config
from agent.conversation import floor
from agent.conversation.host import ConversationHost
from agent.dialogue.persona import cut_after
from agent.media.block import BLOCK_SAMPLES
from agent.protocol.envelope import Envelope
from agent.protocol.messages import (
    RATE,
    AsrFinal,
    AsrPartial,
    AssistantText,
    AssistantTextDelta,
    ClientInterrupt,
    ContextUpdate,
    GenerationEnd,
    GenerationStart,
    Hold,
    Playout,
    Resume,
    ServerInterrupt,
    Settings,
    StateUpdate,
    TextInput,
)
from bench.instant import InstantEngines, InstantLLM, pitch_of
from tests.conversation.client import VOICE, begin, silence, speak


@pytest.mark.parametrize("how", ["button", "text", "voice"])
async def test_nothing_of_an_interrupted_answer_is_heard_or_shown(host: ConversationHost, how: str) -> None:
    conversation, client = await begin(host)
    conversation.receive(Envelope(TextInput(text="first")))
    await client.until(lambda: len(client.pitches()) > 10)
    if how == "button":
        conversation.receive(Envelope(ClientInterrupt()))
        conversation.receive(Envelope(TextInput(text="second")))
    elif how == "text":
        conversation.receive(Envelope(TextInput(text="second")))
    else:
        speak(conversation)
        silence(conversation, 1.5)
    await client.until_count(ServerInterrupt, 1)
    cut = next(e for e in client.received if isinstance(e.message, ServerInterrupt))
    assert cut.message.reason == how
    assert cut.gen == 2
    after_cut = client.received[client.received.index(cut) :]
    await client.until_count(GenerationEnd, 2)
    after_cut = client.received[client.received.index(cut) :]
    assert all(e.gen >= cut.gen for e in after_cut)
    states = [e.message.state for e in after_cut if isinstance(e.message, StateUpdate)]
    assert states[0] == "idle"
    for block in client.blocks:
        if block.t >= cut.message.cut_t and not block.blank:
            assert block.gen > cut.gen - 1
    heard = {(gen, hz) for gen, hz in client.pitches() if gen}
    assert {gen for gen, _ in heard} == {1, 3}
    assert all(abs(hz - pitch_of(2)) <= 50 for gen, hz in heard if gen == 3)
    text = next(m for m in client.messages(AssistantText) if m.interrupted).text
    assert "Answer number 1, in a sentence of some length.".startswith(text)
    assert len(text) < 40


async def test_an_interrupt_before_the_first_sound_leaves_nothing(engines: InstantEngines) -> None:
    slow = InstantEngines(token_seconds=0.05)
    host = ConversationHost(Config(), slow)
    conversation, client = await begin(host)
    conversation.receive(Envelope(TextInput(text="first")))
    await client.until(lambda: any(m.state == "thinking" for m in client.messages(StateUpdate)))
    conversation.receive(Envelope(ClientInterrupt()))
    conversation.receive(Envelope(ClientInterrupt()))
    assert [e.gen for e in client.received if isinstance(e.message, ServerInterrupt)] == [1, 2]
    conversation.receive(Envelope(TextInput(text="second")))
    await client.until_count(GenerationEnd, 1)
    assert {gen for gen, _ in client.pitches()} == {3}
    model = slow.made[0].llm
    assert isinstance(model, InstantLLM)
    assert model.cancelled == 1
    await host.aclose()


async def test_a_greeting_can_be_interrupted_from_its_first_sound(engines: InstantEngines) -> None:
    config = Config.model_validate({"personas": {"default": {"greeting": "Welcome to greeting number 7, which is very long indeed."}}})
    host = ConversationHost(config, engines)
    conversation, client = await begin(host)
    await client.until(lambda: client.pitches())
    speak(conversation)
    silence(conversation, 1.5)
    await client.until_count(GenerationEnd, 2)
    assert client.messages(AsrFinal)[0].text == "What is the question?"
    interrupt = next(e for e in client.received if isinstance(e.message, ServerInterrupt))
    assert {gen for gen, _ in client.pitches()} == {1, interrupt.gen + 1}
    await host.aclose()


async def test_a_nod_is_listened_to_and_the_voice_goes_on_where_it_was(engines: InstantEngines, host: ConversationHost) -> None:
    conversation, client = await begin(host)
    conversation.receive(Envelope(TextInput(text="first")))
    await client.until(lambda: len(client.pitches()) > 20)
    engines.hears = "Mm-hmm."
    speak(conversation, VOICE[:1_600])
    await client.until_count(Hold, 1)
    cut_t = client.messages(Hold)[0].cut_t
    await client.until(lambda: client.blocks[-1].t > cut_t + RATE // 5)
    assert all(b.blank for b in client.blocks if b.t >= cut_t)
    shown = len(client.messages(AssistantTextDelta))
    speak(conversation, VOICE[:3_200])
    silence(conversation, 0.3)
    await client.until_count(Resume, 1)
    assert len(client.messages(AssistantTextDelta)) == shown, "nothing is shown during a hold"
    t0 = client.messages(Resume)[0].t0
    silence(conversation, 1.5)
    await client.until_count(GenerationEnd, 1)
    assert client.messages(ServerInterrupt) == []
    assert {b.gen for b in client.blocks if not b.blank} == {1}
    before = sum(not b.blank for b in client.blocks if b.t < cut_t)
    after = sum(not b.blank for b in client.blocks if b.t >= t0)
    whole = 9 * 0.25 * RATE / BLOCK_SAMPLES + 10
    assert whole - 2 <= before + after <= whole + 0.5 * RATE / BLOCK_SAMPLES, "a word was said again, and nothing was lost"
    assert client.messages(AssistantText)[0].text == "Answer number 1, in a sentence of some length."


async def test_a_voice_is_noticed_within_a_hundredth_of_a_second(host: ConversationHost) -> None:
    conversation, client = await begin(host)
    conversation.receive(Envelope(TextInput(text="first")))
    await client.until(lambda: len(client.pitches()) > 20)
    silence(conversation, 0.32)
    assert client.messages(Hold) == []
    speak(conversation, VOICE[:160])
    await client.until_count(Hold, 1)
    silence(conversation, 0.15)
    assert client.messages(Resume) == [], "it may have been the begin of a word"
    silence(conversation, 0.2)
    await client.until_count(Resume, 1)
    await client.until_count(GenerationEnd, 1)
    assert client.messages(ServerInterrupt) == []


async def test_an_interrupt_during_a_hold_is_for_good(engines: InstantEngines, host: ConversationHost) -> None:
    conversation, client = await begin(host)
    conversation.receive(Envelope(TextInput(text="first")))
    await client.until(lambda: len(client.pitches()) > 20)
    speak(conversation, VOICE[:1_600])
    await client.until_count(Hold, 1)
    conversation.receive(Envelope(ClientInterrupt()))
    cut = next(e for e in client.received if isinstance(e.message, ServerInterrupt))
    assert cut.message.cut_t == client.messages(Hold)[0].cut_t
    silence(conversation, 2)
    conversation.receive(Envelope(TextInput(text="second")))
    await client.until(lambda: any(gen == 3 for gen, _ in client.pitches()))
    assert client.messages(Resume) == []
    assert {gen for gen, _ in client.pitches()} == {1, 3}


async def test_a_hold_of_a_client_that_sends_no_more_sound_ends(
    engines: InstantEngines, host: ConversationHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(floor, "HOLD_SECONDS", 0.2)
    conversation, client = await begin(host)
    conversation.receive(Envelope(TextInput(text="first")))
    await client.until(lambda: len(client.pitches()) > 5)
    speak(conversation, VOICE[:1_600])
    await client.until_count(Resume, 1)
    await client.until_count(GenerationEnd, 1)


async def test_who_goes_on_after_a_short_answer_began_asked_one_question(engines: InstantEngines, host: ConversationHost) -> None:
    conversation, client = await begin(host)
    model = engines.made[0].llm
    assert isinstance(model, InstantLLM)
    engines.hears = "What is the capital?"
    speak(conversation)
    silence(conversation, 0.2)
    await client.until_count(AsrPartial, 1)
    silence(conversation, 0.6)
    await client.until(lambda: len(client.pitches()) > 2)
    engines.hears = "Of France?"
    speak(conversation)
    silence(conversation, 0.2)
    await client.until(lambda: "Of France?" in client.messages(AsrPartial)[-1].text)
    silence(conversation, 0.8)
    await client.until(lambda: len(client.messages(AsrFinal)) == 2)
    first, second = client.messages(AsrFinal)
    assert second.text == "What is the capital Of France?"
    assert second.id == first.id, "it is one line"
    await client.until_count(GenerationEnd, 2)
    asked = [i.text_content for i in model.asked[-1].items if i.type == "message" and i.role == "user"]
    assert asked[-1] == second.text
    assert "What is the capital?" not in asked


async def test_what_the_client_heard_corrects_what_is_remembered(engines: InstantEngines, host: ConversationHost) -> None:
    conversation, client = await begin(host)
    conversation.receive(Envelope(TextInput(text="first")))
    await client.until(lambda: len(client.pitches()) > 60)
    conversation.receive(Envelope(ClientInterrupt()))
    start = client.messages(GenerationStart)[0].t0
    thought = next(m for m in client.messages(AssistantText) if m.interrupted).text
    assert len(thought) > len("Answer number")
    assert conversation._floor.settling is not None
    await conversation._floor.settling
    await client.until(lambda: any(i.type == "message" and i.role == "assistant" and i.interrupted for i in conversation.memory().items))
    conversation.receive(Envelope(Playout(gen=1, t_heard=start + int(0.65 * RATE))))
    conversation.receive(Envelope(Playout(gen=1, t_heard=2**50)))
    conversation.receive(Envelope(TextInput(text="second")))
    await client.until_count(GenerationEnd, 2)
    model = engines.made[0].llm
    assert isinstance(model, InstantLLM)
    said = [(i.role, i.text_content or "") for i in model.asked[-1].items if i.type == "message"]
    assert said[-2:] == [("user", cut_after("first", "Answer number")), ("user", "second")]


async def test_a_page_may_ask_to_end_the_answer(host: ConversationHost) -> None:
    conversation, client = await begin(host)
    conversation.receive(Envelope(TextInput(text="first")))
    await client.until(lambda: len(client.pitches()) > 5)
    conversation.receive(Envelope(ContextUpdate(version=1, text="Another page.")))
    assert client.messages(ServerInterrupt) == []
    conversation.receive(Envelope(ContextUpdate(version=2, text="A third one.", interrupt=True)))
    assert [m.reason for m in client.messages(ServerInterrupt)] == ["context"]


async def test_what_interrupts_can_be_switched_in_mid_answer(host: ConversationHost) -> None:
    conversation, client = await begin(host)
    conversation.receive(Envelope(TextInput(text="first")))
    await client.until(lambda: len(client.pitches()) > 5)
    speak(conversation, VOICE[:1_600])
    await client.until_count(Hold, 1)
    conversation.receive(Envelope(Settings(interrupt="off")))
    assert len(client.messages(Resume)) == 1
    speak(conversation)
    silence(conversation, 1.5)
    await client.until_count(GenerationEnd, 1)
    assert client.messages(ServerInterrupt) == []


@pytest.mark.parametrize(("mode", "stops"), [("off", False), ("auto", True)])
async def test_interruption_by_voice_can_be_switched_off(engines: InstantEngines, mode: str, stops: bool) -> None:
    host = ConversationHost(Config.model_validate({"turn": {"interrupt": mode}}), engines)
    conversation, client = await begin(host)
    conversation.receive(Envelope(TextInput(text="first")))
    await client.until(lambda: len(client.pitches()) > 5)
    speak(conversation)
    silence(conversation, 1.5)
    await client.until_count(GenerationEnd, 1)
    assert bool(client.messages(ServerInterrupt)) == stops
    await host.aclose()


async def test_the_model_remembers_what_was_heard(engines: InstantEngines, host: ConversationHost) -> None:
    conversation, client = await begin(host)
    conversation.receive(Envelope(TextInput(text="first")))
    await client.until(lambda: len(client.pitches()) > 30)
    conversation.receive(Envelope(ClientInterrupt()))
    conversation.receive(Envelope(TextInput(text="second")))
    await client.until_count(GenerationEnd, 2)
    model = engines.made[0].llm
    assert isinstance(model, InstantLLM)
    heard = next(m for m in client.messages(AssistantText) if m.interrupted).text
    remembered = [i.text_content or "" for i in model.asked[-1].items if i.type == "message" and i.role == "user"]
    assert remembered[-2] == cut_after("first", heard)
    assert heard.strip() in remembered[-2]
    assert "length" not in heard
