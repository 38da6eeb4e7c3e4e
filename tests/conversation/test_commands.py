"""Commands in an answer: told at the sample of the word that they stand before, in their order, with the time that they take, and never said."""

from __future__ import annotations

from agent.config import CommandSpec, Config, Persona
from agent.conversation.host import ConversationHost
from agent.dialogue.persona import chat_prefix
from agent.protocol.envelope import Envelope
from agent.protocol.messages import (
    AssistantText,
    ClientHello,
    Control,
    EmotionTag,
    GenerationEnd,
    GenerationStart,
    ServerInterrupt,
    Subtitle,
    TextInput,
    VisemeTimeline,
)
from bench.chirps import ChirpTTS
from bench.instant import InstantEngines
from tests.conversation.client import Client, begin

COMMANDS = {
    "show": CommandSpec(use="shows a thing", args={"region": "board"}),
    "wave": CommandSpec(dur_ms=4_000, late="skip", max_late_ms=100),
}


async def answered(answer: str) -> Client:
    config = Config(personas={"default": Persona(commands=COMMANDS)})
    host = ConversationHost(config, InstantEngines(answer=lambda context: answer, voice=ChirpTTS))
    conversation, client = await begin(host)
    conversation.receive(Envelope(TextInput(text="go on")))
    await client.until_count(GenerationEnd, 1)
    await host.aclose()
    return client


def commands(client: Client) -> list[Envelope[Control]]:
    return [envelope for envelope in client.received if isinstance(envelope.message, Control)]


def word_at(client: Client, word: str) -> int:
    """The media sample at which a word is said."""
    return next(
        e.t + dt
        for e in client.received
        if isinstance(e.message, Subtitle) and e.t is not None
        for dt, first, size in e.message.words
        if e.message.text[first : first + size] == word
    )


async def test_a_command_is_told_at_the_word_that_it_stands_before() -> None:
    client = await answered("First one two, then [show: bell] three and four.")
    (told,) = commands(client)
    assert told.t == word_at(client, "three")
    assert told.message == Control(id="c1", name="show", args={"region": "board", "value": "bell"}, late="run", max_late_ms=500, dur=0)
    assert client.messages(AssistantText)[-1].text == "First one two, then three and four."


async def test_commands_come_in_their_order_and_the_answer_lasts_as_long_as_they_take() -> None:
    client = await answered("[show: a] One [show: b] two. [wave]")
    told = commands(client)
    assert [(e.message.id, e.message.args.get("value")) for e in told] == [("c1", "a"), ("c2", "b"), ("c3", None)]
    times = [e.t for e in told if e.t is not None]
    assert times == sorted(times)
    assert (told[2].message.late, told[2].message.max_late_ms, told[2].message.dur) == ("skip", 100, 4 * 48_000)
    (end,) = client.messages(GenerationEnd)
    assert end.t_end >= times[2] + 4 * 48_000


async def test_an_answer_of_a_command_alone_has_its_place() -> None:
    client = await answered("[wave]")
    (told,) = commands(client)
    (start,) = client.messages(GenerationStart)
    (end,) = client.messages(GenerationEnd)
    assert start.t0 <= (told.t or 0)
    assert end.t_end >= start.t0 + 4 * 48_000


async def test_nothing_of_a_cut_answer_happens_any_more() -> None:
    config = Config(personas={"default": Persona(commands=COMMANDS)})
    answer = "One two three four five six seven eight nine ten eleven twelve [show: late] thirteen."
    host = ConversationHost(config, InstantEngines(answer=lambda context: answer, voice=ChirpTTS))
    conversation, client = await begin(host)
    conversation.receive(Envelope(TextInput(text="go on")))
    await client.until_count(GenerationStart, 1)
    conversation.interrupt("button")
    conversation.receive(Envelope(TextInput(text="again")))
    await client.until_count(GenerationEnd, 2)
    await host.aclose()
    assert client.messages(ServerInterrupt)
    cut = next(e.gen for e in client.received if isinstance(e.message, GenerationStart))
    assert [e.gen > cut for e in commands(client)] == [True]


def test_the_model_is_told_what_it_may_do() -> None:
    (_, told), *_ = chat_prefix(Persona(commands=COMMANDS, instructions="Be brief."), "en")
    assert "\n[show] shows a thing\n[wave]\nBe brief." in told
    assert "[" not in chat_prefix(Persona(), "en")[0][1]


async def test_a_client_that_comes_back_is_told_again_what_has_not_expired() -> None:
    config = Config(personas={"default": Persona(commands=COMMANDS)})
    answer = "[happy] [show: bell] One two three four five six seven eight nine ten eleven twelve."
    host = ConversationHost(config, InstantEngines(answer=lambda context: answer, voice=ChirpTTS))
    conversation, client = await begin(host)
    conversation.receive(Envelope(TextInput(text="go on")))
    await client.until(lambda: commands(client) and client.messages(VisemeTimeline))
    before = len(client.received)
    conversation.receive(Envelope(ClientHello(session_id=conversation.session_id)))
    await client.until(lambda: any(isinstance(e.message, VisemeTimeline) for e in client.received[before:]))
    again = [e.message for e in client.received[before:] if isinstance(e.message, Control | EmotionTag)]
    assert again == [m for e in client.received[:before] if isinstance(m := e.message, Control | EmotionTag)]
    assert [type(message) for message in again] == [EmotionTag, Control]
    conversation.interrupt("button")
    before = len(client.received)
    conversation.receive(Envelope(ClientHello(session_id=conversation.session_id)))
    await host.aclose()
    assert not [e for e in client.received[before:] if isinstance(e.message, Control | EmotionTag | VisemeTimeline)]
