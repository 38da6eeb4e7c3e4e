"""What the speaker asks of a conversation, and what it tells of an answer on its way: how far it came, its words, what failed."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Hashable

from agent.conversation.client import Client
from agent.conversation.context import PageContext
from agent.conversation.ear import Ear
from agent.conversation.recording import Recording
from agent.conversation.rounds import Rounds
from agent.conversation.stages import AnswerStage, Stages
from agent.protocol.messages import LanguageChoice

logger = logging.getLogger("visavis.conversation")


class Subject:
    """Implements `speaker.Topic`. One a conversation; `ear` is known before the first question."""

    ear: Ear

    def __init__(self, client: Client, context: PageContext, stages: Stages, recording: Recording, rounds: Rounds) -> None:
        self._client = client
        self._context = context
        self._stages = stages
        self._recording = recording
        self._rounds = rounds
        self._preparing: object = None
        """The answer that was asked for last."""

    @property
    def language(self) -> LanguageChoice:
        return self.ear.language

    def context(self) -> str | None:
        return self._context.text(time.monotonic())

    def reached(self, speech: object, stage: AnswerStage) -> None:
        if isinstance(speech, Hashable):
            self._stages.answer(speech, stage, time.monotonic())
            self._recording.reached(speech, stage)
        if stage == "asked":
            self._preparing = speech
        elif stage == "first_sound" and speech is self._preparing and speech is not None:
            self._preparing = None
            asyncio.get_running_loop().call_soon(self.ear.answer_is_ready)

    def wrote(self, speech: object, text: str, *, whole: bool = False) -> None:
        if isinstance(speech, Hashable):
            self._recording.wrote(speech, text, whole=whole)

    def voice_failed(self, error: Exception) -> None:
        logger.error("session %s: the voice failed", self._client.session_id, exc_info=error)
        self._client.fail("tts_failed", "the voice failed; the answer goes on as text")

    def nothing_said(self) -> None:
        logger.warning("session %s: the language model's answer holds no word", self._client.session_id)
        self._client.fail("llm_failed", "the language model had nothing to say; ask again, or otherwise")
        self._rounds.failed("the language model had nothing to say")
