"""Who is heard. Falls silent at once when somebody speaks, goes on when it was nothing, and makes everything void when it was an interruption, in the order
that leaves no ghost."""

from __future__ import annotations

import asyncio
import logging
from typing import Any, Final, Protocol

from livekit.agents import llm
from livekit.agents.voice.speech_handle import SpeechHandle

from agent.conversation.client import Client
from agent.conversation.generations import Generations
from agent.conversation.heard import Cut, Heard
from agent.conversation.output import Output
from agent.conversation.ports import Transport
from agent.media.driving import Driving
from agent.media.timeline import Timeline
from agent.protocol.messages import (
    RATE,
    AssistantText,
    GenerationEnd,
    Hold,
    InterruptReason,
    Playout,
    Resume,
    ServerInterrupt,
)

logger = logging.getLogger("visavis.floor")

HOLD_SECONDS: Final = 3.0
"""A hold that nobody ends (the client sends no sound any more) ends by itself."""
REPEAT_SAMPLES: Final = RATE
"""A word that was broken off is said again; more than this is not repeated for it."""
SHORT_SAMPLES: Final = RATE * 150 // 1000
"""After a hold as short as this the sound goes on where it stopped."""


class FloorHost(Protocol):
    """Whom the floor tells, and whom it asks."""

    def stop_engine(self) -> asyncio.Future[None]:
        """Cancel what the engine is doing. Done when it has written down what was heard."""

    def media_now(self) -> int:
        """The media sample that is due now."""

    def sound_goes_on(self) -> None:
        """There is something to be sent again."""

    def answer_is_void(self) -> None:
        """Nothing more is shown of the answer, and nothing of it happens any more."""

    def corrected(self, gen: int, text: str) -> None:
        """The client heard other words of an answer that was cut than was thought."""

    def voice_is_settled(self) -> None:
        """Nothing is held any more: what the user's voice meant needs no verdict."""

    def was_cut(self, t: int) -> None:
        """The user has ended what was being said, at media sample `t`."""


class Floor:
    """One a conversation."""

    def __init__(
        self,
        host: FloorHost,
        client: Client,
        transport: Transport,
        timeline: Timeline,
        driving: Driving,
        generations: Generations,
        output: Output,
    ) -> None:
        self.heard = Heard()
        self.interrupts = 0
        self.settling: asyncio.Future[None] | None = None
        """The engine writes down what was heard of the answer that was interrupted last."""
        self._host = host
        self._client = client
        self._transport = transport
        self._timeline = timeline
        self._driving = driving
        self._generations = generations
        self._output = output
        self._held_at = 0
        self._ear_at = 0
        self._watch: asyncio.TimerHandle | None = None

    # ------------------------------------------------------------------------------------------------------- stage one

    def hold(self) -> None:
        """Silence, which can be taken back."""
        if self._timeline.held:
            return
        self._held_at, self._ear_at = self._timeline.t, self.heard.at(self._host.media_now())
        self._timeline.hold()
        self._transport.clear()
        segment = self._timeline.current
        if segment is not None and segment.started_t is not None:
            self._client.send(Hold(cut_t=self._held_at), gen=segment.gen, t=self._held_at)
        self._watch = asyncio.get_running_loop().call_later(HOLD_SECONDS, self._give_up)

    def go_on(self) -> None:
        """It was nothing: the voice goes on, from the beginning of the word that was broken off at the ear."""
        if not self._timeline.held:
            return
        self._unwatch()
        segment, back = self._timeline.current, 0
        brief = self._timeline.t - self._held_at <= SHORT_SAMPLES and not self._transport.ahead_seconds
        if segment is not None and segment.started_t is not None and not brief:
            word = self._output.script_of(segment).word_start(segment.heard(self._ear_at), segment.speech)
            back = min(segment.pulled - word, REPEAT_SAMPLES)
        from_t = None if segment is None or (base := segment.base(0)) is None else base + segment.pulled - back
        t0 = self._timeline.resume(back)
        self._driving.again()
        if segment is not None and segment.started_t is not None:
            self._client.send(Resume(t0=t0, from_t=from_t), gen=segment.gen, t=t0)
        self._host.sound_goes_on()

    def _give_up(self) -> None:
        logger.info("nobody said how a hold should end; the voice goes on")
        self._host.voice_is_settled()
        self.go_on()

    def _unwatch(self) -> None:
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None

    # ------------------------------------------------------------------------------------------------------- stage two

    def interrupt(self, reason: InterruptReason) -> None:
        """Silence for good. The order matters: the new id first, then the work is cancelled, then the queues are emptied, then the client is told."""
        gen = self._generations.interrupt()
        self.interrupts += 1
        self.settling = self._host.stop_engine()
        held = self._timeline.held
        cut_t = self._held_at if held else self._timeline.t
        ear = self._ear_at if held else self.heard.at(self._host.media_now())
        self._unwatch()
        for cut in self._output.cut(lambda segment, script: self.heard.cut(segment, script, cut_t, ear)):
            segment = cut.segment
            cut.correct = _Memory(self._host, segment.gen, cut.script.speech)
            self._client.send(AssistantText(id=f"a{segment.gen}", text=cut.text, interrupted=True), gen=segment.gen)
            if segment.started_t is not None:
                self._client.send(GenerationEnd(t_end=cut_t, interrupted=True), gen=segment.gen, t=cut_t)
        self._host.answer_is_void()
        self._transport.clear()
        self._client.send(ServerInterrupt(cut_t=cut_t, reason=reason), gen=gen, t=cut_t)
        self._host.was_cut(cut_t)
        self._client.set_state("idle", reason="interrupted")
        if reason == "voice":
            self._client.set_state("listening")
        self._host.voice_is_settled()

    def drop(self) -> None:
        """Nobody is here: what is being said counts neither as heard nor as cut."""
        self._generations.interrupt()
        self.interrupts += 1
        self.settling = self._host.stop_engine()
        self._unwatch()
        self._output.cut(lambda segment, script: Cut(segment, script, self._timeline.t))
        self._host.answer_is_void()
        self._transport.clear()
        self._host.voice_is_settled()

    def barely_begun(self, samples: int) -> bool:
        """Whether at most so many content samples of the present answer were heard, if any."""
        segment = self._timeline.current
        return segment is None or segment.heard(self.heard.at(self._host.media_now())) <= samples

    def report(self, playout: Playout) -> bool:
        """The client says what it heard. Returns whether that can be; nonsense is noted, and nothing more."""
        wrong = self.heard.report(playout.gen, playout.t_heard, self._host.media_now(), self._timeline.t)
        if wrong:
            logger.info("%s", wrong)
        return wrong is None

    def close(self) -> None:
        self._unwatch()


class _Memory:
    """Writes what was really heard of an answer into the conversation that the model remembers."""

    def __init__(self, host: FloorHost, gen: int, speech: Any) -> None:
        self._host = host
        self._gen = gen
        self._speech = speech

    def __call__(self, text: str) -> None:
        self._host.corrected(self._gen, text)
        if not isinstance(self._speech, SpeechHandle):
            return
        for item in self._speech.chat_items:
            if isinstance(item, llm.ChatMessage) and item.role == "assistant":
                item.content = [text]
