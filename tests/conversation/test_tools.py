"""Functions that the model calls: their results are spoken, and an interrupt in the middle of one leaves nothing of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from livekit.agents import llm
from livekit.agents.llm import function_tool
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS, APIConnectOptions

from agent.config import Config, Persona
from agent.conversation.host import ConversationHost
from agent.conversation.parts import Parts
from agent.protocol.envelope import Envelope
from agent.protocol.messages import (
    AssistantText,
    AssistantTextDelta,
    ClientInterrupt,
    ContextUpdate,
    ErrorMessage,
    GenerationEnd,
    GenerationStart,
    ServerInterrupt,
    TextInput,
)
from bench.instant import InstantEngines
from tests.conversation.client import begin, silence, speak


class Clock:
    """A function that takes its time."""

    def __init__(self) -> None:
        self.called = asyncio.Event()
        self.returns = asyncio.Event()

    async def look(self) -> str:
        """Tell the time."""
        self.called.set()
        await self.returns.wait()
        return "seven"


class CallingLLM(llm.LLM[Any]):
    """Calls the function when it is asked for the time, and says what it gave; answers anything else at once."""

    def chat(
        self, *, chat_ctx: llm.ChatContext, tools: Any = None, conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS, **_: Any
    ) -> llm.LLMStream:
        return _CallingStream(self, chat_ctx=chat_ctx, tools=tools or [], conn_options=conn_options)


class _CallingStream(llm.LLMStream):
    async def _run(self) -> None:
        last = self._chat_ctx.items[-1]
        if last.type == "message" and "time" in (last.text_content or ""):
            call = llm.FunctionToolCall(name="look", arguments="{}", call_id="c1")
            delta = llm.ChoiceDelta(role="assistant", tool_calls=[call])
        elif last.type == "function_call_output":
            delta = llm.ChoiceDelta(role="assistant", content=f"It is number {last.output} by the clock.")
        else:
            delta = llm.ChoiceDelta(role="assistant", content="Answer number two.")
        self._event_ch.send_nowait(llm.ChatChunk(id="calling", delta=delta))


class CallingEngines(InstantEngines):
    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock

    def build(self, persona: Persona) -> Parts:
        return replace(super().build(persona), llm=CallingLLM(), tools=(function_tool(self._clock.look, name="look"),))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def host(clock: Clock) -> AsyncIterator[ConversationHost]:
    host = ConversationHost(Config(), CallingEngines(clock))
    yield host
    await host.aclose()


async def test_what_a_function_gave_is_spoken(host: ConversationHost, clock: Clock) -> None:
    conversation, client = await begin(host)
    conversation.receive(Envelope(TextInput(text="What is the time?")))
    await asyncio.wait_for(clock.called.wait(), 10)
    clock.returns.set()
    await client.until_count(GenerationEnd, 1)
    assert "seven" in client.messages(AssistantText)[-1].text
    assert client.pitches()
    assert client.messages(ErrorMessage) == []


@pytest.mark.parametrize("how", ["button", "text", "voice", "context"])
async def test_an_interrupt_while_a_function_runs_leaves_nothing_of_the_answer(host: ConversationHost, clock: Clock, how: str) -> None:
    conversation, client = await begin(host)
    conversation.receive(Envelope(TextInput(text="What is the time?")))
    await asyncio.wait_for(clock.called.wait(), 10)
    if how == "voice":
        speak(conversation)
        silence(conversation, 1.5)
    elif how == "context":
        conversation.receive(Envelope(ContextUpdate(version=1, text="Another page.", interrupt=True)))
    elif how == "button":
        conversation.receive(Envelope(ClientInterrupt()))
    if how != "voice":
        conversation.receive(Envelope(TextInput(text="second")))
    await client.until_count(ServerInterrupt, 1)
    clock.returns.set()
    await client.until_count(GenerationEnd, 1)
    cut = next(e for e in client.received if isinstance(e.message, ServerInterrupt))
    assert all(e.gen >= cut.gen for e in client.received[client.received.index(cut) :])
    said = "".join(m.text for m in client.messages(AssistantTextDelta))
    assert "seven" not in said
    assert "two" in said
    assert {b.gen for b in client.blocks if not b.blank} == {
        next(e.gen for e in reversed(client.received) if isinstance(e.message, GenerationStart))
    }
    assert client.messages(ErrorMessage) == []
