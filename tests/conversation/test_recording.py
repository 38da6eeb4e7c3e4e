"""What a conversation writes down, and that it holds nothing up."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from agent.config import Config
from agent.config import Journal as Settings
from agent.conversation import outgoing
from agent.conversation.host import ConversationHost
from agent.protocol.envelope import Envelope
from agent.protocol.messages import (
    RATE,
    AsrFinal,
    AssistantText,
    ClientHello,
    ClientInterrupt,
    ContextUpdate,
    GenerationEnd,
    GenerationStart,
    Message,
    Playout,
    ServerHello,
    ServerInterrupt,
    StateUpdate,
    TextInput,
    UiEvent,
)
from agent.protocol.messages import Settings as ClientSettings
from agent.sessions.chronicle import Chronicler
from agent.sessions.events import Event
from agent.sessions.folding import EFFECTS, OBSERVED
from agent.sessions.journal import Journal
from agent.sessions.state import Skipped, State
from agent.sessions.store import events_of, state_of
from agent.sessions.stores import open_store
from agent.sessions.take import Unrecorded
from bench.instant import InstantEngines
from tests.conversation.client import Client, begin, silence, speak


def envelope(message: Message) -> Envelope[Any]:
    return Envelope(message, 0, 1, None)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(url=f"sqlite:///{tmp_path / 'journal.sqlite3'}")


@pytest.fixture
async def chronicler(settings: Settings) -> AsyncIterator[Chronicler]:
    chronicler = Chronicler(settings)
    chronicler.start()
    yield chronicler
    await chronicler.aclose()


@pytest.fixture
async def recorded(chronicler: Chronicler, engines: InstantEngines) -> AsyncIterator[ConversationHost]:
    host = ConversationHost(Config(), engines, sessions=chronicler)
    yield host
    await host.aclose()


async def written(settings: Settings, session: str) -> tuple[list[Event], State]:
    store = open_store(settings)
    try:
        return [event async for event in events_of(store, session)], await state_of(store, session)
    finally:
        await store.aclose()


def of(events: list[Event], kind: str) -> list[Mapping[str, Any]]:
    return [event.d for event in events if event.type == kind]


async def test_a_whole_conversation_is_written_down(recorded: ConversationHost, chronicler: Chronicler, settings: Settings) -> None:
    client = Client()
    conversation = await recorded.open(client, ClientHello(language="en"), identity="ann")
    assert client.messages(ServerHello)[0].stored
    conversation.receive(envelope(ContextUpdate(version=3, text="Gallery 3", ttl_ms=60_000)))
    conversation.receive(envelope(UiEvent(name="page_turn", data={"page": 3})))
    speak(conversation)
    silence(conversation, 3)
    await client.until_count(GenerationEnd, 1)
    conversation.receive(envelope(Playout(gen=1, t_heard=client.messages(GenerationEnd)[0].t_end)))
    conversation.receive(envelope(ClientSettings(language="zh")))
    conversation.receive(envelope(TextInput(text="And then?")))
    await client.until_count(GenerationStart, 2)
    conversation.receive(envelope(ClientInterrupt()))
    await conversation.aclose("the client left")
    await chronicler.aclose()

    events, state = await written(settings, conversation.session_id)
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert (events[0].type, events[-1].type) == ("session", "session_end")
    about = events[0].d
    assert {"org", "user", "persona", "version", "language", "door", "wants"} == set(about)
    assert (about["user"], about["persona"], about["door"]) == ("ann", "default", "local")
    kinds = {event.type for event in events}
    assert kinds >= {
        *("user_speech_start", "user_speech_end", "asr_final", "llm_first_token", "llm_delta", "tts_first_audio", "generation_start"),
        *("audio_out", "heard", "generation_end", "interrupt", "playout", "state", "context", "settings", "ui_event"),
    }
    assert kinds <= OBSERVED | set(EFFECTS)
    assert (state.user, state.persona, state.language, state.ended) == ("ann", "default", "zh", "the client left")
    assert state.skipped == Skipped()
    assert [item.role for item in state.items] == ["user", "assistant", "user", "assistant"]
    assert [item.text for item in state.items if item.role == "user"] == [message.text for message in client.messages(AsrFinal)]
    assert [(item.text, item.cut) for item in state.items if item.role == "assistant"] == [
        (message.text, message.interrupted) for message in client.messages(AssistantText)
    ]
    assert state.page is not None
    assert state.page.version == 3
    last = max(envelope.gen for envelope in client.received)
    assert state.gen == last


async def test_the_sound_that_went_out_is_known_to_the_sample(
    recorded: ConversationHost, chronicler: Chronicler, settings: Settings
) -> None:
    conversation, client = await begin(recorded)
    conversation.receive(envelope(TextInput(text="Hello")))
    await client.until_count(GenerationEnd, 1)
    await conversation.aclose("done")
    await chronicler.aclose()
    events, _ = await written(settings, conversation.session_id)
    sound = of(events, "audio_out")
    start, end = client.messages(GenerationStart)[0].t0, client.messages(GenerationEnd)[0].t_end
    assert sound[0]["t0"] <= start < sound[0]["t0"] + RATE // 50
    assert start < sound[-1]["t1"] <= end + RATE // 50
    assert len(sound) <= 2 + (end - start) // (5 * RATE)


async def test_the_text_of_an_answer_is_known_before_it_was_heard(
    recorded: ConversationHost, chronicler: Chronicler, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert chronicler.journal is not None
    append, whole = chronicler.journal.append, asyncio.Event()

    def appended(event: Event, owner: Any) -> None:
        append(event, owner)
        if event.type == "llm_delta" and event.d["whole"]:
            whole.set()

    monkeypatch.setattr(chronicler.journal, "append", appended)
    conversation, client = await begin(recorded)
    conversation.receive(envelope(TextInput(text="Hello")))
    await client.until_count(GenerationStart, 1)
    await asyncio.wait_for(whole.wait(), 10)
    conversation.receive(envelope(ClientInterrupt()))
    await client.until_count(ServerInterrupt, 1)
    await conversation.aclose("done")
    await chronicler.aclose()
    events, state = await written(settings, conversation.session_id)
    (draft,) = state.drafts
    assert draft.whole
    assert draft.text == "".join(d["text"] for d in of(events, "llm_delta"))
    assert draft.text.startswith(state.items[-1].text.strip())
    assert draft.gen == 1


async def test_metadata_holds_no_word_and_says_that_nothing_is_stored(settings: Settings, engines: InstantEngines, tmp_path: Path) -> None:
    settings = settings.model_copy(update={"content": "metadata"})
    chronicler = Chronicler(settings)
    chronicler.start()
    host = ConversationHost(Config(), engines, sessions=chronicler)
    conversation, client = await begin(host)
    assert not client.messages(ServerHello)[0].stored
    conversation.receive(envelope(TextInput(text="unspeakable-4711")))
    await client.until_count(GenerationEnd, 1)
    await host.aclose()
    await chronicler.aclose()
    events, state = await written(settings, conversation.session_id)
    assert of(events, "asr_final") == [{"id": "t1", "text_chars": 16, "via": "text"}]
    assert all("4711" not in event.line() for event in events)
    answer = client.messages(AssistantText)[0].text
    assert all(answer not in event.line() for event in events)
    assert state.skipped == Skipped()


async def test_off_writes_nothing_at_all(settings: Settings, engines: InstantEngines, tmp_path: Path) -> None:
    chronicler = Chronicler(settings.model_copy(update={"content": "off"}))
    assert chronicler.journal is None
    chronicler.start()
    host = ConversationHost(Config(), engines, sessions=chronicler)
    conversation, client = await begin(host)
    assert not client.messages(ServerHello)[0].stored
    conversation.receive(envelope(TextInput(text="Hello")))
    await client.until_count(GenerationEnd, 1)
    await host.aclose()
    await chronicler.aclose()
    assert os.listdir(tmp_path) == []


class Slow:
    """A chronicle whose commits are done when the test says so; it gives itself to whoever begins."""

    stored = True
    sound = Unrecorded()
    round = 0

    def __init__(self) -> None:
        self.kinds: list[str] = []
        self.on_lost: Callable[[], None] = lambda: None
        self._waiting: list[asyncio.Future[bool]] = []
        self._writes = False

    @property
    def behind(self) -> bool:
        """Whether something waits to be written down."""
        return any(not kept.done() for kept in self._waiting)

    def catch_up(self) -> None:
        """All of it is written down, and what comes is at once."""
        self._writes = True
        for kept in self._waiting:
            kept.set_result(True)

    async def begin(self, session: str, *, adoptable: bool = False) -> Slow:
        return self

    def may_act(self) -> bool:
        return True

    async def ticket(self, user: str) -> None:
        return None

    async def release(self, *, over: bool, orphan: bool = False) -> None:
        pass

    def write(self, kind: str, d: Mapping[str, Any], *, t: int, gen: int) -> None:
        self.kinds.append(kind)

    def commit(self, kind: str, d: Mapping[str, Any], *, t: int, gen: int) -> asyncio.Future[bool] | None:
        self.kinds.append(kind)
        kept = asyncio.get_running_loop().create_future()
        if self._writes:
            kept.set_result(True)
        else:
            self._waiting.append(kept)
        return kept


@pytest.fixture
async def slow(engines: InstantEngines) -> AsyncIterator[tuple[ConversationHost, Slow]]:
    chronicle = Slow()
    host = ConversationHost(Config(), engines, sessions=chronicle)  # type: ignore[arg-type]
    yield host, chronicle
    await host.aclose()


async def test_a_question_is_told_when_it_is_written_down_and_what_follows_comes_after_it(
    slow: tuple[ConversationHost, Slow], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outgoing, "PATIENCE_SECONDS", 60.0)
    host, chronicle = slow
    conversation, client = await begin(host)
    conversation.receive(envelope(TextInput(text="Hello")))
    await client.until(lambda: any(not block.blank for block in client.blocks))
    assert client.messages(AsrFinal) == client.messages(GenerationStart) == [], "the sound does not wait; what is told of it does"
    chronicle.catch_up()
    await client.until_count(GenerationStart, 1)
    kinds = [type(e.message) for e in client.received]
    assert kinds.index(AsrFinal) < kinds.index(GenerationStart)
    assert [e.seq for e in client.received] == list(range(1, len(client.received) + 1))


async def test_a_journal_that_takes_too_long_is_not_waited_for(slow: tuple[ConversationHost, Slow]) -> None:
    host, chronicle = slow
    conversation, client = await begin(host)
    conversation.receive(envelope(TextInput(text="Hello")))
    await client.until_count(GenerationEnd, 1)
    assert chronicle.behind
    assert len(client.messages(AsrFinal)) == 1


async def test_an_interrupt_waits_for_nothing(slow: tuple[ConversationHost, Slow], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outgoing, "PATIENCE_SECONDS", 60.0)
    host, _chronicle = slow
    conversation, client = await begin(host)
    conversation.receive(envelope(TextInput(text="Hello")))
    await client.until(lambda: any(not block.blank for block in client.blocks))
    conversation.receive(envelope(ClientInterrupt()))
    assert len(client.messages(ServerInterrupt)) == 1, "at once"
    kinds = [type(e.message) for e in client.received]
    assert kinds.index(AsrFinal) < kinds.index(ServerInterrupt)
    assert client.received[-1].message == StateUpdate(state="idle", reason="interrupted")


async def test_what_is_held_when_a_conversation_ends_is_told(slow: tuple[ConversationHost, Slow], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outgoing, "PATIENCE_SECONDS", 60.0)
    host, chronicle = slow
    conversation, client = await begin(host)
    conversation.receive(envelope(TextInput(text="Hello")))
    await conversation.aclose("done")
    assert len(client.messages(AsrFinal)) == 1
    assert chronicle.kinds[-1] == "session_end"


async def test_a_journal_that_fails_neither_stops_a_conversation_nor_promises_anything(
    settings: Settings, engines: InstantEngines, tmp_path: Path
) -> None:
    folder = tmp_path / "journal.sqlite3"
    folder.mkdir()
    chronicler = Chronicler(settings)
    chronicler.start()
    assert isinstance(chronicler.journal, Journal)
    async with asyncio.timeout(5):
        while not chronicler.problems():  # noqa: ASYNC110 - a thread finds out
            await asyncio.sleep(0.01)
    host = ConversationHost(Config(), engines, sessions=chronicler)
    conversation, client = await begin(host)
    assert not client.messages(ServerHello)[0].stored
    conversation.receive(envelope(TextInput(text="Hello")))
    await client.until_count(GenerationEnd, 1)
    await host.aclose()
    folder.rmdir()
    await chronicler.aclose()
    events, _ = await written(settings, conversation.session_id)
    assert events[-1].type == "session_end", "what waited was written when it could be"
