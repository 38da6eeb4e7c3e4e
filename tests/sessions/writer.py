"""A process that writes a session's journal as fast as it can, and says which events were acknowledged, until somebody kills it, or has taken the session: then it ends.

python -m tests.sessions.writer URL ARCHIVE SESSION
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
from pathlib import Path
from typing import Final

from agent.config import Journal as Settings
from agent.sessions.chronicle import Chronicler
from agent.sessions.tenure import Terms
from tests.sessions.makers import opening, said

REPLACED: Final = 3
"""What the process returns."""


async def write(settings: Settings, session: str) -> None:
    chronicler = Chronicler(settings, terms=Terms())
    chronicler.start()
    chronicle = await chronicler.begin(session, adoptable=True)
    chronicle.write("session", opening(session).d, t=0, gen=0)
    seq = 1
    while True:
        for _ in range(random.randint(0, 20)):
            seq += 1
            chronicle.write("asr_final", said(seq, "x" * random.randint(0, 500)).d, t=0, gen=0)
        seq += 1
        kept = chronicle.commit("asr_final", said(seq).d, t=0, gen=0)
        if kept is None:
            continue
        if not await kept:
            os._exit(REPLACED)
        os.write(1, b"%d\n" % seq)


if __name__ == "__main__":
    url, archive, session = sys.argv[1:]
    asyncio.run(write(Settings(url=url, archive=Path(archive)), session))
