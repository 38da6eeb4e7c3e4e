"""A session's hold on the local language model of `process.py`. Imports livekit-plugins-openai, which takes half a second."""

from __future__ import annotations

from typing import Any, Final

from livekit.agents import APIConnectionError, llm
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS, APIConnectOptions
from livekit.plugins import openai

from agent.providers.llm.process import LanguageModelProcess
from agent.providers.llm.window import ANSWER_TOKENS, PROMPT_TOKENS, TEMPERATURE, fit

_CACHE_AND_PROGRESS: Final = {"cache_prompt": True, "return_progress": True}
"""With a word of progress after each batch of the prompt, the server notices a closed connection then, and not only when it has read it all."""


class LocalLLM(openai.LLM):
    """One a session; the process behind it is shared."""

    def __init__(self, process: LanguageModelProcess) -> None:
        client = process.client
        if client is None:
            raise APIConnectionError("the language model is being started again; ask again in a moment", retryable=True)
        super().__init__(
            model="local", client=client, temperature=TEMPERATURE, max_completion_tokens=ANSWER_TOKENS, extra_body=dict(_CACHE_AND_PROGRESS)
        )
        self._process = process

    @property
    def provider(self) -> str:
        return "local"

    def chat(  # type: ignore[override]  # what is not named here is passed on
        self,
        *,
        chat_ctx: llm.ChatContext,
        tools: list[llm.Tool] | None = None,
        conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS,
        **options: Any,
    ) -> llm.LLMStream:
        """Ask. The process may have been started again since the last question, which gave it another address."""
        if (client := self._process.client) is not None:
            self._client = client
        return super().chat(chat_ctx=fit(chat_ctx, PROMPT_TOKENS), tools=tools, conn_options=conn_options, **options)
