"""What only the page on the user's screen says comes back in the answer of the local model."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from agent.config import Config, Persona
from agent.conversation.host import ConversationHost
from agent.conversation.parts import Parts
from agent.models.errors import ModelError
from agent.models.runtimes import RUNTIME
from agent.models.store import ModelStore
from agent.protocol.envelope import Envelope
from agent.protocol.messages import AssistantText, ContextAck, ContextUpdate, GenerationEnd, Language, TextInput
from agent.providers.llm.llama import LlamaProcess
from agent.providers.llm.llama_session import LlamaLLM
from bench.instant import InstantEngines
from tests.conversation.client import begin


class LocalModel(InstantEngines):
    """Instant ears and voice around the local language model."""

    def __init__(self, process: LlamaProcess) -> None:
        super().__init__()
        self._process = process

    def build(self, persona: Persona) -> Parts:
        return replace(super().build(persona), llm=LlamaLLM(self._process))


@pytest.fixture
async def host() -> AsyncIterator[ConversationHost]:
    if RUNTIME is None:
        pytest.skip("there is no build of llama.cpp for this system")
    store = ModelStore()
    try:
        process = LlamaProcess(store.path(RUNTIME.name), store.path("qwen2.5-coder-1.5b-instruct"), 2, store.root / "beginnings")
    except ModelError as error:
        pytest.skip(f"the language model is not installed: {error}")
    await process.start()
    host = ConversationHost(Config(), LocalModel(process))
    yield host
    await host.aclose()
    await process.aclose()


PAGES: dict[Language, tuple[str, str, list[str]]] = {
    "en": (
        "The old town hall. Its great bell weighs 832 kilograms. It was cast in the year 1713 by Jonas Weller.",
        "How heavy is the great bell?",
        ["832", "eight hundred"],
    ),
    "zh": ("老市政厅。它的大钟重832公斤，由王大明在1713年铸造。", "这口大钟有多重？", ["832", "八百三十二"]),
}


@pytest.mark.models
@pytest.mark.parametrize("language", ["en", "zh"])
async def test_a_fact_that_only_the_page_holds_is_in_the_answer(host: ConversationHost, language: Language) -> None:
    text, question, facts = PAGES[language]
    conversation, client = await begin(host, language=language)
    conversation.receive(Envelope(ContextUpdate(version=1, text=text)))
    await client.until_count(ContextAck, 1)
    assert client.messages(AssistantText) == [], "nobody speaks of a page unasked"
    conversation.receive(Envelope(TextInput(text=question)))
    await client.until(lambda: client.messages(GenerationEnd), 60)
    answer = client.messages(AssistantText)[-1].text
    assert any(fact in answer for fact in facts), answer
