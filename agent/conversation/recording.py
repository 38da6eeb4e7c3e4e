"""What happens in a conversation, as events of its journal: a translation of messages, stages and sound, with nothing decided here.

What comes often is told in stretches: the model's text in pieces of a quarter of a second, sound that goes out in pieces of some seconds.
"""

from __future__ import annotations

import asyncio
import time
import weakref
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from livekit.agents.voice.events import FunctionToolsExecutedEvent
from livekit.agents.voice.speech_handle import SpeechHandle

from agent.conversation.ear_ports import VoiceEvent
from agent.conversation.ports import Chronicle
from agent.conversation.stages import AnswerStage
from agent.media.block import BLOCK_SAMPLES, Block
from agent.protocol.messages import (
    RATE,
    AsrFinal,
    AsrPartial,
    AssistantText,
    ContextUpdate,
    Control,
    ErrorMessage,
    GenerationEnd,
    GenerationStart,
    Hold,
    Message,
    Playout,
    Resume,
    ServerInterrupt,
    Settings,
    StartListen,
    StateUpdate,
    StopListen,
    UiEvent,
)

DELTA_SECONDS: Final = 0.25
SOUND_SAMPLES: Final = 5 * RATE
TOLD: Final[Mapping[type[Message], str]] = {
    StateUpdate: "state",
    AsrPartial: "asr_partial",
    GenerationEnd: "generation_end",
    ServerInterrupt: "interrupt",
    Hold: "hold",
    Resume: "resume",
    ErrorMessage: "error",
    Playout: "playout",
    ContextUpdate: "context",
    Settings: "settings",
    UiEvent: "ui_event",
}
"""Messages that are events as they are, from either side."""
PROMISED: Final[Mapping[type[Message], str]] = {AsrFinal: "asr_final", Control: "command"}
"""Those that the client is told only when they are written down."""


@dataclass(eq=False)
class _Answer:
    """An answer of the engine: its number in the journal, what was reached of it, and text that is not written down yet."""

    number: int
    reached: set[AnswerStage] = field(default_factory=set)
    text: str = ""
    since: float = 0.0
    void: bool = False
    """It is given anew from what is written down of it: nothing more may be."""


class Recording:
    """One a conversation. `now` is the media sample being sent, `generation` the current one, `gen_of` that of an answer."""

    def __init__(
        self,
        chronicle: Chronicle,
        now: Callable[[], int],
        generation: Callable[[], int],
        gen_of: Callable[[Hashable], int | None],
        first: int = 0,
    ) -> None:
        """`first`: answers that were numbered before, at most."""
        self._chronicle = chronicle
        self._tape = chronicle.sound
        self._now = now
        self._generation = generation
        self._gen_of = gen_of
        self._answers: weakref.WeakKeyDictionary[Hashable, _Answer] = weakref.WeakKeyDictionary()
        self._count = first
        self._sound: tuple[int, int, int] | None = None
        """Sound that went out: its generation, and media samples from and to."""

    @property
    def stored(self) -> bool:
        """Whether what is said is written down beyond the session."""
        return self._chronicle.stored

    @property
    def recorded(self) -> bool:
        """Whether the sound of both sides is, too."""
        return self._tape.recorded

    def begin(self, about: Mapping[str, Any]) -> asyncio.Future[bool] | None:
        """The first event: org, user, persona, version, language, door; where another worker can go on with it, room and agent; what the client wants. What is returned
        is done when it is written down: nobody can go on with a session, or come back to it, of which nothing is."""
        return self._chronicle.commit("session", about, t=self._now(), gen=self._generation())

    def pause(self) -> None:
        """The client is gone: what waits to be a stretch is written down."""
        self._settle()

    def end(self, reason: str) -> None:
        self._settle()
        self._write("session_end", {"reason": reason})

    def close(self) -> None:
        """No more sound is recorded."""
        self._tape.close()

    # ------------------------------------------------------------------------------------------------------- messages

    def received(self, message: Message) -> None:
        """From the client."""
        if kind := TOLD.get(type(message)):
            self._write(kind, _content(message))
        elif isinstance(message, StartListen | StopListen):
            self._write("listen", {"action": "start" if isinstance(message, StartListen) else "stop"})

    def sent(self, message: Message, gen: int, t: int | None) -> asyncio.Future[bool] | None:
        """To the client. What is returned is done when the client may be told; None: at once."""
        kind = type(message)
        if isinstance(message, ServerInterrupt | Hold):
            self._tape.cut()
        if kind in PROMISED:
            return self._chronicle.commit(PROMISED[kind], _content(message), t=self._now() if t is None else t, gen=gen)
        if isinstance(message, GenerationStart):
            self._settle()
            answer = next((answer.number for speech, answer in self._answers.items() if self._gen_of(speech) == gen), None)
            self._write("generation_start", {"t0": message.t0, "answer": answer}, gen, t)
        elif isinstance(message, AssistantText):
            self._settle()
            self._write("heard", {"text": message.text, "cut": message.interrupted}, gen, t)
        elif kind in TOLD:
            self._write(TOLD[kind], _content(message), gen, t)
        return None

    def number_of(self, speech: Hashable) -> int | None:
        """The number of an answer of which something was written down."""
        answer = self._answers.get(speech)
        return None if answer is None else answer.number

    def corrected(self, gen: int, text: str) -> None:
        """The client has reported that this is what was heard of an answer that was cut."""
        self._write("heard_corrected", {"text": text}, gen)

    # ------------------------------------------------------------------------------------------------------- between them

    def voice(self, kind: VoiceEvent, sample: int) -> None:
        """The user's voice began or ended, at a sample of the microphone (16 kHz)."""
        self._write(kind, {"sample": sample})

    def reached(self, speech: Hashable | None, stage: AnswerStage) -> None:
        """An answer that is being prepared came so far; the first time counts. What is to be spoken is written down before."""
        if stage == "first_chunk" and (known := self._answers.get(speech)) is not None and known.text:
            self._delta(known, whole=False)
        kind = {"first_token": "llm_first_token", "first_sound": "tts_first_audio"}.get(stage)
        if kind is None or (answer := self._answer(speech)) is None or stage in answer.reached:
            return
        answer.reached.add(stage)
        self._write(kind, {"answer": answer.number})

    def wrote(self, speech: Hashable | None, text: str, *, whole: bool) -> None:
        """The language model's next words; `whole`: they were its last."""
        answer, now = self._answer(speech), time.monotonic()
        if answer is None or answer.void:
            return
        if not answer.text:
            answer.since = now
        answer.text += text
        if whole or (answer.text and now - answer.since >= DELTA_SECONDS):
            self._delta(answer, whole=whole)

    def void(self) -> None:
        """What is being answered will be answered anew, in the words that are written down by now: what its model writes from now on is nobody's. All that was spoken is."""
        for answer in self._answers.values():
            answer.void, answer.text = True, ""

    def heard(self, pcm: bytes, now: int) -> None:
        """Microphone sound came while media sample `now` was due."""
        self._tape.heard(pcm, now)

    def played(self, block: Block, now: int) -> None:
        """20 ms go out, perhaps ahead of time: `now` is the media sample that is due."""
        self._tape.played(block.t, None if block.blank else block.pcm, now)
        if self._sound is not None:
            gen, start, end = self._sound
            if not block.blank and block.gen == gen and block.t == end and end - start < SOUND_SAMPLES:
                self._sound = gen, start, end + BLOCK_SAMPLES
                return
            self._sound_ends()
        if not block.blank:
            self._sound = block.gen, block.t, block.t + BLOCK_SAMPLES

    def tools(self, event: FunctionToolsExecutedEvent) -> None:
        """Functions that the model called have returned."""
        for call, output in zip(event.function_calls, event.function_call_outputs, strict=True):
            d = {"id": call.call_id, "name": call.name, "arguments": call.arguments, "output": output.output, "failed": output.is_error}
            self._write("tool_call", d)

    # ------------------------------------------------------------------------------------------------------- in stretches

    def _answer(self, speech: Hashable | None) -> _Answer | None:
        if speech is None:
            return None
        if speech not in self._answers:
            if isinstance(speech, SpeechHandle) and speech.interrupted:
                return None  # given up before its first word: what its model writes is nobody's
            self._count += 1
            self._answers[speech] = _Answer(self._count)
        return self._answers[speech]

    def _delta(self, answer: _Answer, *, whole: bool) -> None:
        text, answer.text = answer.text, ""
        self._write("llm_delta", {"answer": answer.number, "text": text, "whole": whole})

    def _sound_ends(self) -> None:
        if self._sound is not None:
            (gen, start, end), self._sound = self._sound, None
            self._write("audio_out", {"t0": start, "t1": end}, gen, start)

    def _settle(self) -> None:
        """Write down what waits to be a stretch."""
        self._sound_ends()
        for answer in list(self._answers.values()):
            if answer.text:
                self._delta(answer, whole=False)

    def _write(self, kind: str, d: Mapping[str, Any], gen: int | None = None, t: int | None = None) -> None:
        gen, t = self._generation() if gen is None else gen, self._now() if t is None else t
        self._chronicle.write(kind, d, t=t, gen=gen)


def _content(message: Message) -> dict[str, Any]:
    return message.model_dump(exclude={"type"}, exclude_none=True)
