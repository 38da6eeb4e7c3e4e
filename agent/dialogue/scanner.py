"""The common base of the text transformers that work on a stream.

A scanner reads characters and writes characters. Its one promise is that the result does not depend on how the text was cut on its way here.
It holds because a step is taken only when nothing that may still come could change it: `_step` returns None as long as it needs to see more,
and looks back no further than `CONTEXT` characters.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Final

from agent.dialogue.alignment import Alignment

CONTEXT: Final = 32
"""Characters already read that a step may still look at."""


class Scanner(ABC):
    """Feed it text in pieces of any length; each call returns what has become certain."""

    def __init__(self) -> None:
        self.alignment: Alignment | None = None
        """Set it before the first text to have each step noted."""
        self._held = ""
        self._at = 0

    def feed(self, text: str) -> str:
        return self._run(text, final=False)

    def flush(self) -> str:
        """The rest: nothing more will come. Afterwards the scanner is as new."""
        rest = self._run("", final=True)
        self._held, self._at = "", 0
        self._reset()
        return rest

    @abstractmethod
    def _step(self, text: str, at: int, final: bool) -> tuple[int, str] | None:
        """Read on from `at` (< len(text)): the place to go on from and what to write; None to wait for more text, which `final` forbids."""

    @abstractmethod
    def _reset(self) -> None:
        """Forget everything that was learnt from the text."""

    def _run(self, more: str, *, final: bool) -> str:
        text, at = self._held + more, self._at
        written = []
        while at < len(text):
            step = self._step(text, at, final)
            if step is None:
                assert not final, f"{type(self).__name__} waits at {text[at : at + 20]!r} although the text has ended"
                break
            if self.alignment is not None:
                self.alignment.note(step[0] - at, len(step[1]))
            at, piece = step
            written.append(piece)
        kept_from = max(0, at - CONTEXT)
        self._held, self._at = text[kept_from:], at - kept_from
        return "".join(written)


def before(text: str, at: int, length: int = CONTEXT) -> str:
    """Up to `length` characters in front of `at`."""
    assert length <= CONTEXT
    return text[max(0, at - length) : at]
