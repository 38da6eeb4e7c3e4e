"""Events for tests of what keeps them."""

from __future__ import annotations

import time
from typing import Any, Final

from agent.sessions.events import Event

NOW_MS: Final = time.time_ns() // 1_000_000


def opening(session: str = "s-1", user: str = "ann", wall_ms: int = NOW_MS) -> Event:
    d = {"org": "museum", "user": user, "persona": "default", "version": "0.1.0", "language": "en"}
    return Event(session, 1, wall_ms, 0, 0, 0, "session", d)


def said(seq: int, text: str = "hello", session: str = "s-1", wall_ms: int = NOW_MS, **d: Any) -> Event:
    return Event(session, seq, wall_ms, seq * 960, 0, 0, "asr_final", {"id": f"u{seq}", "text": text, **d})


def closing(seq: int, session: str = "s-1", wall_ms: int = NOW_MS) -> Event:
    return Event(session, seq, wall_ms, seq * 960, 0, 0, "session_end", {"reason": "the client left"})
