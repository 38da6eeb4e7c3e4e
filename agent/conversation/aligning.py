"""Beside the conversation: the times of pieces whose voice told none are looked for in their sound."""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable
from typing import Final

from agent.aio import Tasks
from agent.media.block import Pcm
from agent.providers.timing import LaysText, Timing

logger = logging.getLogger("visavis.aligning")


class Aligning:
    """Of one conversation, whose `tasks` it uses; `key` names it to the aligner."""

    def __init__(self, aligner: LaysText, tasks: Tasks, key: Hashable) -> None:
        self._aligner: Final = aligner
        self._tasks: Final = tasks
        self._key: Final = key

    def begin(self, text: str, pcm: Pcm, rate: int, found: Callable[[Timing], None]) -> None:
        """Look for the times of `text` in `pcm`, mono at `rate`, and tell them to `found` on the event loop, if there are any."""
        self._tasks.start(self._look(text, pcm, rate, found), "alignment")

    async def _look(self, text: str, pcm: Pcm, rate: int, found: Callable[[Timing], None]) -> None:
        try:
            timing = await self._aligner.align(text, pcm, rate, key=self._key)
        except Exception:  # whatever it is: the mouth moves without it
            logger.exception("the times of a piece of speech could not be looked for")
            return
        if timing is not None:
            found(timing)
