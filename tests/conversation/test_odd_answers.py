"""A model whose answers are odd: the conversation stays calm and goes on."""

from __future__ import annotations

import pytest
from livekit.agents import llm

from agent.config import Config
from agent.conversation.host import ConversationHost
from agent.protocol.envelope import Envelope
from agent.protocol.messages import AssistantText, AssistantTextDelta, ErrorMessage, GenerationEnd, StateUpdate, TextInput
from bench.instant import InstantEngines, InstantLLM
from tests.conversation.client import Client, begin


async def asked(client: Client, model: InstantLLM, times: int) -> None:
    await client.until(lambda: len(model.asked) >= times)


async def ask(answer: str, **limits: int) -> tuple[ConversationHost, Client]:
    """A conversation in which `answer` was given to the first question and a plain one to the second, each heard to its end."""
    answers = iter([answer, "Plain answer number two."])

    def next_answer(context: llm.ChatContext) -> str:
        return next(answers)

    engines = InstantEngines(answer=next_answer)
    host = ConversationHost(Config.model_validate({"limits": limits}), engines)
    conversation, client = await begin(host)
    model = engines.made[0].llm
    assert isinstance(model, InstantLLM)
    for number, question in enumerate(("first", "second")):
        conversation.receive(Envelope(TextInput(text=question)))
        await asked(client, model, number + 1)
        if number == 0 and len(answer) > 1_000:
            return host, client
        await client.until(lambda: client.messages(StateUpdate)[-1].state == "listening" and len(client.messages(StateUpdate)) > 2)
    await client.until(lambda: any("two" in m.text for m in client.messages(AssistantText)))
    return host, client


@pytest.mark.parametrize("answer", ["", "  \n", "---\n\n***", "```\n```", "……"])
async def test_an_answer_without_a_word_is_an_error_and_the_next_question_works(answer: str) -> None:
    host, client = await ask(answer)
    assert [m.code for m in client.messages(ErrorMessage)] == ["llm_failed"]
    assert client.messages(ErrorMessage)[0].recoverable
    await host.aclose()


@pytest.mark.parametrize(
    "answer", ["# Title\n\n- **one**\n- `two`", "<b>bold</b> [link](http://a.example)", "你好，世界。", "Это по-русски."]
)
async def test_markup_and_other_languages_are_spoken(answer: str) -> None:
    host, client = await ask(answer)
    await client.until_count(GenerationEnd, 2)
    assert client.messages(ErrorMessage) == []
    assert "".join(m.text for m in client.messages(AssistantTextDelta)).startswith(answer[:10].strip()[:3])
    await host.aclose()


async def test_an_endless_answer_is_ended() -> None:
    host, client = await ask(" ".join(f"word{i}" for i in range(100_000)), answer_characters=100)
    await client.until_count(GenerationEnd, 1)
    said = client.messages(AssistantText)[0].text
    assert 50 < len(said) < 150
    await host.aclose()
