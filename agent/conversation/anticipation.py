"""What a language model or a voice may offer beyond livekit-agents' interface, so that less is left to do when the user has finished."""

from __future__ import annotations

from typing import Literal, Protocol, runtime_checkable

from livekit.agents import llm

Ending = Literal["closed", "open"]


@runtime_checkable
class ReadsAhead(Protocol):
    """A model that can read a question while it is still being spoken, at no price. (One that is paid by the token should not.)"""

    def read_ahead(self, chat_ctx: llm.ChatContext, ending: Ending) -> None:
        """Read what is sure so far; returns at once. A later call, or the question itself, takes the place of this one.

        `ending`: whether the last message is complete (closed) or goes on (open).
        """


@runtime_checkable
class SaysAhead(Protocol):
    """A voice that can begin with what will have to be said next, at no price. (One that is paid by the letter should not.)"""

    def say_ahead(self, text: str | None) -> None:
        """Begin to say this to nobody; returns at once. It counts if it is asked for next, to the letter; another text, or None, takes its place."""
