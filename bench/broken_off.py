"""A conversation whose worker is taken away, again and again, at chosen moments; and what is to be said about it in the end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import time
from collections.abc import Callable
from typing import Final, Literal

from agent import config
from agent.protocol.messages import Goodbye
from agent.sessions.events import Event
from agent.sessions.store import events_of
from agent.sessions.stores import open_store
from bench.mark_tones import WORD_SECONDS
from bench.marked import LOOK_SECONDS, THINK_SECONDS
from bench.marked_client import MarkedClient
from bench.retellings import faults, tellings
from bench.worker_pool import WorkerPool

Moment = Literal["idle", "listening", "asked", "thinking", "tool", "speaking", "never"]
MOMENTS: Final[tuple[Moment, ...]] = ("idle", "listening", "asked", "thinking", "tool", "speaking")
RETURN_SECONDS: Final = 12.0
TAKEN_SECONDS: Final = 3.0
TOLD: Final = (
    "hello",
    "asr_final",
    "generation_start",
    "generation_end",
    "round_update",
    "restore",
    "interrupt",
    "error",
    "hold",
    "resume",
    "state_update",
)
WRITTEN: Final = ("session", "round_came", "round_left", "llm_delta", "heard", "interrupt", "session_end")


class Lost(AssertionError):
    """The conversation did not go on."""


class BrokenOff:
    """One session. `take_away` ends the process that it is given, in whatever way, and returns when it did."""

    def __init__(self, client: MarkedClient, pool: WorkerPool, room: str, dice: random.Random) -> None:
        self.client = client
        self.loop = 0
        self.breaks: list[tuple[Moment, float]] = []
        """What was going on when a worker was taken away, and when that was."""
        self._events: list[Event] = []
        self._pool = pool
        self._room = room
        self._dice = dice
        self._victim = 0

    async def ask(self, words: int, moment: Moment, take_away: Callable[[int], float] | None = None) -> None:
        """A question, whose worker is taken away at some moment; until its answer was heard to its end. Raises `Lost`."""
        try:
            await self._ask(words, moment, take_away or self._pool.kill)
        except Lost as lost:
            raise Lost(f"{lost}\n{self.told()}") from None

    async def _ask(self, words: int, moment: Moment, take_away: Callable[[int], float]) -> None:
        client, self.loop = self.client, self.loop + 1
        hellos = len(client.hellos)
        if moment != "never":
            self._victim = await self._pool.holder(self._room)
        if moment in ("idle", "listening"):
            if moment == "listening":  # whoever speaks when it happens falls silent, and asks in another way
                await client.speak(self._dice.uniform(0.2, 1.0))
            self._break(moment, take_away)
            await self._returned(hellos)
        await client.ask(self.loop, words, look=moment == "tool")
        if moment == "asked":
            await asyncio.sleep(self._dice.uniform(0, 0.1))
            self._break(moment, take_away)
        elif moment in ("thinking", "tool", "speaking"):
            await self._until(moment, words)
            self._break(moment, take_away)
        if moment not in ("idle", "listening", "never"):
            await self._returned(hellos)
        await self._taken(words, look=moment == "tool")
        if not await client.until(lambda: self.loop in client.heard, words * WORD_SECONDS + RETURN_SECONDS):
            raise Lost(
                f"loop {self.loop}, broken off while {moment}, was not heard within the time; {client.words_of(self.loop)} of {words} words were"
            )

    async def _until(self, moment: Moment, words: int) -> None:
        if not await self.client.until(lambda: self.loop in self.client.asked, TAKEN_SECONDS):
            raise Lost(f"question {self.loop} was not understood")
        if moment == "speaking":
            await self.client.until(lambda: self.client.words_of(self.loop) > 0, RETURN_SECONDS)
            await asyncio.sleep(self._dice.uniform(0, (words - 2) * WORD_SECONDS))
        elif moment == "tool":
            await asyncio.sleep(THINK_SECONDS + self._dice.uniform(0.05, LOOK_SECONDS - 0.1))
        else:
            await asyncio.sleep(self._dice.uniform(0, THINK_SECONDS))

    def _break(self, moment: Moment, take_away: Callable[[int], float]) -> None:
        self.breaks.append((moment, take_away(self._victim)))

    async def _returned(self, hellos: int) -> None:
        if not await self.client.until(lambda: len(self.client.hellos) > hellos and len(self.client.restored) > 0, RETURN_SECONDS):
            raise Lost(f"nobody has gone on with loop {self.loop} within {RETURN_SECONDS:g} s of {self.breaks[-1:]}")

    async def _taken(self, words: int, *, look: bool) -> None:
        """A question that nobody had written down is asked again, as its user would."""
        if not await self.client.until(lambda: self.loop in self.client.asked, TAKEN_SECONDS):
            await self.client.ask(self.loop, words, look=look)
            if not await self.client.until(lambda: self.loop in self.client.asked, TAKEN_SECONDS):
                raise Lost(f"question {self.loop} was not understood")

    async def end(self, settings: config.Journal) -> list[str]:
        """Say goodbye. Returns what is wrong with what was heard and written, in words."""
        client = self.client
        await client.send(Goodbye())
        events = self._events = await journalled(settings, client.session)
        wrong = faults(client.told, events, client.asked, client.heard, client.sounding, client.opened)
        if len({hello.session_id for _, hello in client.hellos}) != 1:
            wrong.append("the session has changed")
        if not events or events[-1].type != "session_end":
            wrong.append("the journal has no end")
        return wrong

    def told(self) -> str:
        """What was heard, and what happened when, for whoever looks for a fault."""
        lines = [
            (telling.at, f"loop {telling.loop}: {[(m.word, m.call) for m in telling.words]}") for telling in tellings(self.client.told)
        ]
        lines += [(at, f"taken away while {moment}") for moment, at in self.breaks]
        lines += [(at, f"track {stream} is listened to") for stream, at in self.client.opened.items()]
        lines += [(at, f"loop {loop} counts as heard") for loop, at in self.client.heard.items()]
        lines += [(at, str(envelope.message)[:160]) for at, envelope in self.client.messages if envelope.message.type in TOLD]
        lines += [(telling.times[-1], f"loop {telling.loop}: its last word heard") for telling in tellings(self.client.told)]
        lines += [
            (event.wall_ms / 1000, f"journal {event.seq}: {event.type} {event.d}"[:240]) for event in self._events if event.type in WRITTEN
        ]
        return "\n".join(f"{at:.2f} {line}" for at, line in sorted(lines))


async def journalled(settings: config.Journal, session: str, seconds: float = 5.0) -> list[Event]:
    """The session's events, once it has ended, or after so long."""
    store = open_store(settings)
    limit = time.monotonic() + seconds
    try:
        while True:
            events = [event async for event in events_of(store, session)]
            if (events and events[-1].type == "session_end") or time.monotonic() > limit:
                return events
            await asyncio.sleep(0.1)
    finally:
        await store.aclose()


def stopped(pid: int) -> float:
    """kill -STOP. Returns when it was."""
    os.kill(pid, signal.SIGSTOP)
    return time.time()


def told_to_end(pid: int) -> float:
    """SIGTERM. Returns when it was."""
    os.kill(pid, signal.SIGTERM)
    return time.time()


def gone_on(pid: int) -> None:
    """kill -CONT."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGCONT)
