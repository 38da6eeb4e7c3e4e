"""The server itself, killed with -9 while it talks: what a client was told to be understood is in the journal, of either store."""

import asyncio
import os
import signal
from pathlib import Path
from typing import Any

from agent.config import Journal as Settings
from agent.media.block import Pcm
from agent.protocol.envelope import Envelope
from agent.protocol.messages import AsrFinal, ClientHello, GenerationStart, ServerHello, TextInput
from agent.sessions.store import state_of
from agent.sessions.stores import open_store
from agent.talk.websocket import WebSocketDoor
from bench.processes import program
from bench.server import SETTINGS


class Listener:
    """Remembers what it was told, and wakes whoever waits for it."""

    def __init__(self) -> None:
        self.told: list[Any] = []
        self.gone = asyncio.Event()
        self._news = asyncio.Event()

    def message(self, envelope: Envelope[Any]) -> None:
        self.told.append(envelope.message)
        self._news.set()

    def sound(self, pcm: Pcm, at: float) -> None: ...

    def silent(self, at: float) -> None: ...

    def closed(self, reason: str) -> None:
        self.gone.set()

    async def until(self, kind: type, count: int) -> None:
        async with asyncio.timeout(20):
            while sum(isinstance(message, kind) for message in self.told) < count:
                self._news.clear()
                await self._news.wait()


async def test_what_a_client_was_told_is_in_the_journal_of_a_server_that_was_killed(settings: Settings, tmp_path: Path) -> None:
    env = {
        **SETTINGS,
        "VISAVIS_HOME": str(tmp_path),
        "VISAVIS__JOURNAL__URL": settings.url,
        "VISAVIS__JOURNAL__ARCHIVE": str(settings.archive),
    }
    listener = Listener()
    async with program("bench.server", "gateway", env=env) as server:
        door = WebSocketDoor(await server.line("ready"), listener)
        await door.connect(ClientHello())
        await listener.until(ServerHello, 1)
        assert listener.told[0].stored
        for number in range(1, 4):
            await door.send(TextInput(text=f"Question {number}"))
            await listener.until(GenerationStart, number)
        await door.send(TextInput(text="The last one"))
        await listener.until(AsrFinal, 4)
        os.kill(server.child.pid, signal.SIGKILL)
        await listener.gone.wait()
        await door.aclose()
    store = open_store(settings)
    (session,) = await store.sessions()
    assert session.ended is None
    state = await state_of(store, session.session)
    told = [message.text for message in listener.told if isinstance(message, AsrFinal)]
    assert [item.text for item in state.items if item.role == "user"][: len(told)] == told
    assert state.skipped.missing == 0
    await store.aclose()
