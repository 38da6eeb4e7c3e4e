"""LiveKit's captions (`lk.transcription`): AgentSession's own text runs ahead of the voice, so ours takes its place, as it is heard."""

from __future__ import annotations

import asyncio
from typing import Final

from livekit.agents.voice import io

WAITING: Final = 1_000
"""Pieces that a slow room may leave unpublished; more are not captioned."""


class Mouthpiece(io.TextOutput):
    """AgentSession's text output: what comes is not shown. In a LiveKit room `Captions` feeds RoomIO's own output, `next_in_chain`, instead."""

    def __init__(self, next_in_chain: io.TextOutput | None = None) -> None:
        super().__init__(label="visavis", next_in_chain=next_in_chain)

    async def capture_text(self, text: str) -> None:
        pass

    def flush(self) -> None:
        pass


class Captions:
    """Nothing happens until there is a room."""

    def __init__(self) -> None:
        self._sink: io.TextOutput | None = None
        self._waiting: asyncio.Queue[str | None] = asyncio.Queue(maxsize=WAITING)

    def show(self, text: str) -> None:
        """The next words of the answer are heard."""
        self._put(text)

    def end(self) -> None:
        """The answer has ended, or was cut."""
        self._put(None)

    def _put(self, text: str | None) -> None:
        if self._sink is not None and not self._waiting.full():
            self._waiting.put_nowait(text)

    def attach(self, sink: io.TextOutput | None) -> None:
        self._sink = sink

    async def publish(self) -> None:
        """Pass captions on, in order, until cancelled."""
        sink, open_ = self._sink, False
        assert sink is not None
        while True:
            text = await self._waiting.get()
            if text is not None:
                await sink.capture_text(text)
                open_ = True
            elif open_:
                sink.flush()
                open_ = False
