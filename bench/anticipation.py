"""What anticipation hides: a language model of OpenAI's protocol that takes 350 ms to its first token, asked through the vendor's own SDK, with and without."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
from collections.abc import AsyncIterator
from typing import Any, Final, Literal

from aiohttp import web
from livekit.plugins import openai

from agent.config import Config, Persona, Turn
from agent.conversation.host import ConversationHost
from agent.conversation.parts import Parts
from agent.media.turn_taking import MICROPHONE_RATE
from agent.talk.local import LocalDoor
from bench.caller import Caller
from bench.instant import InstantEngines, tone
from bench.options import Options
from bench.report import Result, Row, median

FIRST_TOKEN_SECONDS: Final = 0.35
TOKEN_SECONDS: Final = 0.02
HIDDEN_GOAL_MS: Final = 250.0
WORDS: Final = "This is the answer of a model that takes its time, as those in the cloud do."


async def _complete(request: web.Request) -> web.StreamResponse:
    """`POST /v1/chat/completions`, streamed, at the pace of a cloud."""
    asked = await request.json()
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    await asyncio.sleep(FIRST_TOKEN_SECONDS)
    for word in WORDS.split(" "):
        chunk = {"id": "c", "object": "chat.completion.chunk", "created": 0, "model": asked["model"]}
        choice = {"index": 0, "delta": {"role": "assistant", "content": f"{word} "}, "finish_reason": None}
        await response.write(b"data: " + json.dumps({**chunk, "choices": [choice]}).encode() + b"\n\n")
        await asyncio.sleep(TOKEN_SECONDS)
    await response.write(b"data: [DONE]\n\n")
    return response


@contextlib.asynccontextmanager
async def paced_cloud() -> AsyncIterator[str]:
    """Its address, on loopback."""
    app = web.Application()
    app.router.add_post("/v1/chat/completions", _complete)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        assert site._server is not None
        port = runner.addresses[0][1]
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        await runner.cleanup()


class CloudEngines(InstantEngines):
    """Instant ears and voice around that model."""

    def __init__(self, address: str) -> None:
        super().__init__()
        self._address = address

    def build(self, persona: Persona) -> Parts:
        return dataclasses.replace(super().build(persona), llm=openai.LLM(model="paced", base_url=self._address, api_key="none"))


async def latencies(address: str, anticipate: Literal["always", "never"], turns: int) -> tuple[list[float], dict[str, float]]:
    """Milliseconds from the end of speech to the first sound, and how many answers were prepared ahead."""
    counted: dict[str, float] = {}

    def count(name: str, value: float) -> None:
        if name.startswith("anticipated:"):
            counted[name] = counted.get(name, 0) + value

    host = ConversationHost(Config(turn=Turn(anticipate=anticipate)), CloudEngines(address), count)
    caller = Caller()
    try:
        await caller.call(LocalDoor(host, caller))
        question = tone(500, 0.8, MICROPHONE_RATE)
        asked = [await caller.ask(question, cut_seconds=0.3) for _ in range(turns)]
        return [exchange.latency_ms for exchange in asked if exchange.latency_ms is not None], counted
    finally:
        await caller.aclose()
        await host.aclose()


async def measure(options: Options) -> Result:
    async with paced_cloud() as address:
        without, _ = await latencies(address, "never", options.turns)
        with_, counted = await latencies(address, "always", options.turns)
    hidden = (median(without) or 0.0) - (median(with_) or 0.0)
    rows = [
        Row("without anticipation: end of speech → first sound, median", median(without), "ms", None, f"{len(without)} questions"),
        Row("with anticipation", median(with_), "ms", None, f"{len(with_)} questions"),
        Row("hidden", hidden, "ms", None, f"goal ≥ {HIDDEN_GOAL_MS:g} ms"),
        Row("answers prepared ahead and used", counted.get("anticipated:used", 0.0), ""),
        Row("answers prepared ahead for nothing", counted.get("anticipated:dropped", 0.0), ""),
    ]
    notes = [
        f"A server on loopback that speaks OpenAI's protocol: {FIRST_TOKEN_SECONDS * 1000:g} ms to the first token, {TOKEN_SECONDS * 1000:g} ms a token; "
        "asked through livekit-plugins-openai. Instant ears and voice, 500 ms of silence end a turn."
    ]
    raw: dict[str, Any] = {"with": with_, "without": without}
    return Result("anticipation", "Anticipation with a model in the cloud", rows, notes, raw)
