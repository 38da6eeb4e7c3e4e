"""A session's hold on the local language model of `llama.py`."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from livekit.agents import APIConnectionError, llm
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS, APIConnectOptions
from livekit.agents.utils import shortuuid

from agent.aio import Tasks
from agent.providers.llm.child import Unanswered
from agent.providers.llm.libllama import Ending
from agent.providers.llm.llama import LlamaProcess, Messages
from agent.providers.llm.window import ANSWER_TOKENS, PROMPT_TOKENS, TEMPERATURE, fit, is_enough

logger = logging.getLogger("visavis.providers.llm")


class LlamaLLM(llm.LLM[Any]):
    """`local.qwen` for one session; the process is shared."""

    def __init__(self, process: LlamaProcess) -> None:
        super().__init__()
        self._process = process
        self._tasks = Tasks("language model of a session")
        self._reading: asyncio.Task[None] | None = None
        self._next: tuple[Messages, Ending] | None = None

    @property
    def model(self) -> str:
        return "local"

    @property
    def provider(self) -> str:
        return "local"

    def chat(
        self,
        *,
        chat_ctx: llm.ChatContext,
        tools: list[llm.Tool] | None = None,
        conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS,
        **_: Any,
    ) -> llm.LLMStream:
        """Ask. Tools are not for a model of this size: they are left out."""
        self._stop_reading()
        return _LlamaStream(self, self._process, chat_ctx=fit(chat_ctx, PROMPT_TOKENS), tools=[], conn_options=conn_options)

    def read_ahead(self, chat_ctx: llm.ChatContext, ending: Ending) -> None:
        """Implements `anticipation.ReadsAhead`. What is being read is read to its end first: the next call begins with the same words."""
        if not self._process.alive:
            return
        self._next = messages_of(fit(chat_ctx, PROMPT_TOKENS)), ending
        if self._reading is None or self._reading.done():
            self._reading = self._tasks.start(self._read(), "read ahead")

    async def _read(self) -> None:
        while self._next is not None:
            (messages, ending), self._next = self._next, None
            try:
                async for _ in self._process.ask(messages, most=0, ending=ending):
                    pass
            except Unanswered as error:
                logger.debug("reading ahead failed: %s", error)

    def _stop_reading(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
            self._reading = self._next = None

    async def aclose(self) -> None:
        await self._tasks.aclose()
        await super().aclose()


class _LlamaStream(llm.LLMStream):
    def __init__(self, owner: LlamaLLM, process: LlamaProcess, **options: Any) -> None:
        super().__init__(owner, **options)
        self._process = process

    async def _run(self) -> None:
        try:
            await self._answer()
        except Unanswered as error:
            raise APIConnectionError(str(error), retryable=error.retryable) from None

    async def _answer(self) -> None:
        identity = shortuuid("local_")
        usage, written, said = None, 0, ""
        async for message in self._process.ask(messages_of(self._chat_ctx), most=ANSWER_TOKENS, temperature=TEMPERATURE):
            if "end" in message:
                read = message["read"] + message["cached"]
                usage = llm.CompletionUsage(
                    completion_tokens=message["written"],
                    prompt_tokens=read,
                    prompt_cached_tokens=message["cached"],
                    total_tokens=read + message["written"],
                )
                break
            delta = llm.ChoiceDelta(role="assistant", content=message["text"])
            self._event_ch.send_nowait(llm.ChatChunk(id=identity, delta=delta))
            written, said = written + 1, said + message["text"]
            if is_enough(written, said):
                break
        self._event_ch.send_nowait(llm.ChatChunk(id=identity, usage=usage))


def messages_of(context: llm.ChatContext) -> list[tuple[str, str]]:
    """What the model reads of a conversation."""
    return [
        ("system" if item.role == "developer" else item.role, item.text_content or "") for item in context.items if item.type == "message"
    ]
