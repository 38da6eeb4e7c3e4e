"""A process that owns a session, and says each time when that changes, until somebody kills it. `stalled` after its own clock has gone on without it.

python -m tests.sessions.owner URL ARCHIVE SESSION
"""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

from agent.config import Journal as Settings
from agent.sessions.clock import steady_ms
from agent.sessions.ownership import Ownership
from agent.sessions.stores import is_local, opener
from agent.sessions.tenure import Terms

STALL_MS = 800
"""Longer than any lease is good for."""


async def own(settings: Settings, session: str) -> None:
    ownership = Ownership(opener(settings, hurried=True), terms=Terms(), local=is_local(settings))
    ownership.start()
    holding = await ownership.take(session, adoptable=True)
    holding.on_lost = lambda: print("lost", flush=True)
    before, told = steady_ms(), ""
    while True:
        acts = holding.may_act()
        now = steady_ms()
        stalled, before = now - before > STALL_MS, now
        if stalled or told != f"{acts} {holding.token}":
            told = f"{acts} {holding.token}"
            print("stalled" if stalled else "now", told, flush=True)
        await asyncio.sleep(0)
        time.sleep(0.002)  # noqa: ASYNC251 - an event loop that is busy


if __name__ == "__main__":
    url, archive, name = sys.argv[1:]
    asyncio.run(own(Settings(url=url, archive=Path(archive)), name))
