"""Conversations that are left and gone on with, in one process, with a real journal: what is heard again, and what never."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from agent.config import Config, Journal
from agent.conversation.conversation import Conversation
from agent.conversation.host import ConversationHost
from agent.protocol.envelope import Envelope
from agent.protocol.messages import (
    AsrFinal,
    AssistantText,
    ClientHello,
    ClientInterrupt,
    ContextUpdate,
    ErrorMessage,
    GenerationEnd,
    GenerationStart,
    Goodbye,
    Line,
    PageRequest,
    PageState,
    Playout,
    Restore,
    ResumeConfirm,
    ResumeSecret,
    RoundUpdate,
    ServerHello,
    TextInput,
)
from agent.sessions.chronicle import Chronicler
from agent.sessions.secrets import ResumeRefused
from agent.sessions.store import events_of
from agent.sessions.stores import open_store
from bench.instant import InstantEngines, InstantLLM
from bench.marked import MarkedEngines, question
from bench.marks import Mark, marks_in
from bench.retellings import written
from tests.conversation.client import Client

USER = "ada"


@pytest.fixture
def settings(tmp_path: Path) -> Journal:
    return Journal(url=f"sqlite:///{tmp_path}/journal.db")


@pytest.fixture
async def sessions(settings: Journal) -> AsyncIterator[Chronicler]:
    chronicler = Chronicler(settings)
    chronicler.start()
    yield chronicler
    await chronicler.aclose()


@pytest.fixture
async def host(engines: InstantEngines, sessions: Chronicler) -> AsyncIterator[ConversationHost]:
    host = ConversationHost(Config.model_validate({"limits": {"sessions": 3}}), engines, sessions=sessions)
    yield host
    await host.aclose()


class Person:
    """Somebody who talks by one connection, reports what was heard, and confirms each secret."""

    def __init__(self, conversation: Conversation, client: Client) -> None:
        self.conversation = conversation
        self.client = client
        self.hello: ServerHello = client.messages(ServerHello)[0]
        self.secret, number = ticket_of(client)
        self.tell(ResumeConfirm(number=number))

    def tell(self, message: Any) -> None:
        self.conversation.receive(Envelope(message))

    async def ask(self, text: str) -> None:
        """Ask, and wait for the answer's first sound."""
        begun = len(self.client.messages(GenerationStart))
        self.conversation.receive(Envelope(TextInput(text=text)))
        await self.client.until_count(GenerationStart, begun + 1)

    async def hear_out(self, count: int = 1) -> None:
        """Hear answers to their end, and say so."""
        await self.client.until_count(GenerationEnd, count)
        end = next(e for e in reversed(self.client.received) if isinstance(e.message, GenerationEnd))
        await self.client.until(lambda: self.statuses()[-1:] != ["confirmed"] or self.conversation._timeline.t > end.message.t_end + 4_800)
        self.tell(Playout(gen=end.gen, t_heard=end.message.t_end))
        await self.client.until(lambda: "heard" in self.statuses())

    async def written_whole(self) -> None:
        """Until the model has written all of the answer: of one cut off before, the rest is asked for."""
        rounds = self.conversation._rounds
        await self.client.until(lambda: (loop := rounds.state.current.loop) is not None and loop.draft.whole)

    def statuses(self) -> list[str]:
        return [update.status for update in self.client.messages(RoundUpdate)]

    async def vanish(self) -> None:
        """The connection is lost."""
        await self.conversation.aclose("it was lost")


async def arrive(host: ConversationHost, *, user: str = USER, **hello: Any) -> Person:
    client = Client()
    conversation = await host.open(client, ClientHello(**hello), identity=user)
    if client.messages(ServerHello)[0].resume is None:  # the disk took its time
        await client.until_count(ResumeSecret, 1)
    return Person(conversation, client)


def ticket_of(client: Client) -> tuple[str, int]:
    """The secret to come back with, and its number."""
    told = client.messages(ServerHello)[0].resume or client.messages(ResumeSecret)[0]
    return told.secret, told.number


async def return_(host: ConversationHost, person: Person, *, user: str = USER, **hello: Any) -> Person:
    return await arrive(host, user=user, session_id=person.hello.session_id, resume=person.secret, **hello)


def asked(engines: InstantEngines) -> int:
    """How often any model was asked."""
    return sum(len(parts.llm.asked) for parts in engines.made if isinstance(parts.llm, InstantLLM))


async def test_what_was_heard_is_remembered_and_never_heard_again(host: ConversationHost, engines: InstantEngines) -> None:
    first = await arrive(host)
    assert not first.hello.resumed
    await first.ask("one")
    await first.hear_out()
    await first.vanish()

    second = await return_(host, first)
    assert second.hello.resumed
    assert second.hello.session_id == first.hello.session_id
    await second.client.until_count(Restore, 1)
    answer = first.client.messages(AssistantText)[0].text
    assert second.client.messages(Restore)[0].lines == [Line(who="user", text="one"), Line(who="agent", text=answer)]
    before = asked(engines)
    await second.ask("two")
    assert asked(engines) == before + 1, "nothing was asked again"
    said = [item.text_content for item in engines.made[-1].llm.asked[-1].items if item.type == "message"]  # type: ignore[attr-defined]
    assert said[-3:] == ["one", answer, "two"]
    assert second.conversation._rounds.state.counter == 2


async def test_an_answer_that_was_not_heard_to_its_end_is_heard_from_its_start_in_the_same_words(
    host: ConversationHost, engines: InstantEngines
) -> None:
    first = await arrive(host)
    await first.ask("one")
    await first.client.until(lambda: len(first.client.pitches()) > 30)
    await first.written_whole()
    await first.vanish()
    before = asked(engines)

    second = await return_(host, first)
    await second.client.until_count(AssistantText, 1)
    assert second.client.messages(AssistantText)[0].text == "Answer number 1, in a sentence of some length."
    assert asked(engines) == before, "the words were known"
    restore = second.client.messages(Restore)[0]
    assert (restore.loop, restore.lines) == (0, [Line(who="user", text="one")])
    await second.hear_out()
    messages = [item.text_content for item in second.conversation.memory().items if item.type == "message" and item.role != "system"]
    assert messages == ["one", "Answer number 1, in a sentence of some length."]
    await second.vanish()
    third = await return_(host, second)
    await third.ask("two")
    assert len(third.client.messages(GenerationStart)) == 1, "the first answer is not heard a third time"


@pytest.mark.parametrize("engines", [InstantEngines(token_seconds=0.2)])
async def test_an_answer_of_which_the_beginning_was_written_goes_on_behind_it(host: ConversationHost, engines: InstantEngines) -> None:
    first = await arrive(host)
    await first.ask("one")
    await first.vanish()
    written = first.conversation._rounds.state.current.loop
    assert written is not None
    assert not written.draft.whole
    before = asked(engines)

    second = await return_(host, first)
    await second.client.until_count(AssistantText, 1)
    assert second.client.messages(AssistantText)[0].text.startswith(written.draft.text.strip())
    prompt = engines.made[-1].llm.asked[-1].items  # type: ignore[attr-defined]
    assert asked(engines) == before + 1
    assert prompt[-2].role == "assistant"
    assert prompt[-2].text_content == written.draft.text


@pytest.mark.parametrize("engines", [InstantEngines(token_seconds=0.3)])
async def test_a_question_without_an_answer_is_asked_again(host: ConversationHost, engines: InstantEngines) -> None:
    first = await arrive(host)
    first.conversation.receive(Envelope(TextInput(text="one")))
    await first.client.until_count(AsrFinal, 1)
    await first.vanish()

    second = await return_(host, first)
    await second.client.until_count(AssistantText, 1)
    questions = [item for item in second.conversation.memory().items if item.type == "message" and item.role == "user"]
    assert [question.text_content for question in questions] == ["one"]
    assert not second.client.messages(AsrFinal), "nobody has said it again"


async def test_what_the_user_has_cut_is_not_heard_again(host: ConversationHost, engines: InstantEngines) -> None:
    first = await arrive(host)
    await first.ask("one")
    first.tell(ClientInterrupt())
    await first.client.until(lambda: "cut" in first.statuses())
    await first.vanish()
    before = asked(engines)

    second = await return_(host, first)
    await second.client.until_count(Restore, 1)
    await second.ask("two")
    assert len(second.client.messages(GenerationStart)) == 1
    assert asked(engines) == before + 1


async def test_lines_and_answers_are_numbered_on(host: ConversationHost) -> None:
    first = await arrive(host)
    await first.ask("one")
    await first.hear_out()
    await first.vanish()
    second = await return_(host, first)
    await second.ask("two")
    ids = [[m.id for m in person.client.messages(kind)] for kind in (AsrFinal, AssistantText) for person in (first, second)]
    assert not set(ids[0]) & set(ids[1])
    assert not set(ids[2]) & set(ids[3])
    assert second.client.received[0].gen > max(e.gen for e in first.client.received)
    assert second.client.messages(GenerationStart)[0].t0 > first.conversation._timeline.t


async def test_a_page_that_was_reported_comes_back_byte_for_byte(host: ConversationHost) -> None:
    first = await arrive(host, wants=["page_state"])
    await first.ask("one")
    await first.hear_out()
    first.conversation.receive(Envelope(TextInput(text="two")))
    await first.client.until_count(PageRequest, 1)
    content = base64.b64encode(bytes(range(256)) * 4096).decode()
    first.tell(PageState(round=1, version=7, content=content))
    await first.client.until(lambda: "closed" in first.statuses())
    await first.vanish()
    second = await return_(host, first, wants=["page_state"])
    await second.client.until_count(Restore, 1)
    restore = second.client.messages(Restore)[0]
    assert (restore.version, restore.content) == (7, content)


@pytest.mark.parametrize(
    ("page", "code", "says"),
    [
        (PageState(round=9, version=1, content=""), "bad_message", "round 9 does not exist"),
        (PageState(round=1, version=1, content="%"), "bad_message", "base64"),
        (PageState(round=1, version=1, content=base64.b64encode(bytes(1024 * 1024 + 1)).decode()), "too_large", "1,048,577"),
    ],
)
async def test_a_page_that_cannot_be_taken_is_refused_in_words(host: ConversationHost, page: PageState, code: str, says: str) -> None:
    person = await arrive(host, wants=["page_state"])
    person.tell(page)
    error = person.client.messages(ErrorMessage)[0]
    assert error.code == code
    assert says in error.message
    assert error.recoverable


async def test_who_says_goodbye_does_not_come_back(host: ConversationHost, sessions: Chronicler) -> None:
    first = await arrive(host)
    first.tell(Goodbye())
    await first.conversation.ended.wait()
    with pytest.raises(ResumeRefused, match="begin a new session"):
        await return_(host, first)


async def test_only_the_user_with_the_secret_comes_back(host: ConversationHost) -> None:
    first = await arrive(host)
    await first.vanish()
    with pytest.raises(ResumeRefused, match="not one of this session and user"):
        await return_(host, first, user="eve")
    with pytest.raises(ResumeRefused, match="not one of this session and user"):
        await arrive(host, session_id=first.hello.session_id, resume="guessed")
    assert host.count == 0, "a refusal takes no place"
    second = await return_(host, first)
    assert second.hello.resumed


async def test_of_two_that_come_back_at_once_one_is_let_in(host: ConversationHost) -> None:
    first = await arrive(host)
    await first.vanish()
    results = await asyncio.gather(return_(host, first), return_(host, first), return_exceptions=True)
    assert sorted(type(result).__name__ for result in results) == ["Person", "ResumeRefused"]


async def test_another_device_takes_the_living_conversation_over(host: ConversationHost) -> None:
    first = await arrive(host)
    await first.ask("one")
    second = await return_(host, first)
    assert first.conversation.ended.is_set()
    assert first.client.closed == 1
    assert first.client.last_word is not None
    assert first.client.last_word.code == "taken_over"
    sounded = len(first.client.blocks)
    await second.client.until_count(AssistantText, 1)
    assert len(first.client.blocks) == sounded
    assert host.count == 1


async def test_the_page_on_the_screen_is_remembered(host: ConversationHost) -> None:
    first = await arrive(host)
    first.tell(ContextUpdate(version=3, text="A bronze bell."))
    await first.vanish()
    second = await return_(host, first)
    assert "bronze bell" in (second.conversation._context.text(time.monotonic()) or "")


async def test_who_never_reports_is_taken_to_have_heard(host: ConversationHost) -> None:
    person = await arrive(host)
    await person.ask("one")
    await person.client.until(lambda: "heard" in person.statuses())


async def test_a_clock_that_is_a_little_ahead_counts(host: ConversationHost) -> None:
    """A client that finds our clock in the sound is never quite right; far ahead it is wrong."""
    person = await arrive(host)
    await person.ask("one")
    await person.client.until_count(GenerationEnd, 1)
    end = next(e for e in person.client.received if isinstance(e.message, GenerationEnd))
    person.tell(Playout(gen=end.gen, t_heard=person.conversation._timeline.t + 48_000))
    assert "heard" not in person.statuses()
    person.tell(Playout(gen=end.gen, t_heard=person.conversation._timeline.t + 2_000))
    await person.client.until(lambda: "heard" in person.statuses())


async def test_a_client_that_is_cut_off_and_stays_at_its_door_hears_the_answer_again(
    host: ConversationHost, engines: InstantEngines
) -> None:
    person = await arrive(host)
    await person.ask("one")
    await person.written_whole()
    before = asked(engines)
    person.conversation.absent()
    person.conversation.present()
    await person.client.until_count(AssistantText, 1)
    assert asked(engines) == before
    assert len(person.client.messages(ServerHello)) == 2
    assert person.client.messages(Restore)[0].lines == [Line(who="user", text="one")]


@pytest.mark.parametrize("engines", [MarkedEngines()])
async def test_what_a_model_writes_of_an_answer_that_is_given_anew_is_nobodys(host: ConversationHost, settings: Journal) -> None:
    """Until it has stopped it writes a word more: the journal holds what is told, in the words in which it is."""
    person = await arrive(host)
    await person.ask(question(1, 16))
    recording = person.conversation._recording
    [speech] = recording._answers
    person.conversation.absent()
    recording.wrote(speech, f" {Mark(1, 4, 0).text}", whole=False)
    person.conversation.present()
    await person.client.until_count(AssistantText, 1)
    told = marks_in(person.client.messages(AssistantText)[0].text)
    await person.vanish()
    store = open_store(settings)
    assert written([event async for event in events_of(store, person.hello.session_id)])[1] == told
    await store.aclose()
    assert len({mark.call for mark in told}) == 2, "the model has gone on behind the beginning"


@pytest.mark.parametrize("engines", [MarkedEngines()])
async def test_a_first_word_that_comes_after_the_client_is_gone_is_nobodys(host: ConversationHost, settings: Journal) -> None:
    """The model was still thinking: the question is asked again, and the journal holds what is told, and nothing else."""
    person = await arrive(host)
    person.conversation.receive(Envelope(TextInput(text=question(1, 6))))
    session = person.conversation._answering._session
    await person.client.until(lambda: session.current_speech is not None)
    speech = session.current_speech
    person.conversation.absent()
    person.conversation._recording.wrote(speech, Mark(1, 0, 0).text, whole=False)
    person.conversation.present()
    await person.client.until_count(AssistantText, 1)
    told = person.client.messages(AssistantText)[0].text
    await person.vanish()
    store = open_store(settings)
    wrote = [event.d["text"] async for event in events_of(store, person.hello.session_id) if event.type == "llm_delta"]
    await store.aclose()
    assert len(marks_in(told)) == 6
    assert "".join(wrote) == told


async def test_nothing_can_be_resumed_without_a_journal(engines: InstantEngines) -> None:
    host = ConversationHost(Config(), engines)
    client = Client()
    await host.open(client, ClientHello(), identity=USER)
    assert client.messages(ServerHello)[0].resume is None
    with pytest.raises(ResumeRefused):
        await host.open(Client(), ClientHello(session_id="s-1", resume="x"), identity=USER)
    await host.aclose()


async def test_a_session_that_cannot_go_on_now_can_later(
    host: ConversationHost, engines: InstantEngines, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await arrive(host)
    await first.ask("one")
    await first.hear_out()
    await first.vanish()
    with monkeypatch.context() as broken:
        broken.setattr(engines, "build", lambda persona: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            await return_(host, first)
    assert host.count == 0
    monkeypatch.setattr("agent.sessions.secrets.CLAIM_MS", 0)
    second = await return_(host, first)
    assert second.hello.resumed
    await second.client.until_count(Restore, 1)
    assert second.client.messages(Restore)[0].lines[0].text == "one"
