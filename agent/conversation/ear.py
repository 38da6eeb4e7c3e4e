"""The ear: one `stt.STT` for AgentSession, made of voice activity, any recogniser and turn-taking.

Microphone sound goes in by `push`, outside AgentSession's own audio path, so that silence costs next to nothing; AgentSession gets only events: start of
speech, interim, preflight (the answer is prepared while the silence is waited out), final and end of speech. While the digital human thinks or speaks,
nothing is passed on until it is certain that the user takes the turn: `EarHost.hold` comes at the first sign of a voice, then either `go_on` or `barge_in`.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from livekit.agents import stt
from livekit.agents.language import LanguageCode
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS, NOT_GIVEN, APIConnectOptions, NotGivenOr
from livekit.agents.utils import AudioBuffer

from agent.aio import Tasks
from agent.conversation.backchannel import meaning_of
from agent.conversation.ear_ports import RECENT, WINDOW, EarHost, TurnModel, VoiceActivity
from agent.conversation.recognizers import SETTLED_BYTES, Recognizer, Transcript
from agent.dialogue.completeness import sounds_complete
from agent.dialogue.going_on import joined
from agent.media.barge_in import BargeIn, GoOn, Hold, Meaning, TakeTurn, Verdict
from agent.media.turn_taking import (
    MICROPHONE_RATE,
    Committed,
    Decision,
    Dipped,
    Discarded,
    Phase,
    Resumed,
    SpeechStarted,
    TurnTaking,
)
from agent.protocol.messages import InterruptMode, LanguageChoice

logger = logging.getLogger("visavis.ear")

PREROLL: Final = MICROPHONE_RATE * 300 // 1000
"""Sound before the first voiced window that belongs to the utterance."""
GOING_ON: Final = MICROPHONE_RATE * 2
"""Who speaks again so soon after their turn was taken to be over, and cuts off an answer that has barely begun, went on with what they were saying."""
PARTIAL: Final = MICROPHONE_RATE * 450 // 1000
"""Sound between two partial transcripts."""
GLIMPSE: Final = MICROPHONE_RATE * 10 // 1000
"""While the digital human speaks, the end of a window is not waited for: so often it is looked whether a voice begins."""
GLIMPSED: Final = 0.25
"""From this probability on it may be one; when it was none, a quarter of a second of silence is all that it cost."""
DIGITAL_SILENCE: Final = 4
"""A window whose samples are all smaller than this (of 32768) is silence without asking the model: muted microphones cost nothing."""


QUIET: Final = 0.03
"""Of the voice's level; below is a pause. The creaking end of a third tone lies at 0.03 to 0.05: taken for a pause, the last word of 吃什么好 is not heard."""
LEVEL_DECAY: Final = 0.995
"""A window; the level is halved in 4.4 s."""


def _to_float(samples: npt.NDArray[np.int16]) -> npt.NDArray[np.float32]:
    return samples.astype(np.float32) * np.float32(1 / 32768)


class Ear(stt.STT[Any]):
    """One a conversation."""

    def __init__(
        self,
        host: EarHost,
        vad: VoiceActivity,
        recognizer: Recognizer,
        *,
        turns: TurnTaking | None = None,
        turn_model: TurnModel | None = None,
        language: LanguageChoice = "auto",
        interrupt: InterruptMode = "auto",
        anticipate: bool = True,
    ) -> None:
        super().__init__(capabilities=stt.STTCapabilities(streaming=True, interim_results=True))
        self.language: LanguageChoice = language
        self._anticipate = anticipate
        self._host = host
        self._vad = vad
        self._recognizer = recognizer
        self._turn_model = turn_model
        self._turns = turns or TurnTaking()
        self._barge_in = BargeIn(interrupt)
        self._tasks = Tasks("ear")
        self._stream: EarStream | None = None
        self._sound = bytearray()
        self._sound_start = 0
        self._pending = bytearray()
        self._looked = 0
        """How much of what is pending has been looked at."""
        self._utterance = 0
        self._announced = False
        self._over = False
        """The utterance began while the digital human spoke."""
        self._preflighted = False
        self._failed = False
        """It was reported already that this utterance is not understood."""
        self._latest = Transcript("")
        self._line = 0
        """The utterance under whose number the words are shown: that of the one which this one goes on with."""
        self._last: tuple[int, int, str] | None = None
        """The last turn: its line, where it ended, and what was said in it."""
        self._spoken = 0
        """Samples of speech of this utterance, at its last dip."""
        self._before = ""
        """What was said before this utterance and belongs to it."""
        self._partial_at = 0
        self._partial: asyncio.Task[None] | None = None
        self._transcribing: asyncio.Task[None] | None = None
        self._level = 0.0

    # ------------------------------------------------------------------------------------------------------- what goes in

    @property
    def engaged(self) -> bool:
        """Somebody's turn is open, or a hold waits for its verdict."""
        return self._turns.phase is not Phase.QUIET or self._barge_in.held

    def push(self, pcm: bytes) -> None:
        """Microphone sound: 16 kHz mono 16-bit, any length, in order."""
        self._pending += pcm
        while len(self._pending) >= WINDOW * 2:
            window = bytes(self._pending[: WINDOW * 2])
            del self._pending[: WINDOW * 2]
            self._window(window)
            self._looked = 0
        if len(self._pending) - self._looked >= GLIMPSE * 2:
            self._looked = len(self._pending)
            self._glimpse()

    def finish(self) -> None:
        """The microphone was closed: what was said until now is all."""
        self._apply(self._turns.finish())

    def reset(self) -> None:
        """The turn was taken otherwise; forget what is being said."""
        self._last = None
        self._apply(self._turns.reset())

    def switch(self, mode: InterruptMode) -> None:
        """Change, in mid-conversation, what it takes to interrupt."""
        self._judge(self._barge_in.switch(mode))

    def answer_is_ready(self) -> None:
        """What was prepared while the silence is waited out could be heard now."""
        if self._preflighted:
            self._apply(self._turns.prepared())

    def settled(self) -> None:
        """Nothing is held any more."""
        self._barge_in.settled()

    def _window(self, window: bytes) -> None:
        samples = np.frombuffer(window, np.int16)
        if int(np.abs(samples).max()) < DIGITAL_SILENCE:
            probability = 0.0
        else:
            sound = _to_float(samples)
            probability = self._vad.probability(sound)
            if self._fell_quiet(sound):
                probability = 0.0
        if self._turns.phase is not Phase.QUIET:
            self._recognizer.push(window)
        elif len(self._sound) > PREROLL * 4:
            self._trim(self._turns.now - PREROLL)
        self._sound += window
        self._apply(self._turns.window(probability, WINDOW))
        self._watch_the_floor(probability)
        if self._turns.phase is Phase.SPEAKING:
            self._consider_partial()

    def _glimpse(self) -> None:
        """Look for the begin of a voice over the digital human's before the window ends."""
        if self._turns.phase is not Phase.QUIET or self._barge_in.held or not self._host.sounding():
            return
        before = RECENT * 2 - len(self._pending)
        recent = np.frombuffer(bytes(self._sound[-before:] + self._pending), np.int16)
        if len(recent) < RECENT or int(np.abs(recent[-GLIMPSE:]).max()) < DIGITAL_SILENCE:
            return
        if self._vad.glimpse(_to_float(recent)) >= GLIMPSED:
            self._judge(self._barge_in.glimpse(self._turns.now + len(self._pending) // 2))

    def _fell_quiet(self, sound: npt.NDArray[np.float32]) -> bool:
        """The voice has dropped far below its own level: the detector, which looks back, would notice some 60 ms later."""
        loudness = float(np.sqrt(np.mean(np.square(sound))))
        if self._turns.phase is Phase.QUIET:
            self._level = loudness
            return False
        self._level = max(loudness, self._level * LEVEL_DECAY)
        return loudness < QUIET * self._level

    def _trim(self, start: int) -> None:
        """Forget the sound before microphone sample `start`."""
        drop = start - self._sound_start
        if drop > 0:
            del self._sound[: drop * 2]
            self._sound_start += drop

    def _since(self, start: int) -> bytes:
        return bytes(self._sound[max(0, start - self._sound_start) * 2 :])

    # ------------------------------------------------------------------------------------------------------- what comes out

    def _apply(self, decisions: list[Decision]) -> None:
        for decision in decisions:
            match decision:
                case SpeechStarted(at=at):
                    self._start(at)
                case Dipped():
                    self._spoken = self._turns.voiced
                    self._stop_partial()
                    self._host.fell_silent((self._turns.now - decision.end + len(self._pending) // 2) / MICROPHONE_RATE)
                    self._transcribing = self._tasks.start(self._transcribe(decision), "transcribe")
                    if self._turn_model is not None:
                        self._tasks.start(self._ask_turn_model(self._turn_model, decision), "turn-model")
                case Resumed():
                    self._stop_transcribing()
                    if self._settle_anticipation(used=False):
                        self._send(stt.SpeechEventType.INTERIM_TRANSCRIPT, self._latest.text + " …")
                case Committed(end=end):
                    self._commit(end)
                case Discarded():
                    self._discard()

    def _start(self, at: int) -> None:
        self._host.voice("user_speech_start", at)
        self._utterance += 1
        self._line = self._utterance
        self._latest = Transcript("")
        self._announced = self._preflighted = self._failed = False
        self._over, self._before = self._host.busy(), ""
        self._partial_at = at
        self._trim(at - PREROLL)
        self._recognizer.begin(bytes(self._sound))
        if not self._over:
            self._announce()

    def _whole(self, transcript: Transcript) -> Transcript:
        """With what was said before it and belongs to it."""
        return replace(transcript, text=joined(self._before, transcript.text)) if self._before and transcript.text else transcript

    def _announce(self) -> None:
        if not self._announced:
            self._announced = True
            self._send(stt.SpeechEventType.START_OF_SPEECH)

    def _watch_the_floor(self, probability: float) -> None:
        """Whether somebody speaks over the digital human. `probability`: that the last window is speech."""
        turns, barge_in = self._turns, self._barge_in
        if self._announced and turns.phase is not Phase.QUIET:
            return
        if not self._host.busy():
            barge_in.ended()
            if turns.phase is Phase.SPEAKING:
                self._announce()
        elif turns.phase is Phase.SPEAKING:
            self._over = True
            self._judge(barge_in.voice(turns.now, turns.voiced))
        elif turns.phase is Phase.PAUSED:
            self._judge(barge_in.passed(turns.now))
        elif turns.rising:
            self._judge(barge_in.voice(turns.now, turns.rising))
        elif probability >= GLIMPSED and not barge_in.held and self._host.sounding():
            self._judge(barge_in.glimpse(turns.now))
        else:
            self._judge(barge_in.silence(turns.now))

    def _judge(self, verdicts: list[Verdict]) -> None:
        for verdict in verdicts:
            match verdict:
                case Hold():
                    self._host.hold()
                case GoOn():
                    self._host.go_on()
                case TakeTurn():
                    self._take_turn()

    def _take_turn(self) -> None:
        """The user speaks and means it."""
        if self._host.busy():
            barely_begun = self._host.barge_in()
            if barely_begun and self._last is not None and self._turns.started - self._last[1] <= GOING_ON:
                self._line, _, self._before = self._last
                self._host.went_on(self._before)
        self._announce()

    def _means_it(self, transcript: Transcript) -> bool:
        """Whether these words may be passed on: always when nobody else speaks; otherwise words that are more than a nod interrupt."""
        if self._announced:
            return True
        meaning = meaning_of(transcript.text, self._spoken)
        if self._host.busy() and (self._barge_in.mode == "off" or meaning is not Meaning.WORDS):
            return False
        if self._over and meaning is not Meaning.WORDS:
            return False
        self._take_turn()
        return True

    def _consider_partial(self) -> None:
        if self._turns.now - self._partial_at < PARTIAL or (self._partial is not None and not self._partial.done()):
            return
        self._partial_at = self._turns.now
        self._partial = self._tasks.start(self._transcribe_partial(self._utterance), "partial")

    def _stop_partial(self) -> None:
        if self._partial is not None:
            self._partial.cancel()

    def _stop_transcribing(self) -> None:
        """The user goes on: what is being found out about the sound until the pause is of no use, unless a long utterance is to be settled by it."""
        if self._transcribing is not None and self._turns.now - self._turns.started < SETTLED_BYTES // 2:
            self._transcribing.cancel()

    async def _transcribe_partial(self, utterance: int) -> None:
        try:
            transcript = await self._recognizer.transcribe(self._since(self._turns.started - PREROLL), self.language, final=False)
        except Exception as error:  # a partial may fail; the final one tells
            logger.debug("partial transcript failed: %s", error)
            return
        if utterance != self._utterance or self._turns.phase is not Phase.SPEAKING:
            return
        if not self._announced and self._host.busy():
            self._judge(self._barge_in.words(meaning_of(transcript.text, self._turns.voiced), self._turns.voiced))
        if self._announced and transcript.text:
            transcript = self._whole(transcript)
            self._latest = transcript
            self._host.heard_partial(self._line, transcript)
            self._send(stt.SpeechEventType.INTERIM_TRANSCRIPT, transcript.text)

    async def _transcribe(self, dip: Dipped) -> None:
        utterance = self._utterance
        try:
            transcript = await self._recognizer.transcribe(self._since(dip.start - PREROLL), self.language, final=True)
        except Exception as error:
            logger.warning("speech recognition failed: %r", error)
            if utterance == self._utterance:
                if not self._failed:
                    self._failed = True
                    self._host.recognition_failed(error)
                self._judge(self._barge_in.said(Meaning.NOTHING))
                self._apply(self._turns.transcript(dip.candidate, ""))
            return
        if utterance != self._utterance or not self._turns.awaits(dip.candidate):
            return
        if not self._announced and self._host.busy():
            self._judge(self._barge_in.said(meaning_of(transcript.text, self._turns.voiced)))
        transcript = self._whole(transcript)
        self._latest = transcript
        self._host.heard_pause(transcript)
        decisions = self._turns.transcript(dip.candidate, transcript.text)
        if not decisions and self._turns.phase is Phase.PAUSED and transcript.text and self._announced:
            if self._anticipate and sounds_complete(transcript.text):
                self._preflighted = True
                self._send(stt.SpeechEventType.PREFLIGHT_TRANSCRIPT, transcript.text)
            self._host.heard_partial(self._line, transcript, prepared=self._preflighted)
        self._apply(decisions)

    async def _ask_turn_model(self, model: TurnModel, dip: Dipped) -> None:
        pcm = _to_float(np.frombuffer(self._since(dip.start - PREROLL), np.int16))
        try:
            completeness = await model.completeness(pcm)
        except Exception as error:  # a hint; without it the rules decide
            logger.debug("turn model failed: %s", error)
            return
        self._apply(self._turns.hint(dip.candidate, completeness))

    def _commit(self, end: int) -> None:
        self._host.voice("user_speech_end", end)
        transcript = self._latest
        self._stop_partial()
        self._vad.reset()
        if not self._means_it(transcript):
            return
        self._settle_anticipation(used=True)
        self._last = self._line, end, transcript.text
        self._host.heard_final(self._line, transcript, end)
        self._send(stt.SpeechEventType.FINAL_TRANSCRIPT, transcript.text)
        self._send(stt.SpeechEventType.END_OF_SPEECH)

    def _settle_anticipation(self, *, used: bool) -> bool:
        """Report what became of the answer that was being prepared, if there was one."""
        was, self._preflighted = self._preflighted, False
        if was:
            self._host.anticipated(used=used)
        return was

    def _discard(self) -> None:
        self._host.voice("user_speech_end", self._turns.now)
        self._stop_partial()
        self._settle_anticipation(used=False)
        if self._announced:
            self._send(stt.SpeechEventType.END_OF_SPEECH)
        self._announced = False

    def _send(self, kind: stt.SpeechEventType, text: str | None = None) -> None:
        if self._stream is None:
            return
        code = self._latest.language or (None if self.language == "auto" else self.language) or "en"
        data = [] if text is None else [stt.SpeechData(language=LanguageCode(code), text=text, confidence=1.0)]
        self._stream.send(stt.SpeechEvent(type=kind, alternatives=data))

    # ------------------------------------------------------------------------------------------------------- AgentSession's side

    def stream(
        self, *, language: NotGivenOr[str] = NOT_GIVEN, conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS
    ) -> stt.RecognizeStream:
        self._stream = EarStream(self, conn_options)
        return self._stream

    async def _recognize_impl(
        self, buffer: AudioBuffer, *, language: NotGivenOr[str] = NOT_GIVEN, conn_options: APIConnectOptions
    ) -> stt.SpeechEvent:
        raise NotImplementedError("the ear listens along; it does not take buffers")

    async def aclose(self) -> None:
        self._stream = None
        await self._tasks.aclose()
        await self._recognizer.aclose()


class EarStream(stt.RecognizeStream):
    """The events of the ear, as AgentSession reads them. Sound does not come this way."""

    def __init__(self, ear: Ear, conn_options: APIConnectOptions) -> None:
        super().__init__(stt=ear, conn_options=conn_options)

    def send(self, event: stt.SpeechEvent) -> None:
        if not self._event_ch.closed:
            self._event_ch.send_nowait(event)

    async def _run(self) -> None:
        async for _ in self._input_ch:
            pass
