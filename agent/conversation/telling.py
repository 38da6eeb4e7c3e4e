"""What a client is told of an answer while it is heard: its beginning, its words and moods, the shapes of the mouth ahead of their sound, and its end."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable
from typing import Final, Protocol

from agent.conversation.captions import Captions
from agent.conversation.client import Client
from agent.conversation.face import control_message, marks_message, messages_of
from agent.conversation.output import Output
from agent.conversation.script import Action, Caption, Mood
from agent.conversation.stages import Stages
from agent.media.blendshapes import Blendshapes
from agent.media.block import Block
from agent.media.driving import Batch, Driving
from agent.media.fingerprint import Fingerprint
from agent.media.timeline import Ended, Fired, Started, Timeline
from agent.protocol.messages import (
    RATE,
    AssistantText,
    AssistantTextDelta,
    EmotionTag,
    GenerationEnd,
    GenerationStart,
    Message,
    TurnStages,
)

logger = logging.getLogger("visavis.telling")


RETOLD: Final = 32
RETOLD_SAMPLES: Final = 30 * RATE
"""A command is told again to a client that comes back within so long."""


class TellingHost(Protocol):
    """The conversation, as its telling sees it."""

    session_id: str

    def stretch_began(self, gen: int, speech: object) -> None:
        """The first sound of a stretch of an answer goes out."""

    def stretch_ended(self, gen: int, t: int) -> None:
        """A stretch of an answer has gone out, up to media sample `t`."""


class Telling:
    """One a conversation. `stages_wanted`: by the client; `fingerprint`: where the client has to find its clock by the voice's loudness; `blendshapes`: where it
    wants the whole face."""

    def __init__(
        self,
        host: TellingHost,
        client: Client,
        timeline: Timeline,
        driving: Driving,
        output: Output,
        captions: Captions,
        stages: Stages,
        *,
        stages_wanted: bool,
        fingerprint: Fingerprint | None,
        blendshapes: Blendshapes | None,
        on_event: Callable[[str, float], None],
        commands: int = 0,
    ) -> None:
        """`commands`: that were numbered before, at most."""
        self._host = host
        self._client = client
        self._timeline = timeline
        self._driving = driving
        self._output = output
        self._captions = captions
        self._stages = stages
        self._stages_wanted = stages_wanted
        self._fingerprint = fingerprint
        self._blendshapes = blendshapes
        self._blank = True
        self._on_event = on_event
        self._asked_at: float | None = None
        self._late = 0
        self._commands = commands
        self._happened: deque[tuple[Message, int, int, int]] = deque(maxlen=RETOLD)

    def asked(self, now: float) -> None:
        """A question is complete; its answer is waited for from now on."""
        self._asked_at = now

    def ahead(self, block: Block) -> None:
        """Before a block is sent: the shapes and words that come, and the marks of its loudness."""
        batch = self._driving.due(self._timeline)
        if batch is not None:
            for message, t in messages_of(batch):
                self._client.send(message, gen=batch.gen, t=t)
        if self._blendshapes is not None:
            self._show(self._blendshapes, block, batch)
        if self._fingerprint is not None and (marks := self._fingerprint.push(block)) is not None:
            self._client.send(marks_message(marks))

    def _show(self, face: Blendshapes, block: Block, batch: Batch | None) -> None:
        if block.blank and not self._blank:
            face.rest(block.t)
        self._blank = block.blank
        if batch is not None:
            face.told(batch.t, batch.visemes)
        if (packet := face.due(block.t)) is not None:
            self._client.show(packet)

    def fired(self, events: list[Fired], due: float) -> None:
        """What hangs on the block that is sent next."""
        for fired in events:
            segment, gen, t = fired.segment, fired.segment.gen, fired.t
            match fired.event:
                case Started():
                    if self._asked_at is not None:
                        self._on_event("answer_seconds", time.monotonic() - self._asked_at)
                        self._asked_at = None
                    self._client.send(GenerationStart(t0=t), gen=gen, t=t)
                    self._host.stretch_began(gen, self._output.script_of(segment).speech)
                    self._tell_stages(gen, t, self._output.script_of(segment).speech)
                case Caption(text=text):
                    self._client.send(AssistantTextDelta(id=f"a{gen}", text=text), gen=gen, t=t)
                    self._captions.show(text)
                case Mood(emotion=emotion):
                    tag = EmotionTag(name=emotion)
                    self._happen(tag, gen, t, tag.ttl * RATE // 1000)
                    if self._blendshapes is not None:
                        self._blendshapes.feel(t, emotion, tag.intensity, tag.ttl / 1000)
                case Action() as action:
                    self._commands += 1
                    self._happen(control_message(f"c{self._commands}", action), gen, t, RETOLD_SAMPLES)
                case Ended():
                    self._tell_lateness(gen)
                    script = self._output.script_of(segment)
                    self._client.send(AssistantText(id=f"a{gen}", text=script.text.strip()), gen=gen, t=t)
                    self._client.send(GenerationEnd(t_end=t), gen=gen, t=t)
                    self._host.stretch_ended(gen, t)
                    self._captions.end()
            self._output.fired(fired)

    def _happen(self, message: Message, gen: int, t: int, samples: int) -> None:
        """Tell of something that a client which comes back within so many samples still has to know."""
        self._client.send(message, gen=gen, t=t)
        self._happened.append((message, gen, t, t + samples))

    def again(self) -> None:
        """The client has come back: what has not expired is told again. A command is told with the id that it had, and is obeyed once."""
        self._driving.again()
        for message, gen, t, until in self._happened:
            if until > self._timeline.t:
                self._client.send(message, gen=gen, t=t)

    def void(self) -> None:
        """An interrupt: nothing of the answer happens any more."""
        self._happened.clear()

    def _tell_lateness(self, gen: int) -> None:
        if late := self._timeline.late - self._late:
            self._late += late
            self._on_event("late_voice", late / RATE)
            logger.info("session %s: %.0f ms of silence within answer %d", self._host.session_id, late / RATE * 1000, gen)

    def _tell_stages(self, gen: int, t: int, speech: object) -> None:
        stages = self._stages.out(speech, time.monotonic())
        if not stages:
            return
        told = ", ".join(f"{name} {ms} ms" for name, ms in stages.items())
        logger.info("session %s: answer %d after %s", self._host.session_id, gen, told)
        for name, ms in stages.items():
            self._on_event(f"stage:{name}", ms / 1000)
        if self._stages_wanted:
            self._client.send(TurnStages(stages={str(name): ms for name, ms in stages.items()}), gen=gen, t=t)
