"""What a language model may offer beyond livekit-agents' interface, so that less is left to do when the user has finished."""

from __future__ import annotations

from typing import Literal, Protocol, runtime_checkable

from livekit.agents import llm

Ending = Literal["closed", "open"]


@runtime_checkable
class ReadsAhead(Protocol):
    """A model that can read a question while it is still being spoken, at no price. (One that is paid by the token should not.)"""

    def read_ahead(self, sure: llm.ChatContext, ending: Ending, heard: llm.ChatContext | None = None) -> None:
        """Read what is sure so far; returns at once. A later call, or the question itself, takes the place of this one.

        `ending`: whether the last message of `sure` is complete (closed) or goes on (open). `heard`: the question as far as it was understood, of which
        the answer may be guessed.
        """
