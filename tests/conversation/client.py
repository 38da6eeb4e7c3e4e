"""A client of a conversation in process, and what it does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import numpy as np

from agent.conversation.conversation import Conversation
from agent.conversation.host import ConversationHost
from agent.conversation.ports import DoorKind
from agent.media.block import BLOCK_SAMPLES, Block
from agent.protocol.envelope import Envelope
from agent.protocol.frames import Frame
from agent.protocol.messages import (
    RATE,
    ClientHello,
    ErrorMessage,
    Message,
)

VOICE = np.random.default_rng(0).normal(0, 4_000, 16_000).astype(np.int16)


class Client:
    """A transport that keeps everything: messages with the media time of their arrival, and the sound."""

    kind: DoorKind = "local"
    ahead_seconds = 0.0

    def __init__(self) -> None:
        self.received: list[Envelope[Any]] = []
        self.blocks: list[Block] = []
        self.frames: list[Frame] = []
        self.closed = 0
        self.last_word: ErrorMessage | None = None
        self._news = asyncio.Event()

    def send(self, envelope: Envelope[Any]) -> None:
        self.received.append(envelope)
        self._news.set()

    def show(self, frame: Frame) -> None:
        self.frames.append(frame)

    async def play(self, block: Block) -> None:
        self.blocks.append(block)
        self._news.set()

    def clear(self) -> None:
        pass

    async def close(self, error: ErrorMessage | None) -> None:
        self.closed += 1
        self.last_word = error

    def messages(self, kind: type[Message]) -> list[Any]:
        return [e.message for e in self.received if isinstance(e.message, kind)]

    async def until(self, condition: Callable[[], Any], seconds: float = 10) -> None:
        async with asyncio.timeout(seconds):
            while not condition():
                self._news.clear()
                await self._news.wait()

    async def until_count(self, kind: type[Message], count: int) -> None:
        await self.until(lambda: len(self.messages(kind)) >= count)

    def pitches(self) -> list[tuple[int, int]]:
        """(generation, strongest frequency) of each sounding block."""
        found = []
        for block in self.blocks:
            if not block.blank and np.abs(block.pcm).max() > 1_000:
                spectrum = np.abs(np.fft.rfft(block.pcm * np.hanning(BLOCK_SAMPLES)))
                found.append((block.gen, int(np.argmax(spectrum)) * RATE // BLOCK_SAMPLES))
        return found


async def begin(host: ConversationHost, **hello: Any) -> tuple[Conversation, Client]:
    client = Client()
    return await host.open(client, ClientHello(**hello)), client


def speak(conversation: Conversation, samples: np.ndarray = VOICE) -> None:
    for i in range(0, len(samples), 320):
        conversation.hear(samples[i : i + 320].tobytes())


def silence(conversation: Conversation, seconds: float) -> None:
    speak(conversation, np.zeros(int(seconds * 16_000), np.int16))
