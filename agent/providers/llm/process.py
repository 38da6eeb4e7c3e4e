"""The local language model on a plain library, where `llama.py` has no build for the system: llama.cpp's own HTTP server, spoken to with OpenAI's protocol.

Closing a request's connection stops its computation: llama.cpp looks between two batches whether the client is still there. The child is
`agent.providers.llm.serve`.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import openai

from agent.providers.llm.child import SupervisedChild, Unanswered
from agent.providers.llm.serve import KEY_VARIABLE

ANSWER_SECONDS: Final = 60.0
"""Between two tokens, the first one included."""
KEEP_SECONDS: Final = 120.0


class LanguageModelProcess(SupervisedChild):
    """Starts the process, and holds the client that speaks to it."""

    def __init__(self, model: Path, threads: int) -> None:
        self._key: Final = secrets.token_urlsafe(24)
        environment = {
            KEY_VARIABLE: self._key,
            # Threads that spin at a barrier while another process has their core made generation three to eight times slower on a busy machine.
            "OMP_WAIT_POLICY": "passive",
        }
        super().__init__("agent.providers.llm.serve", (str(model), str(threads)), environment)
        self._client: openai.AsyncClient | None = None

    @property
    def client(self) -> openai.AsyncClient | None:
        """None while the process is being started again."""
        return self._client

    @property
    def alive(self) -> bool:
        return self._client is not None

    def _up(self, process: asyncio.subprocess.Process, first_line: bytes) -> None:
        url = str(json.loads(first_line)["url"])
        # A connection that is kept may be closed by the server in the moment in which it is used again, and the question would be lost.
        transport = openai.DefaultAsyncHttpxClient(trust_env=False, headers={"Connection": "close"})
        timeout = openai.Timeout(connect=2.0, read=ANSWER_SECONDS, write=5.0, pool=5.0)
        self._client = openai.AsyncClient(api_key=self._key, base_url=f"{url}/v1", max_retries=0, timeout=timeout, http_client=transport)

    async def keep(self, messages: Sequence[tuple[str, str]]) -> float:
        if self._client is None:
            return 0.0
        started = time.monotonic()
        prompt: list[Any] = [{"role": role, "content": text} for role, text in (*messages, ("user", "Hello"))]
        try:
            await self._client.with_options(timeout=KEEP_SECONDS).chat.completions.create(
                model="local", messages=prompt, max_tokens=1, extra_body={"cache_prompt": True}
            )
        except openai.OpenAIError as error:
            raise Unanswered(f"the language model could not read the beginning of conversations: {error}", retryable=True) from None
        return time.monotonic() - started

    async def _down(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.close()
