"""The local language model on llama.cpp's C library: a child process, and requests that are written into its standard input.

A process of its own, so that a model that dies takes nobody along, and so that no lock of Python's is shared. The child is `agent.providers.llm.llama_child`.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
import time
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from typing import Any, Final

from livekit.agents import APIConnectionError, APIError, APITimeoutError, llm
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS, APIConnectOptions
from livekit.agents.utils import shortuuid

from agent.aio import Tasks
from agent.providers.llm.child import SupervisedChild
from agent.providers.llm.libllama import Ending
from agent.providers.llm.window import ANSWER_TOKENS, PROMPT_TOKENS, TEMPERATURE, fit, is_enough
from agent.providers.local.baton import Claim

logger = logging.getLogger("visavis.providers.llm")

Messages = Sequence[tuple[str, str]]

TOKEN_SECONDS: Final = 60.0
"""Between two pieces of an answer, the first one included."""


class LlamaProcess(SupervisedChild):
    """Starts the process and speaks with it. `libraries`: the folder of llama.cpp's shared libraries; `beginnings`: where read prompts are kept."""

    def __init__(self, libraries: Path, model: Path, threads: int, beginnings: Path) -> None:
        arguments = (str(libraries), str(model), str(threads), str(beginnings))
        super().__init__("agent.providers.llm.llama_child", arguments, {})
        self._input: asyncio.StreamWriter | None = None
        self._numbers = itertools.count(1)
        self._answers: dict[int, asyncio.Queue[dict[str, Any] | None]] = {}

    @property
    def alive(self) -> bool:
        return self._input is not None

    def _up(self, process: asyncio.subprocess.Process, first_line: bytes) -> None:
        if json.loads(first_line) != {"ready": True}:
            raise ValueError(first_line)
        assert process.stdout is not None
        self._input = process.stdin
        self._tasks.start(self._hear(process.stdout), "answers")

    async def _down(self) -> None:
        self._input = None
        for answer in self._answers.values():
            answer.put_nowait(None)

    async def _hear(self, output: asyncio.StreamReader) -> None:
        while line := await output.readline():
            message = json.loads(line)
            if (answer := self._answers.get(message["of"])) is not None:
                answer.put_nowait(message)

    def _tell(self, command: dict[str, Any]) -> None:
        if self._input is not None and not self._input.is_closing():
            self._input.write(json.dumps(command).encode() + b"\n")

    def hold(self, claim: Claim) -> None:
        """Stop computing, within a step, until told otherwise; nothing is lost."""
        self._tell({"hold": int(claim)})

    def ask(
        self, messages: Messages, *, most: int, temperature: float = TEMPERATURE, ending: Ending = "answer"
    ) -> AsyncGenerator[dict[str, Any], None]:
        """The pieces of an answer, `{"text": …}`, and at last `{"end": …}`. Closing the generator ends the computation.

        `most` 0: read `messages` and no more, so that a question that begins with them is answered sooner; `ending` says how the last one ends.
        Raises `APIConnectionError` when the process dies or is not there, `APITimeoutError`.
        """
        seed = time.time_ns() & 0xFFFFFFFF
        return self._request("ask", {"messages": messages, "most": most, "temperature": temperature, "ending": ending, "seed": seed})

    async def keep(self, messages: Messages) -> float:
        """Have the beginning of conversations read, now and for every later start. Returns the seconds that it took. Raises as `ask` does."""
        started = time.monotonic()
        async for _ in self._request("keep", {"messages": messages}):
            pass
        return time.monotonic() - started

    async def _request(self, verb: str, command: dict[str, Any]) -> AsyncGenerator[dict[str, Any], None]:
        if self._input is None:
            raise APIConnectionError("the language model is being started again; ask again in a moment", retryable=True)
        number = next(self._numbers)
        queue = self._answers[number] = asyncio.Queue()
        self._tell({verb: number, **command})
        ended = False
        try:
            while not ended:
                async with asyncio.timeout(TOKEN_SECONDS):
                    message = await queue.get()
                if message is None:
                    raise APIConnectionError("the language model's process ended in the middle of an answer", retryable=True)
                ended = "end" in message
                if ended and message["end"] in ("failed", "no room"):
                    raise APIConnectionError(f"the language model could not answer ({message['end']})", retryable=False)
                yield message
        except TimeoutError:
            raise APITimeoutError(f"the language model said nothing for {TOKEN_SECONDS:g} s; the machine is overloaded") from None
        finally:
            del self._answers[number]
            if not ended:
                self._tell({"take_back": number})


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
            except APIError as error:
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
        identity = shortuuid("local_")
        usage, written, said = None, 0, ""
        async for message in self._process.ask(messages_of(self._chat_ctx), most=ANSWER_TOKENS):
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
