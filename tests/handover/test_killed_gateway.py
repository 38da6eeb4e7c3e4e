"""A server that is killed while somebody talks with it, by the doors that need no LiveKit: after its restart everything is heard that was not, and nothing else."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agent.protocol.envelope import Envelope
from agent.protocol.messages import (
    RATE,
    AsrFinal,
    ClientHello,
    GenerationEnd,
    GenerationStart,
    Message,
    Playout,
    Restore,
    ResumeConfirm,
    RoundUpdate,
    ServerHello,
    TextInput,
)
from agent.sessions.events import Event
from agent.sessions.sqlite import SqliteStore
from agent.sessions.store import events_of
from agent.talk.peer import PeerDoor
from agent.talk.sound import Recorder
from agent.talk.websocket import WebSocketDoor
from bench.marked import question
from bench.server import SETTINGS
from tests.fixtures.heard_again import heard_once
from tests.fixtures.program import Program

DOORS = {"ws": WebSocketDoor, "peer": PeerDoor}
WORDS = 9
EAR_SECONDS = 0.45
"""From the last message of an answer to the moment at which the client says that it was heard."""
JITTER_SECONDS = 0.3
PATIENCE_SECONDS = 20


class Ear:
    """Implements `talk.door.Listener` over several connections: one recording, and a client that reports what it heard."""

    def __init__(self) -> None:
        self.recorder = Recorder()
        self.log: list[Envelope[Any]] = []
        self.door: WebSocketDoor | PeerDoor | None = None
        self._origin = asyncio.get_running_loop().time()
        self._end = 0.0
        self._news = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    def message(self, envelope: Envelope[Any]) -> None:
        self.log.append(envelope)
        self._news.set()
        if isinstance(envelope.message, ServerHello) and envelope.message.resume is not None:
            self.send(ResumeConfirm(number=envelope.message.resume.number))
        if isinstance(envelope.message, GenerationEnd) and not envelope.message.interrupted:
            report = Playout(gen=envelope.gen, t_heard=envelope.message.t_end)
            asyncio.get_running_loop().call_later(EAR_SECONDS, self.send, report, self.door)

    def send(self, message: Message, door: Any = None) -> None:
        if self.door is not None and door in (None, self.door):
            task = asyncio.ensure_future(self.door.send(message))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def sound(self, pcm: Any, at: float) -> None:
        """What comes a little early or late is at the ear behind what was before."""
        begin = at - self._origin
        if abs(begin - self._end) < JITTER_SECONDS:
            begin = self._end
        self._end = begin + len(pcm) / RATE
        self.recorder.heard(begin, pcm)

    def silent(self, at: float) -> None:
        self.recorder.silent(at - self._origin)

    def closed(self, reason: str) -> None:
        self._news.set()

    def messages(self, kind: type[Message]) -> list[Any]:
        return [envelope.message for envelope in self.log if isinstance(envelope.message, kind)]

    async def until(self, condition: Callable[[], Any], what: str) -> None:
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                while not condition():
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise AssertionError(f"{what} did not come; the last messages: {[e.message for e in self.log[-8:]]}") from None


class Talk:
    """One person, one server after the other."""

    def __init__(self, door: str, home: Path) -> None:
        self.ear = Ear()
        self._kind = DOORS[door]
        self._home = home
        self._server: Program | None = None

    async def begin(self) -> None:
        """Start a server, and come, or come back."""
        environment = {**SETTINGS, "VISAVIS_HOME": str(self._home)}
        self._server = Program([sys.executable, "-m", "bench.server", "gateway", "marked"], environment)
        self._server.__enter__()
        url = (await asyncio.to_thread(self._server.wait_for, "ready")).split()[1]
        hellos = self.ear.messages(ServerHello)
        last = hellos[-1] if hellos else None
        secrets = [hello.resume for hello in hellos if hello.resume is not None]
        hello = ClientHello() if last is None else ClientHello(session_id=last.session_id, resume=secrets[-1].secret)
        self.ear.door = self._kind(url, self.ear, "ada")
        await self.ear.door.connect(hello)
        await self.ear.until(lambda: len(self.ear.messages(ServerHello)) > len(hellos), "the server's hello")

    async def kill(self) -> None:
        assert self._server is not None
        os.kill(self._server.pid, signal.SIGKILL)
        door, self.ear.door = self.ear.door, None
        assert door is not None
        await door.aclose()
        await asyncio.to_thread(self._server.stop)

    async def end(self) -> None:
        if self.ear.door is not None:
            await self.ear.door.aclose()
        if self._server is not None:
            await asyncio.to_thread(self._server.stop)

    def ask(self, loop: int, *, look: bool = False) -> None:
        self.ear.send(TextInput(text=question(loop, WORDS, look=look)))

    async def heard(self, loop: int) -> None:
        def told() -> bool:
            return any(update.status == "heard" and update.loop == loop for update in self.ear.messages(RoundUpdate))

        await self.ear.until(told, f"that answer {loop} was heard")


async def journal(home: Path, session: str) -> list[Event]:
    store = SqliteStore(home / "journal.sqlite3")
    try:
        return [event async for event in events_of(store, session)]
    finally:
        await store.aclose()


@pytest.mark.timeout(150)
@pytest.mark.parametrize(("door", "moments"), [("ws", ("speaking", "tool")), ("peer", ("thinking", "idle"))])
async def test_after_a_kill_each_answer_is_heard_once_to_its_end_in_the_same_words(
    door: str, moments: tuple[str, ...], tmp_path: Path
) -> None:
    await killed_at(door, moments, 1, tmp_path)


@pytest.mark.soak
@pytest.mark.timeout(300)
@pytest.mark.parametrize("door", ["ws", "peer"])
@pytest.mark.parametrize("seed", range(3))
async def test_after_many_kills(door: str, seed: int, tmp_path: Path) -> None:
    await killed_at(door, ("speaking", "thinking", "tool", "idle", "speaking", "speaking"), seed, tmp_path)


async def killed_at(door: str, moments: tuple[str, ...], seed: int, tmp_path: Path) -> None:
    chance = random.Random(seed)
    last = len(moments) + 1
    talk = Talk(door, tmp_path)
    ear = talk.ear
    try:
        await talk.begin()
        for loop, moment in enumerate(moments, start=1):
            begun = len(ear.messages(GenerationStart))
            talk.ask(loop, look=moment == "tool")
            await ear.until(lambda loop=loop: len(ear.messages(AsrFinal)) == loop, "the question")
            if moment == "speaking":
                await ear.until(lambda begun=begun: len(ear.messages(GenerationStart)) > begun, "the answer")
                await asyncio.sleep(chance.uniform(0.5, 2.5))
            elif moment == "idle":
                await talk.heard(loop)
            else:
                await asyncio.sleep(chance.uniform(0.0, 0.3) + (0.5 if moment == "tool" else 0.0))
            await talk.kill()
            await talk.begin()
            await talk.heard(loop)
        talk.ask(last)
        await talk.heard(last)
    finally:
        await talk.end()

    for loop, times in heard_once(ear.recorder.right(), WORDS, range(1, last + 1)).items():
        if moments[loop - 1 : loop] == ("speaking",):
            assert len(times) == 2, "it was broken off, and heard again"
    hellos = ear.messages(ServerHello)
    assert [hello.resumed for hello in hellos] == [False, *(True for _ in moments)]
    assert len({hello.session_id for hello in hellos}) == 1
    counted = [loop if moment == "idle" else loop - 1 for loop, moment in enumerate(moments, start=1)]
    assert [restore.loop for restore in ear.messages(Restore)] == counted
    events = await journal(tmp_path, hellos[0].session_id)
    assert [event.seq for event in events] == list(range(1, len(events) + 1)), "nothing is missing, nothing is written by two"
    asked = [question(loop, WORDS, look=moments[loop - 1 : loop] == ("tool",)) for loop in range(1, last + 1)]
    assert [event.d["text"] for event in events if event.type == "asr_final"] == asked
