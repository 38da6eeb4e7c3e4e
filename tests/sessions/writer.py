"""A process that writes a journal as fast as it can, and says which events were acknowledged, until somebody kills it.

python -m tests.sessions.writer URL ARCHIVE SESSION
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
from pathlib import Path

from agent.config import Journal as Settings
from agent.sessions.journal import Journal
from agent.sessions.stores import opener
from tests.sessions.makers import opening, said


async def write(settings: Settings, session: str) -> None:
    journal = Journal(opener(settings), retention_days=30)
    journal.start()
    await journal.commit(opening(session))
    seq = 1
    while True:
        for _ in range(random.randint(0, 20)):
            seq += 1
            journal.append(said(seq, "x" * random.randint(0, 500), session))
        seq += 1
        if await journal.commit(said(seq, session=session)):
            os.write(1, b"%d\n" % seq)


if __name__ == "__main__":
    url, archive, session = sys.argv[1:]
    asyncio.run(write(Settings(url=url, archive=Path(archive)), session))
