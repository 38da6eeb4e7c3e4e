"""The local language model on llama.cpp's C library: a child process, and requests that are written into its standard input.

A process of its own, so that a model that dies takes nobody along, and so that no lock of Python's is shared. The child is `agent.providers.llm.llama_child`.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from typing import Any, Final

from agent.providers.llm.child import SupervisedChild, Unanswered
from agent.providers.llm.libllama import Ending
from agent.providers.local.baton import Claim

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
        self, messages: Messages, *, most: int, temperature: float = 0.0, ending: Ending = "answer"
    ) -> AsyncGenerator[dict[str, Any], None]:
        """The pieces of an answer, `{"text": …}`, and at last `{"end": …}`. Closing the generator ends the computation.

        `most` 0: read `messages` and no more, so that a question that begins with them is answered sooner; `ending` says how the last one ends.
        Raises `Unanswered` when the process dies, is not there or says nothing.
        """
        seed = time.time_ns() & 0xFFFFFFFF
        return self._request("ask", {"messages": messages, "most": most, "temperature": temperature, "ending": ending, "seed": seed})

    async def keep(self, messages: Messages) -> float:
        """As promised; for every later start, too."""
        started = time.monotonic()
        async for _ in self._request("keep", {"messages": messages}):
            pass
        return time.monotonic() - started

    async def _request(self, verb: str, command: dict[str, Any]) -> AsyncGenerator[dict[str, Any], None]:
        if self._input is None:
            raise Unanswered("the language model is being started again; ask again in a moment", retryable=True)
        number = next(self._numbers)
        queue = self._answers[number] = asyncio.Queue()
        self._tell({verb: number, **command})
        ended = False
        try:
            while not ended:
                async with asyncio.timeout(TOKEN_SECONDS):
                    message = await queue.get()
                if message is None:
                    raise Unanswered("the language model's process ended in the middle of an answer", retryable=True)
                ended = "end" in message
                if ended and message["end"] in ("failed", "no room"):
                    raise Unanswered(f"the language model could not answer ({message['end']})", retryable=False)
                yield message
        except TimeoutError:
            raise Unanswered(
                f"the language model said nothing for {TOKEN_SECONDS:g} s; the machine is overloaded", retryable=True
            ) from None
        finally:
            del self._answers[number]
            if not ended:
                self._tell({"take_back": number})
