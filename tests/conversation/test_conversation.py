"""Whole conversations in process, with AgentSession and instant engines: the order of messages, and who is heard when."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import AsyncIterator, Callable
from typing import Any

import numpy as np
import pytest

from agent.config import Config, Limits
from agent.conversation import floor
from agent.conversation.conversation import Conversation
from agent.conversation.host import Busy, ConversationHost, NotReady, UnknownPersona
from agent.conversation.ports import DoorKind
from agent.media.block import BLOCK_SAMPLES, Block
from agent.protocol.envelope import Envelope
from agent.protocol.messages import (
    RATE,
    AsrFinal,
    AssistantText,
    AssistantTextDelta,
    ClientHello,
    ClientInterrupt,
    ContextAck,
    ContextUpdate,
    ErrorMessage,
    GenerationEnd,
    GenerationStart,
    Hold,
    Message,
    Ping,
    Playout,
    Pong,
    Resume,
    ServerHello,
    ServerInterrupt,
    Settings,
    StateUpdate,
    StopListen,
    TextInput,
)
from bench.instant import InstantEngines, InstantLLM, InstantTTS, pitch_of

VOICE = np.random.default_rng(0).normal(0, 4_000, 16_000).astype(np.int16)


class Client:
    """A transport that keeps everything: messages with the media time of their arrival, and the sound."""

    kind: DoorKind = "local"
    ahead_seconds = 0.0

    def __init__(self) -> None:
        self.received: list[Envelope[Any]] = []
        self.blocks: list[Block] = []
        self.closed = 0
        self._news = asyncio.Event()

    def send(self, envelope: Envelope[Any]) -> None:
        self.received.append(envelope)
        self._news.set()

    async def play(self, block: Block) -> None:
        self.blocks.append(block)
        self._news.set()

    def clear(self) -> None:
        pass

    async def close(self, error: ErrorMessage | None) -> None:
        self.closed += 1

    def messages(self, kind: type[Message]) -> list[Any]:
        return [e.message for e in self.received if isinstance(e.message, kind)]

    async def until(self, condition: Callable[[], Any], seconds: float = 10) -> None:
        async with asyncio.timeout(seconds):
            while not condition():
                self._news.clear()
                await self._news.wait()

    async def until_count(self, kind: type[Message], count: int) -> None:
        await self.until(lambda: len(self.messages(kind)) >= count)

    def pitches(self) -> list[tuple[int, int]]:
        """(generation, strongest frequency) of each sounding block."""
        found = []
        for block in self.blocks:
            if not block.blank and np.abs(block.pcm).max() > 1_000:
                spectrum = np.abs(np.fft.rfft(block.pcm * np.hanning(BLOCK_SAMPLES)))
                found.append((block.gen, int(np.argmax(spectrum)) * RATE // BLOCK_SAMPLES))
        return found


@pytest.fixture
def engines() -> InstantEngines:
    return InstantEngines()


@pytest.fixture
async def host(engines: InstantEngines) -> AsyncIterator[ConversationHost]:
    host = ConversationHost(Config.model_validate({"limits": {"sessions": 3}}), engines)
    yield host
    await host.aclose()


async def begin(host: ConversationHost, **hello: Any) -> tuple[Conversation, Client]:
    client = Client()
    return await host.open(client, ClientHello(**hello)), client


def speak(conversation: Conversation, samples: np.ndarray = VOICE) -> None:
    for i in range(0, len(samples), 320):
        conversation.hear(samples[i : i + 320].tobytes())


def silence(conversation: Conversation, seconds: float) -> None:
    speak(conversation, np.zeros(int(seconds * 16_000), np.int16))


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


async def test_a_nod_does_not_stop_the_speaker(engines: InstantEngines, host: ConversationHost) -> None:
    conversation, client = await begin(host)
    conversation.receive(Envelope(TextInput(text="first")))
    await client.until(lambda: len(client.pitches()) > 5)
    stt = engines.made[0].stt
    stt._text = lambda: "Mm-hmm."  # type: ignore[attr-defined]
    speak(conversation, VOICE[:4_000])
    silence(conversation, 0.3)
    await asyncio.sleep(0.05)
    silence(conversation, 1.5)
    await client.until_count(GenerationEnd, 1)
    assert client.messages(ServerInterrupt) == []
    assert len(client.messages(AsrFinal)) == 1


async def test_a_nod_is_listened_to_and_the_voice_goes_on_where_it_was(engines: InstantEngines, host: ConversationHost) -> None:
    conversation, client = await begin(host)
    conversation.receive(Envelope(TextInput(text="first")))
    await client.until(lambda: len(client.pitches()) > 20)
    stt = engines.made[0].stt
    stt._text = lambda: "Mm-hmm."  # type: ignore[attr-defined]
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
    stt, model = engines.made[0].stt, engines.made[0].llm
    assert isinstance(model, InstantLLM)
    stt._text = lambda: "What is the capital?"  # type: ignore[attr-defined]
    speak(conversation)
    silence(conversation, 0.2)
    await asyncio.sleep(0.01)
    silence(conversation, 0.6)
    await client.until(lambda: len(client.pitches()) > 2)
    stt._text = lambda: "Of France?"  # type: ignore[attr-defined]
    speak(conversation)
    silence(conversation, 0.2)
    await asyncio.sleep(0.01)
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
    await client.until(
        lambda: any(i.type == "message" and i.role == "assistant" and i.interrupted for i in conversation._speaker.chat_ctx.items)
    )
    conversation.receive(Envelope(Playout(gen=1, t_heard=start + int(0.65 * RATE))))
    conversation.receive(Envelope(Playout(gen=1, t_heard=2**50)))
    conversation.receive(Envelope(TextInput(text="second")))
    await client.until_count(GenerationEnd, 2)
    model = engines.made[0].llm
    assert isinstance(model, InstantLLM)
    said = [(i.role, i.text_content or "") for i in model.asked[-1].items if i.type == "message"]
    place = said.index(("assistant", "Answer number"))
    assert said[place + 1][0] == "system", "the model is told that it was cut"


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


async def test_the_model_remembers_what_was_heard(engines: InstantEngines, host: ConversationHost) -> None:
    conversation, client = await begin(host)
    conversation.receive(Envelope(TextInput(text="first")))
    await client.until(lambda: len(client.pitches()) > 30)
    conversation.receive(Envelope(ClientInterrupt()))
    conversation.receive(Envelope(TextInput(text="second")))
    await client.until_count(GenerationEnd, 2)
    model = engines.made[0].llm
    assert isinstance(model, InstantLLM)
    remembered = [i.text_content or "" for i in model.asked[-1].items if i.type == "message" and i.role == "assistant"]
    heard = next(m for m in client.messages(AssistantText) if m.interrupted).text
    assert remembered[-1].strip() == heard.strip()
    assert "length" not in heard


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
    assert conversation.language == "en"
    assert len(client.messages(ServerHello)) == 2
    assert client.messages(ErrorMessage)[0].code == "bad_message"


async def test_places_are_limited_and_given_back(host: ConversationHost, engines: InstantEngines) -> None:
    open_ = [await begin(host) for _ in range(3)]
    assert (host.count, host.capacity) == (3, 3)
    with pytest.raises(Busy):
        await begin(host)
    await open_[0][0].aclose("test")
    await open_[0][0].aclose("twice")
    assert open_[0][1].closed == 1
    await begin(host)
    engines.ready = False
    with pytest.raises(NotReady):
        host.reserve()
    engines.ready = True
    await open_[1][0].aclose("test")
    with pytest.raises(UnknownPersona, match="nobody"):
        await begin(host, persona="nobody")
    assert host.count == 2


async def waiting_host(engines: InstantEngines, seconds: float) -> ConversationHost:
    return ConversationHost(Config(limits=Limits(sessions=1, queue_seconds=seconds)), engines)


async def test_who_waits_for_a_place_gets_it_in_the_order_of_arrival(engines: InstantEngines) -> None:
    host = await waiting_host(engines, 60)
    place = await host.admit()
    order: list[int] = []

    async def visit(number: int) -> None:
        mine = await host.admit()
        order.append(number)
        assert host.count == 1
        mine.release()

    visits = []
    for number in range(4):
        visits.append(asyncio.create_task(visit(number)))
        await asyncio.sleep(0)
    visits[1].cancel()
    await asyncio.sleep(0)
    place.release()
    await asyncio.gather(*visits, return_exceptions=True)
    assert order == [0, 2, 3]
    assert host.count == 0


async def test_a_wait_ends_and_a_place_that_comes_too_late_is_not_lost(engines: InstantEngines) -> None:
    host = await waiting_host(engines, 0.05)
    place = await host.admit()
    with pytest.raises(Busy):
        await host.admit()
    late = asyncio.create_task(host.admit())
    await asyncio.sleep(0)
    place.release()
    late.cancel()  # at the moment at which the place is granted
    with pytest.raises(asyncio.CancelledError):
        await late
    assert host.count == 0
    (await host.admit()).release()


async def test_a_place_that_is_kept_for_who_was_cut_off_goes_to_who_needs_it(engines: InstantEngines) -> None:
    host = await waiting_host(engines, 60)
    place = await host.admit()
    host.deserted(place.release)
    host.rejoined(place.release)
    waiting = asyncio.create_task(host.admit())
    await asyncio.sleep(0)
    assert not waiting.done(), "it is in use again"
    waiting.cancel()
    host.deserted(place.release)
    (await host.admit()).release()
    assert host.count == 0


async def test_that_all_places_are_taken_is_said_in_both_languages(host: ConversationHost) -> None:
    english, chinese = await host.say_busy("auto"), await host.say_busy("zh")
    assert np.abs(english).max() > 0
    assert np.abs(chinese).max() > 0
    assert await host.say_busy("en") is english


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
        conversation._session.emit("agent_state_changed", _state_event(i))  # type: ignore[arg-type]
    assert len(conversation._session._recorded_events) <= 256


def _state_event(i: int) -> Any:
    from livekit.agents.voice.events import AgentStateChangedEvent

    return AgentStateChangedEvent(old_state="listening", new_state="listening")
