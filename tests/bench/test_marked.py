"""Answers that can be read from the sound, in a conversation in process."""

from __future__ import annotations

from typing import Any

import numpy as np
from livekit.agents import llm

from agent.config import Config, Persona
from agent.conversation.host import ConversationHost
from agent.protocol.envelope import Envelope
from agent.protocol.messages import AssistantText, GenerationEnd, TextInput
from bench.mark_tones import found
from bench.marked import AT_ONCE, MarkedEngines, MarkedLLM, question
from bench.marks import Mark, marks_in
from tests.conversation.client import begin


async def answer(context: llm.ChatContext) -> str:
    engine = MarkedLLM(think_seconds=0, write_seconds=0)
    text = ""
    async with engine.chat(chat_ctx=context) as stream:
        async for chunk in stream:
            text += (chunk.delta.content or "") if chunk.delta else ""
    return text


def context(*said: tuple[Any, str]) -> llm.ChatContext:
    made = llm.ChatContext.empty()
    for role, text in said:
        made.add_message(role=role, content=text)
    return made


async def test_an_answer_is_its_marks_and_each_call_is_another() -> None:
    this = context(("user", question(3, 8)))
    first, second = marks_in(await answer(this)), marks_in(await answer(this))
    assert [(mark.loop, mark.word) for mark in first] == [(3, word) for word in range(8)]
    assert len({mark.call for mark in first}) == 1
    assert first != second or marks_in(await answer(this)) != first  # one in a million


async def test_an_answer_that_is_begun_is_gone_on_from() -> None:
    begun = " ".join(Mark(5, word, 77).text for word in range(4))
    before = (("user", question(4, 8)), ("assistant", await answer(context(("user", question(4, 8))))))
    rest = marks_in(await answer(context(*before, ("user", question(5, 8)), ("assistant", begun))))
    assert [(mark.loop, mark.word) for mark in rest] == [(5, word) for word in range(4, 8)]


async def test_what_is_heard_in_a_conversation_are_the_words_that_were_written() -> None:
    host = ConversationHost(Config(personas={"default": Persona()}), MarkedEngines())
    try:
        conversation, client = await begin(host)
        conversation.receive(Envelope(TextInput(text=question(1, 2 * AT_ONCE, look=True))))
        await client.until_count(GenerationEnd, 1)
        written = marks_in(client.messages(AssistantText)[0].text)
        sound = np.concatenate([block.pcm for block in client.blocks])
        assert [(mark.loop, mark.word) for mark in written] == [(1, word) for word in range(2 * AT_ONCE)]
        assert [heard.mark for heard in found(sound)] == written
    finally:
        await host.aclose()
