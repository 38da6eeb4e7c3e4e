"""What a conversation is made of, and who makes it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from livekit.agents import llm, stt, tts
from livekit.agents.llm import Tool

from agent.config import Persona
from agent.conversation.ear_ports import TurnModel, VoiceActivity
from agent.providers.timing import LaysText


@dataclass(frozen=True)
class Parts:
    """The providers of one conversation: objects of its own (an error of one must not be heard in another); what is heavy behind them is shared."""

    vad: VoiceActivity
    stt: stt.STT[Any]
    llm: llm.LLM[Any]
    tts: tts.TTS[Any]
    turn_model: TurnModel | None = None
    tools: Sequence[Tool] = ()
    """Functions that the model may call."""
    aligner: LaysText | None = None
    """For voices that tell no times. Of the process."""

    @property
    def local_model(self) -> bool:
        """Whether the model that answers is on this machine: it costs nothing, and knows little of itself."""
        return self.llm.provider == "local"

    async def aclose(self) -> None:
        for part in (self.stt, self.llm, self.tts):
            await part.aclose()


class Engines(Protocol):
    """The shared engines of a process."""

    @property
    def ready(self) -> bool:
        """Whether a conversation can be held now."""

    def missing(self) -> list[str]:
        """What is not ready yet, in plain words."""

    @property
    def capacity(self) -> int:
        """Conversations at once that they are fast enough for."""

    def build(self, persona: Persona) -> Parts:
        """Fresh providers for one conversation. Cheap."""

    async def aclose(self) -> None: ...
