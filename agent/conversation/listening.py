"""What the ear says, as it concerns the rest of a conversation: who has the floor, what the client is told, when an answer was due."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from agent.conversation.client import Client
from agent.conversation.continuity import Continuity
from agent.conversation.ear_ports import VoiceEvent
from agent.conversation.floor import Floor
from agent.conversation.recognizers import Transcript
from agent.conversation.recording import Recording
from agent.conversation.speaker import Speaker
from agent.conversation.stages import Stages
from agent.conversation.telling import Telling
from agent.dialogue.completeness import sure_beginning
from agent.media.timeline import Timeline
from agent.protocol.messages import RATE, AsrFinal, AsrPartial, InterruptReason

BARELY: Final = RATE
"""An answer of which at most so much was heard has barely begun."""


class Listening:
    """Implements `ear_ports.EarHost`. One a conversation; `interrupt` makes it silent for good."""

    def __init__(
        self,
        client: Client,
        timeline: Timeline,
        floor: Floor,
        speaker: Speaker,
        telling: Telling,
        stages: Stages,
        recording: Recording,
        continuity: Continuity,
        interrupt: Callable[[InterruptReason], None],
        on_event: Callable[[str, float], None],
    ) -> None:
        self._client = client
        self._timeline = timeline
        self._floor = floor
        self._speaker = speaker
        self._telling = telling
        self._stages = stages
        self._recording = recording
        self._continuity = continuity
        self._interrupt = interrupt
        self._on_event = on_event

    def busy(self) -> bool:
        return self._client.state in ("thinking", "speaking") or self._timeline.current is not None

    def sounding(self) -> bool:
        segment = self._timeline.current
        return segment is not None and segment.started_t is not None

    def hold(self) -> None:
        self._floor.hold()

    def go_on(self) -> None:
        self._floor.go_on()

    def barge_in(self) -> bool:
        barely_begun = self._floor.barely_begun(BARELY)
        self._interrupt("voice")
        return barely_begun

    def went_on(self, question: str) -> None:
        self._speaker.supersede(question)

    def voice(self, kind: VoiceEvent, sample: int) -> None:
        self._recording.voice(kind, sample)

    def heard_partial(self, line: int, transcript: Transcript, *, prepared: bool = False) -> None:
        self._client.send(AsrPartial(id=self._line(line), text=transcript.text, language=transcript.language))
        if not prepared and not self.busy() and (sure := sure_beginning(transcript.text)):
            self._speaker.read_ahead(sure)

    def fell_silent(self, seconds: float) -> None:
        now = time.monotonic()
        self._stages.fell_silent(now - seconds, now)

    def anticipated(self, *, used: bool) -> None:
        self._on_event(f"anticipated:{'used' if used else 'dropped'}", 1.0)

    def heard_pause(self, transcript: Transcript) -> None:
        self._stages.question("transcript", time.monotonic())

    def heard_final(self, line: int, transcript: Transcript, end: int) -> None:
        now = time.monotonic()
        self._telling.asked(now)
        self._stages.question("commit", now)
        self._client.send(AsrFinal(id=self._line(line), text=transcript.text, language=transcript.language))
        self._continuity.rounds.asked("speech", transcript.text)

    def recognition_failed(self, error: Exception) -> None:
        self._client.fail("asr_failed", "speech recognition failed; say it again, or type")

    def _line(self, number: int) -> str:
        """The id of what the user says, unique in the session."""
        return f"u{self._continuity.since + number}"
