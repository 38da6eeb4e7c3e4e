"""What the model is asked, and what it reads ahead, beside what was said."""

from __future__ import annotations

from dataclasses import replace

from livekit.agents import llm

from agent.config import Config, Persona
from agent.conversation.anticipation import Ending
from agent.conversation.host import ConversationHost
from agent.conversation.parts import Parts
from agent.protocol.messages import AsrFinal, GenerationEnd
from bench.instant import InstantEngines, InstantLLM
from tests.conversation.client import begin, silence, speak


class ReadingLLM(InstantLLM):
    """Keeps what it read ahead."""

    def __init__(self) -> None:
        super().__init__(lambda prompt: "好的。")
        self.read: list[tuple[str, Ending]] = []

    def read_ahead(self, chat_ctx: llm.ChatContext, ending: Ending) -> None:
        self.read.append((last_of(chat_ctx), ending))


class ReadingEngines(InstantEngines):
    def __init__(self) -> None:
        super().__init__()
        self.llm = ReadingLLM()

    def build(self, persona: Persona) -> Parts:
        return replace(super().build(persona), llm=self.llm)


def last_of(prompt: llm.ChatContext) -> str:
    last = prompt.items[-1]
    assert last.type == "message"
    return last.text_content or ""


async def test_a_chinese_question_without_a_mark_is_asked_with_one_and_read_ahead_without() -> None:
    engines = ReadingEngines()
    engines.hears = "打开客厅的灯"
    host = ConversationHost(Config(personas={"default": Persona(language="zh")}), engines)
    conversation, client = await begin(host)
    speak(conversation)
    await client.until(lambda: ("打开客厅", "open") in engines.llm.read)
    silence(conversation, 1.2)
    await client.until_count(GenerationEnd, 1)
    assert {last_of(prompt) for prompt in engines.llm.asked} == {"打开客厅的灯。"}
    assert {final.text for final in client.messages(AsrFinal)} == {"打开客厅的灯"}, "what is shown is what was heard"
    await host.aclose()
