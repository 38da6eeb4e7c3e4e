"""AgentSession as a conversation runs it: questions go in, answers come out as sound, and what it tells of itself is understood here."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Final

from livekit import rtc
from livekit.agents import AgentSession, llm
from livekit.agents.voice.events import AgentStateChangedEvent, ErrorEvent, SpeechCreatedEvent
from livekit.agents.voice.room_io import TextInputEvent
from livekit.agents.voice.speech_handle import SpeechHandle

from agent.aio import Tasks
from agent.conversation.captions import Captions, Mouthpiece
from agent.conversation.client import Client
from agent.conversation.continuity import Continuity
from agent.conversation.engine import Deaf, bound_events, bound_memory, room_options
from agent.conversation.generations import Generations
from agent.conversation.output import Output
from agent.conversation.recording import Recording
from agent.conversation.returning import without_last_question
from agent.conversation.script import Scripts
from agent.conversation.speaker import Speaker
from agent.protocol.messages import State
from agent.widget.effects import Send

logger = logging.getLogger("visavis.conversation")

SETTLE_SECONDS: Final = 2.0
"""How long the engine may take to write down what was heard of an interrupted answer."""
CLOSE_SECONDS: Final = 5.0
STATES: Final[dict[str, State]] = {
    "initializing": "idle",
    "idle": "idle",
    "listening": "listening",
    "thinking": "thinking",
    "speaking": "speaking",
}


class Answering:
    """One a conversation."""

    def __init__(
        self,
        session: AgentSession[Any],
        speaker: Speaker,
        client: Client,
        generations: Generations,
        scripts: Scripts,
        recording: Recording,
        continuity: Continuity,
    ) -> None:
        self._session = session
        self._speaker = speaker
        self._client = client
        self._generations = generations
        self._scripts = scripts
        self._continuity = continuity
        session.on("agent_state_changed", self._state_changed)
        session.on("speech_created", self._speech_created)
        session.on("error", self._failed)
        session.on("function_tools_executed", recording.tools)

    @property
    def memory(self) -> llm.ChatContext:
        """What was said, as the model remembers it."""
        return self._speaker.chat_ctx

    async def start(
        self, output: Output, captions: Captions, tasks: Tasks, text: Callable[[str], None], room: rtc.Room | None, identity: str
    ) -> None:
        """Begin. `room` makes AgentSession keep LiveKit's text conventions in it, for participant `identity` alone: captions go there, and `text` is told what is written
        there."""
        session = self._session
        session.input.audio = Deaf()
        session.output.audio = output
        if room is None:
            session.output.transcription = Mouthpiece()
            await session.start(self._speaker, record=False)
        else:

            def written(_: AgentSession[Any], event: TextInputEvent) -> None:
                text(event.text)

            options = room_options(identity, written)
            await session.start(self._speaker, room=room, session_host=False, record=False, room_options=options)
            captions.attach(session.output.transcription)
            session.output.transcription = Mouthpiece(session.output.transcription)
            tasks.start(captions.publish(), "captions")
        bound_events(session)

    async def answer(self, text: str, settling: asyncio.Future[None] | None, stands: Callable[[], bool], again: Send | None = None) -> None:
        """Answer a written question, once the memory of what was interrupted is settled, if it still `stands` then. `again`: it was asked before, and what is known of its
        answer is said from the first word on."""
        if settling is not None:
            await asyncio.wait([settling], timeout=SETTLE_SECONDS)
        if again is not None:
            await self._speaker.update_chat_ctx(without_last_question(self._speaker.chat_ctx, text))
        if not stands():
            return
        speech = self._session.generate_reply(user_input=text, input_modality="text")
        if again is not None:
            self._speaker.go_on(speech, again.text, whole=again.whole)

    def say(self, text: str) -> None:
        """Say what answers no question."""
        self._session.say(text, allow_interruptions=True)

    def stop(self) -> asyncio.Future[None]:
        """Cancel what is being done. Done when what was heard is written down."""
        try:
            return self._session.interrupt(force=True)
        except RuntimeError:  # it has not begun, or is over
            nothing = asyncio.get_running_loop().create_future()
            nothing.set_result(None)
            return nothing

    async def aclose(self) -> None:
        """Raises `TimeoutError`, and whatever the engine's own clean-up does when a LiveKit room is gone."""
        closing = asyncio.ensure_future(self._session.aclose())
        await asyncio.wait([closing], timeout=CLOSE_SECONDS)
        if not closing.done():  # nor is it waited for when it is cancelled: nobody knows how long that takes it
            closing.cancel()
            raise TimeoutError
        closing.result()

    # ------------------------------------------------------------------------------------------------------- from the engine

    def _speech_created(self, event: SpeechCreatedEvent) -> None:
        speech = event.speech_handle
        self._generations.announce(speech)
        if event.source == "say":
            self._continuity.aside(speech)
        speech.add_done_callback(self._speech_done)

    def _speech_done(self, speech: SpeechHandle) -> None:
        self._scripts.forget(speech)
        gen = self._generations.of(speech)
        if gen is not None and not speech.interrupted:
            self._continuity.rounds.replied(gen)

    def _state_changed(self, event: AgentStateChangedEvent) -> None:
        self._client.set_state(STATES[event.new_state])
        if event.new_state == "listening":
            bound_memory(self._session, self._speaker)
            self._speaker.read_ahead("")

    def _failed(self, event: ErrorEvent) -> None:
        error = event.error
        if getattr(error, "recoverable", False) or getattr(error, "type", "") != "llm_error":
            return
        logger.error("session %s: the language model failed: %s", self._client.session_id, getattr(error, "error", error))
        self._client.fail("llm_failed", "the language model failed; ask again")
        self._continuity.rounds.failed("the language model failed")
        self._client.set_state("listening")
