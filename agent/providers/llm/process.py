"""The process in which the local language model lives: llama.cpp's own HTTP server on loopback, spoken to with OpenAI's protocol.

A process of its own, so that a model that dies takes nobody along, and so that closing a request's connection stops its computation: llama.cpp looks
between two batches whether the client is still there. The child is `agent.providers.llm.serve`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import secrets
import sys
from pathlib import Path
from typing import Final

import openai

from agent.aio import Tasks
from agent.providers.llm.serve import KEY_VARIABLE

logger = logging.getLogger("visavis.providers.llm")

START_SECONDS: Final = 180.0
ANSWER_SECONDS: Final = 60.0
"""Between two tokens, the first one included."""
STOP_SECONDS: Final = 3.0
MAX_BACKOFF_SECONDS: Final = 30.0
_ROOT: Final = Path(__file__).resolve().parents[3]


class ProcessFailed(RuntimeError):
    """The model's process did not start; the text holds its last words."""


class LanguageModelProcess:
    """Starts the process, starts it again when it dies, and holds the client that speaks to it."""

    def __init__(self, model: Path, threads: int) -> None:
        self._model = model
        self._threads = threads
        self._key = secrets.token_urlsafe(24)
        self._process: asyncio.subprocess.Process | None = None
        self._client: openai.AsyncClient | None = None
        self._tasks = Tasks("language model")
        self._words: list[str] = []
        self.starts = 0

    @property
    def client(self) -> openai.AsyncClient | None:
        """None while the process is being started again."""
        return self._client

    @property
    def pid(self) -> int | None:
        return None if self._process is None else self._process.pid

    async def start(self) -> None:
        """Load the model. Raises `ProcessFailed`."""
        await self._launch()
        self._tasks.start(self._supervise(), "supervisor")

    async def _launch(self) -> None:
        self.starts += 1
        self._words.clear()
        command = (sys.executable, "-m", "agent.providers.llm.serve", str(self._model), str(self._threads))
        environment = {
            **os.environ,
            KEY_VARIABLE: self._key,
            "PYTHONPATH": os.pathsep.join([str(_ROOT), os.environ.get("PYTHONPATH", "")]),
            # Threads that spin at a barrier while another process has their core made generation three to eight times slower on a busy machine.
            "OMP_WAIT_POLICY": "passive",
        }
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, stderr=pipe, env=environment)
        self._process = process
        self._tasks.start(self._listen_to(process), "last words")
        assert process.stdout is not None
        try:
            async with asyncio.timeout(START_SECONDS):
                line = await process.stdout.readline()
            url = str(json.loads(line)["url"])
        except (TimeoutError, ValueError, KeyError):
            await self._end(process)
            raise ProcessFailed(
                f"the language model's process did not start: {' | '.join(self._words[-5:]) or 'it said nothing'}"
            ) from None
        transport = openai.DefaultAsyncHttpxClient(trust_env=False)
        timeout = openai.Timeout(connect=2.0, read=ANSWER_SECONDS, write=5.0, pool=5.0)
        self._client = openai.AsyncClient(api_key=self._key, base_url=f"{url}/v1", max_retries=0, timeout=timeout, http_client=transport)

    async def _listen_to(self, process: asyncio.subprocess.Process) -> None:
        assert process.stderr is not None
        while line := await process.stderr.readline():
            self._words.append(line.decode(errors="replace").strip()[:500])
            del self._words[:-20]

    async def _supervise(self) -> None:
        backoff = 0.5
        while True:
            assert self._process is not None
            loop = asyncio.get_running_loop()
            started = loop.time()
            code = await self._process.wait()
            logger.error("the language model's process ended with %s: %s", code, " | ".join(self._words[-3:]) or "it said nothing")
            await self._drop_client()
            if loop.time() - started > MAX_BACKOFF_SECONDS:
                backoff = 0.5
            while True:
                try:
                    await self._launch()
                    break
                except ProcessFailed as error:
                    logger.error("%s; another attempt in %.1f s", error, backoff)
                    await asyncio.sleep(backoff)
                    backoff = min(backoff * 2, MAX_BACKOFF_SECONDS)

    async def _drop_client(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    @staticmethod
    async def _end(process: asyncio.subprocess.Process) -> None:
        if process.returncode is not None:
            return
        assert process.stdin is not None
        process.stdin.close()
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await process.wait()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    async def aclose(self) -> None:
        """End the process."""
        await self._drop_client()
        process = self._process
        await self._tasks.aclose()
        if process is not None:
            await self._end(process)
