"""One user and one digital human: wires ear, AgentSession, timeline and door together, and keeps the order of things when somebody interrupts."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Hashable
from typing import Any, Final

from livekit import rtc
from livekit.agents import AgentSession
from livekit.agents.voice.events import AgentStateChangedEvent, ErrorEvent, SpeechCreatedEvent
from livekit.agents.voice.room_io import TextInputEvent

from agent.aio import Tasks
from agent.config import Config, Persona
from agent.conversation import echo
from agent.conversation.aligning import Aligning
from agent.conversation.captions import Captions, Mouthpiece
from agent.conversation.context import PageContext
from agent.conversation.ear import Ear
from agent.conversation.ear_ports import VoiceEvent
from agent.conversation.engine import Deaf, agent_session, bound_events, bound_memory, room_options
from agent.conversation.floor import Floor
from agent.conversation.generations import Generations
from agent.conversation.greeting import BLENDSHAPES, greeting
from agent.conversation.outgoing import Outgoing
from agent.conversation.output import Output
from agent.conversation.parts import Parts
from agent.conversation.ports import Chronicle, Transport
from agent.conversation.recognizers import Transcript, recognizer
from agent.conversation.recording import Recording
from agent.conversation.script import Scripts
from agent.conversation.speaker import Speaker
from agent.conversation.stages import AnswerStage, Stages
from agent.conversation.stillness import Stillness
from agent.conversation.telling import Telling
from agent.dialogue.completeness import sure_beginning
from agent.media.blendshapes import Blendshapes, Packet
from agent.media.block import Block
from agent.media.driving import Driving
from agent.media.fingerprint import Fingerprint
from agent.media.pump import Pump
from agent.media.timeline import Timeline
from agent.media.turn_taking import MICROPHONE_RATE, TurnSettings, TurnTaking
from agent.protocol.envelope import Envelope
from agent.protocol.errors import KINDS
from agent.protocol.frames import Frame, Kind
from agent.protocol.messages import (
    MAX_TEXT,
    RATE,
    AsrFinal,
    AsrPartial,
    AssistantTextDelta,
    ClientHello,
    ClientInterrupt,
    ContextAck,
    ContextUpdate,
    ErrorMessage,
    InterruptReason,
    LanguageChoice,
    Message,
    Ping,
    Playout,
    Pong,
    Settings,
    StartListen,
    State,
    StateUpdate,
    StopListen,
    TextInput,
    UiEvent,
)
from agent.version import project_version

logger = logging.getLogger("visavis.conversation")

SETTLE_SECONDS: Final = 2.0
"""How long the engine may take to write down what was heard of an interrupted answer."""
BARELY: Final = RATE
"""An answer of which at most so much was heard has barely begun."""


class Conversation:
    """Implements `ports.Guest`. Made by `host.ConversationHost`; `start` sends the server's hello and begins."""

    def __init__(
        self,
        session_id: str,
        config: Config,
        persona_id: str,
        transport: Transport,
        parts: Parts,
        hello: ClientHello,
        chronicle: Chronicle,
        on_event: Callable[[str, float], None] = lambda name, value: None,
    ) -> None:
        self.session_id = session_id
        self.ended = asyncio.Event()
        self.on_ended: Callable[[], None] = lambda: None
        """Called once, when everything is freed."""
        self._config = config
        self._persona_id = persona_id
        self._persona: Persona = config.personas[persona_id]
        self._transport = transport
        self._parts = parts
        self._on_event = on_event
        self._tasks = Tasks(f"conversation {session_id}", self._task_failed)
        self._state: State = "idle"
        self._typed = 0
        self._frames = 0
        self._outgoing = Outgoing(transport)
        self._closing = False
        self._listening = True
        self._context = PageContext()
        self._stages = Stages()
        self._preparing: object = None
        """The answer that was asked for last."""
        self._timeline = Timeline()
        self._generations = Generations()
        self._recording = Recording(chronicle, lambda: self._timeline.t, lambda: self._generations.current, self._generations.of)
        self._scripts = Scripts(self._unspoken)
        self._driving = Driving()
        self._output = Output(
            self._timeline,
            self._driving,
            self._generations,
            self._scripts,
            on_content=self._content,
            on_engine_cut=lambda: self.interrupt("operator"),
        )
        self._floor = Floor(self, transport, self._timeline, self._driving, self._generations, self._output)
        self._captions = Captions()
        self._wants_face = BLENDSHAPES in hello.wants
        self._telling = Telling(
            self,
            self._timeline,
            self._driving,
            self._output,
            self._captions,
            self._stages,
            stages_wanted="stages" in hello.wants,
            blendshapes=Blendshapes() if self._wants_face else None,
            fingerprint=Fingerprint() if transport.kind == "livekit" else None,
            on_event=on_event,
        )
        self._pump = Pump(self._timeline, self._play, self._telling.fired, transport.ahead_seconds)
        self._echo = echo.EchoCanceller(self._pump.now) if echo.WANT in hello.wants else None

        turn = config.turn
        anticipates = turn.anticipate == "always" or (turn.anticipate == "local" and parts.llm.provider == "local")
        self._ear = Ear(
            self,
            parts.vad,
            recognizer(parts.stt, config.limits.stt_seconds),
            turns=TurnTaking(
                TurnSettings(silence=MICROPHONE_RATE * turn.silence_ms // 1000, patience=MICROPHONE_RATE * turn.patience_ms // 1000)
            ),
            turn_model=parts.turn_model,
            language=hello.language or self._persona.language,
            interrupt=turn.interrupt,
            anticipate=anticipates,
        )
        self._stillness = Stillness(self._ear.push, lambda: self._ear.engaged)
        aligning = None if parts.aligner is None else Aligning(parts.aligner, self._tasks, session_id)
        self._speaker = Speaker(self, self._persona, self._scripts, config.limits.answer_characters, parts.tools, aligning)
        self._session = agent_session(self._ear, parts, config.limits, anticipates=anticipates)

    # ------------------------------------------------------------------------------------------------------- beginning and end

    async def start(self, room: rtc.Room | None = None, identity: str = "") -> None:
        """Greet the client and begin. `room` makes AgentSession keep LiveKit's text conventions in it, for participant `identity` alone."""
        about = {"org": "", "user": identity, "persona": self._persona_id, "version": project_version()}
        self._recording.begin({**about, "language": self._ear.language, "door": self._transport.kind})
        self.greet()
        session = self._session
        session.on("agent_state_changed", self._agent_state_changed)
        session.on("speech_created", self._speech_created)
        session.on("error", self._engine_error)
        session.on("function_tools_executed", self._recording.tools)
        session.input.audio = Deaf()
        session.output.audio = self._output
        if room is None:
            session.output.transcription = Mouthpiece()
            await session.start(self._speaker, record=False)
        else:
            await session.start(
                self._speaker,
                room=room,
                session_host=False,
                record=False,
                room_options=room_options(identity, self._room_text),
            )
            self._captions.attach(session.output.transcription)
            session.output.transcription = Mouthpiece(session.output.transcription)
            self._tasks.start(self._captions.publish(), "captions")
        bound_events(session)
        self._tasks.start(self._pump.run(), "pump")
        self.set_state("listening")
        if self._persona.greeting:
            session.say(self._persona.greeting, allow_interruptions=True)
        if self._config.limits.session_minutes:
            self._tasks.start(self._end_after(self._config.limits.session_minutes * 60), "time limit")

    async def _end_after(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        await self.aclose("the time limit of a session was reached")

    def greet(self) -> None:
        """Send the server's hello."""
        kept = {"stored": self._recording.stored, "recorded": self._recording.recorded}
        self.send(greeting(self.session_id, self._persona_id, self._persona, **kept, face=self._wants_face))

    async def aclose(self, reason: str) -> None:
        """End the conversation and free everything. May be called twice, and from a task of the conversation."""
        if self._closing:
            await self.ended.wait()
            return
        self._closing = True
        logger.info("session %s ends: %s", self.session_id, reason)
        try:
            self._generations.interrupt()
            self._floor.close()
            self._stillness.close()
            self._output.close()
            await self._tasks.aclose()
            await self._ear.aclose()  # before the engine: what is understood now would begin an answer
            await asyncio.wait_for(self._session.aclose(), timeout=5)
        except TimeoutError:
            logger.warning("session %s: the engine did not close within 5 s", self.session_id)
        except Exception as error:  # a LiveKit room that is gone makes the engine's own clean-up fail
            logger.info("session %s: the engine closed with an error: %r", self.session_id, error)
        finally:
            self._outgoing.let_go()
            self._recording.end(reason)
            self._recording.close()
            await self._parts.aclose()
            await self._transport.close(None)
            self.ended.set()
            self.on_ended()

    def _task_failed(self, error: BaseException) -> None:
        self._error("internal", "a fault of the server ended the session; connect again")
        self._ending = asyncio.get_running_loop().create_task(self.aclose(f"a task failed: {error!r}"))

    # ------------------------------------------------------------------------------------------------------- from the client

    def hear(self, pcm: bytes) -> None:
        """Microphone sound, see `ports.Guest`."""
        if self._listening and not self._closing:
            self._recording.heard(pcm, self._pump.now())
            self._ear.push(pcm if self._echo is None else self._echo.clean(pcm))
            self._stillness.heard()

    def receive(self, envelope: Envelope[Any]) -> None:
        """A message from the client, see `ports.Guest`."""
        if self._closing:
            return
        self._recording.received(envelope.message)
        match envelope.message:
            case ClientHello():
                self.greet()
                self.send(StateUpdate(state=self._state))
                self._telling.again()
            case StartListen():
                self._listening = True
            case StopListen():
                self._ear.finish()
                self._listening = False
            case TextInput(text=text):
                self.text_input(text)
            case ClientInterrupt():
                self.interrupt("button")
            case Settings(language=language, interrupt=mode):
                if language is not None:
                    self._ear.language = language
                if mode is not None:
                    self._ear.switch(mode)
            case ContextUpdate() as update:
                refused = self._context.update(update, time.monotonic())
                self.send(ContextAck(version=update.version, accepted=refused is None, reason=refused))
                if refused is None and update.interrupt and self.busy():
                    self.interrupt("context")
            case Ping(id=ping_id):
                self.send(Pong(id=ping_id, t=self._timeline.t))
            case Playout() as playout:
                self._floor.report(playout)
            case UiEvent():
                pass
            case other:
                self._error("bad_message", f"{other.type} is not expected at this door")

    def text_input(self, text: str) -> None:
        """The user typed: an answer that is being given is interrupted, then this is answered."""
        text = text.strip()
        if not text:
            self._error("bad_message", "text_input.text: expected something to read")
            return
        self._ear.reset()
        if self.busy():
            self.interrupt("text")
        self._typed += 1
        self.send(AsrFinal(id=f"t{self._typed}", text=text, via="text"))
        self._telling.asked(time.monotonic())
        self._tasks.start(self._answer(text, self._floor.interrupts), "answer")

    async def _answer(self, text: str, interrupts: int) -> None:
        """Answer a typed question, once the memory of what was interrupted is settled; not at all when that was interrupted as well."""
        if self._floor.settling is not None:
            await asyncio.wait([self._floor.settling], timeout=SETTLE_SECONDS)
        if interrupts == self._floor.interrupts:
            self._session.generate_reply(user_input=text, input_modality="text")

    def _room_text(self, session: AgentSession[Any], event: TextInputEvent) -> None:
        if len(event.text) > MAX_TEXT:
            self._error("bad_message", f"lk.chat: expected at most {MAX_TEXT} characters, not {len(event.text)}")
            return
        self.text_input(event.text)

    # ------------------------------------------------------------------------------------------------------- from the ear

    @property
    def language(self) -> LanguageChoice:
        return self._ear.language

    def context(self) -> str | None:
        return self._context.text(time.monotonic())

    def busy(self) -> bool:
        return self._state in ("thinking", "speaking") or self._timeline.current is not None

    def sounding(self) -> bool:
        segment = self._timeline.current
        return segment is not None and segment.started_t is not None

    def hold(self) -> None:
        self._floor.hold()

    def go_on(self) -> None:
        self._floor.go_on()

    def barge_in(self) -> bool:
        barely_begun = self._floor.barely_begun(BARELY)
        self.interrupt("voice")
        return barely_begun

    def went_on(self, question: str) -> None:
        self._speaker.supersede(question)

    def voice(self, kind: VoiceEvent, sample: int) -> None:
        self._recording.voice(kind, sample)

    def heard_partial(self, line: int, transcript: Transcript, *, prepared: bool = False) -> None:
        self.send(AsrPartial(id=f"u{line}", text=transcript.text, language=transcript.language))
        if not prepared and not self.busy() and (sure := sure_beginning(transcript.text)):
            self._speaker.read_ahead(sure)

    def fell_silent(self, seconds: float) -> None:
        now = time.monotonic()
        self._stages.fell_silent(now - seconds, now)

    def anticipated(self, *, used: bool) -> None:
        self._on_event(f"anticipated:{'used' if used else 'dropped'}", 1.0)

    def heard_pause(self, transcript: Transcript) -> None:
        self._stages.question("transcript", time.monotonic())

    def reached(self, speech: object, stage: AnswerStage) -> None:
        if isinstance(speech, Hashable):
            self._stages.answer(speech, stage, time.monotonic())
            self._recording.reached(speech, stage)
        if stage == "asked":
            self._preparing = speech
        elif stage == "first_sound" and speech is self._preparing and speech is not None:
            self._preparing = None
            asyncio.get_running_loop().call_soon(self._ear.answer_is_ready)

    def wrote(self, speech: object, text: str, *, whole: bool = False) -> None:
        if isinstance(speech, Hashable):
            self._recording.wrote(speech, text, whole=whole)

    def heard_final(self, line: int, transcript: Transcript, end: int) -> None:
        now = time.monotonic()
        self._telling.asked(now)
        self._stages.question("commit", now)
        self.send(AsrFinal(id=f"u{line}", text=transcript.text, language=transcript.language))

    def recognition_failed(self, error: Exception) -> None:
        self._error("asr_failed", "speech recognition failed; say it again, or type")

    def voice_failed(self, error: Exception) -> None:
        logger.error("session %s: the voice failed", self.session_id, exc_info=error)
        self._error("tts_failed", "the voice failed; the answer goes on as text")

    def nothing_said(self) -> None:
        logger.warning("session %s: the language model's answer holds no word", self.session_id)
        self._error("llm_failed", "the language model had nothing to say; ask again, or otherwise")

    # ------------------------------------------------------------------------------------------------------- interruption

    def interrupt(self, reason: InterruptReason) -> None:
        """Silence, now, and nothing of what was being said comes back."""
        self._floor.interrupt(reason)
        self._on_event("interrupt", 0.0)

    def stop_engine(self) -> asyncio.Future[None]:
        return self._session.interrupt(force=True)

    def media_now(self) -> int:
        return self._pump.now()

    def sound_goes_on(self) -> None:
        self._pump.wake()

    def answer_is_void(self) -> None:
        self._captions.end()
        self._telling.void()

    def corrected(self, gen: int, text: str) -> None:
        self._recording.corrected(gen, text)

    def voice_is_settled(self) -> None:
        self._ear.settled()

    async def _play(self, block: Block) -> None:
        self._telling.ahead(block)
        if self._echo is not None:
            self._echo.played(block)
        self._recording.played(block, self._pump.now())
        await self._transport.play(block)

    # ------------------------------------------------------------------------------------------------------- from the engine

    def _content(self) -> None:
        self._pump.wake()

    def _speech_created(self, event: SpeechCreatedEvent) -> None:
        speech = event.speech_handle
        self._generations.announce(speech)
        speech.add_done_callback(self._scripts.forget)

    def _agent_state_changed(self, event: AgentStateChangedEvent) -> None:
        states: dict[str, State] = {
            "initializing": "idle",
            "idle": "idle",
            "listening": "listening",
            "thinking": "thinking",
            "speaking": "speaking",
        }
        self.set_state(states[event.new_state])
        if event.new_state == "listening":
            bound_memory(self._session, self._speaker)
            self._speaker.read_ahead("")

    def _engine_error(self, event: ErrorEvent) -> None:
        error = event.error
        if getattr(error, "recoverable", False):
            return
        kind = getattr(error, "type", "")
        if kind == "llm_error":
            logger.error("session %s: the language model failed: %s", self.session_id, getattr(error, "error", error))
            self._error("llm_failed", "the language model failed; ask again")
            self.set_state("listening")

    def _unspoken(self, text: str) -> None:
        """Text of which no sound could be made: it is shown."""
        gen = self._generations.current
        self.send(AssistantTextDelta(id=f"a{gen}", text=text), gen=gen)
        self._captions.show(text)

    # ------------------------------------------------------------------------------------------------------- to the client

    def set_state(self, state: State, reason: str | None = None) -> None:
        if state != self._state:
            self._state = state
            self.send(StateUpdate(state=state, reason=reason))

    def _error(self, code: str, message: str) -> None:
        kind = KINDS[code]
        self._on_event(f"error:{code}", 1.0)
        self.send(ErrorMessage(code=kind.code, message=message, recoverable=kind.recoverable))

    def show(self, packet: Packet) -> None:
        """Frames of the face, which may be lost."""
        self._frames += 1
        self._transport.show(Frame(Kind.BLENDSHAPES, packet.payload, self._generations.current, self._frames, packet.t))

    def send(self, message: Message, *, gen: int | None = None, t: int | None = None) -> None:
        gen = self._generations.current if gen is None else gen
        self._outgoing.send(message, gen, t, self._recording.sent(message, gen, t))
