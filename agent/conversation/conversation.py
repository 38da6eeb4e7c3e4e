"""One user and one digital human: wires ear, AgentSession, timeline and door together, and keeps the order of things when somebody interrupts."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any

from livekit import rtc
from livekit.agents import llm
from livekit.agents.voice.speech_handle import SpeechHandle

from agent.aio import Tasks
from agent.config import Config, Persona
from agent.conversation import echo
from agent.conversation.aligning import Aligning
from agent.conversation.answering import CLOSE_SECONDS, Answering
from agent.conversation.captions import Captions
from agent.conversation.client import Client
from agent.conversation.context import PageContext
from agent.conversation.continuity import Continuity
from agent.conversation.ear import Ear
from agent.conversation.engine import agent_session
from agent.conversation.floor import Floor
from agent.conversation.generations import Generations
from agent.conversation.greeting import BLENDSHAPES, greeting
from agent.conversation.incoming import Incoming
from agent.conversation.listening import Listening
from agent.conversation.outgoing import PATIENCE_SECONDS
from agent.conversation.output import Output
from agent.conversation.parts import Parts
from agent.conversation.ports import Tenancy, Transport
from agent.conversation.recognizers import recognizer
from agent.conversation.recording import Recording
from agent.conversation.returning import Past, conversation
from agent.conversation.script import Scripts
from agent.conversation.speaker import Speaker
from agent.conversation.stages import Stages
from agent.conversation.stillness import Stillness
from agent.conversation.subject import Subject
from agent.conversation.telling import Telling
from agent.media.blendshapes import Blendshapes
from agent.media.block import Block
from agent.media.driving import Driving
from agent.media.fingerprint import Fingerprint
from agent.media.pump import Pump
from agent.media.timeline import Timeline
from agent.media.turn_taking import MICROPHONE_RATE, TurnSettings, TurnTaking
from agent.protocol.envelope import Envelope
from agent.protocol.messages import (
    AssistantTextDelta,
    ClientHello,
    ErrorMessage,
    InterruptReason,
    StateUpdate,
)
from agent.version import project_version
from agent.widget.effects import Send

logger = logging.getLogger("visavis.conversation")


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
        tenancy: Tenancy,
        on_event: Callable[[str, float], None] = lambda name, value: None,
        past: Past | None = None,
    ) -> None:
        """`past`: of a session that goes on."""
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
        self._closing = False
        self._handed_over = False
        self._silenced = False
        self._context = PageContext()
        if past is not None and (page := past.page(time.time_ns() // 1_000_000)) is not None:
            self._context.update(page, time.monotonic())
        self._stages = Stages()
        tenancy.on_lost = self._lost
        self._tenancy = tenancy
        self.client = Client(session_id, transport, lambda: self._generations.current, lambda *told: self._recording.sent(*told), on_event)
        """Whom everything is told."""
        continuity = Continuity(self, self.client, tenancy, hello, lambda: self._timeline.t, lambda: self._generations.current, past)
        self._continuity, self._rounds = continuity, continuity.rounds
        self._timeline = Timeline(continuity.t)
        self._generations = Generations(continuity.generation)
        self._recording = Recording(
            self._rounds, lambda: self._timeline.t, lambda: self._generations.current, self._generations.of, continuity.since
        )
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
        self._floor = Floor(self, self.client, transport, self._timeline, self._driving, self._generations, self._output)
        self._captions = Captions()
        self._wants_face = BLENDSHAPES in hello.wants
        self._telling = Telling(
            self,
            self.client,
            self._timeline,
            self._driving,
            self._output,
            self._captions,
            self._stages,
            stages_wanted="stages" in hello.wants,
            blendshapes=Blendshapes() if self._wants_face else None,
            fingerprint=Fingerprint() if transport.kind == "livekit" else None,
            on_event=on_event,
            commands=continuity.since,
        )
        self._pump = Pump(self._timeline, self._play, self._telling.fired, transport.ahead_seconds, self._look)
        self._echo = echo.EchoCanceller(self._pump.now) if echo.WANT in hello.wants else None

        turn = config.turn
        anticipates = turn.anticipate == "always" or (turn.anticipate == "local" and parts.local_model)
        aligning = None if parts.aligner is None else Aligning(parts.aligner, self._tasks, session_id)
        memory = None if past is None else conversation(past.state.items)
        subject = Subject(self.client, self._context, self._stages, self._recording, self._rounds)
        speaker = Speaker(
            subject,
            self._persona,
            self._scripts,
            config.limits.answer_characters,
            parts.tools,
            aligning,
            memory,
            local_model=parts.local_model,
        )
        self._listening = Listening(
            self.client,
            self._timeline,
            self._floor,
            speaker,
            self._telling,
            self._stages,
            self._recording,
            continuity,
            self.interrupt,
            on_event,
        )
        self._ear = Ear(
            self._listening,
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
        subject.ear = self._ear
        self._incoming = Incoming(
            self, self.client, self._ear, self._listening, self._telling, self._floor, self._context, continuity, self._timeline
        )
        self._stillness = Stillness(self._ear.push, lambda: self._ear.engaged)
        engine = agent_session(self._ear, parts, config.limits, anticipates=anticipates)
        self._answering = Answering(engine, speaker, self.client, self._generations, self._scripts, self._recording, continuity)

    # ------------------------------------------------------------------------------------------------------- beginning and end

    async def start(self, room: rtc.Room | None = None, identity: str = "") -> None:
        """Greet the client and begin. `room` makes AgentSession keep LiveKit's text conventions in it, for participant `identity` alone."""
        kept = None
        if self._continuity.past is None:
            about = {"org": "", "user": identity, "persona": self._persona_id, "version": project_version()}
            place = {} if room is None else {"room": room.name, "agent": room.local_participant.identity}
            door = self._transport.kind
            kept = self._recording.begin(
                {**about, **place, "language": self._ear.language, "door": door, "wants": list(self._continuity.wants)}
            )
        await self._continuity.tickets.begin(identity)
        if kept is not None:
            await asyncio.wait([kept], timeout=PATIENCE_SECONDS)
        self.greet()
        await self._answering.start(self._output, self._captions, self._tasks, self._incoming.chat, room, identity)
        self._tasks.start(self._pump.run(), "pump")
        self._tasks.start(self._continuity.tickets.renew(identity), "resume secrets")
        self.client.set_state("listening")
        self._continuity.begin()
        if self._persona.greeting and self._continuity.silent:
            self._answering.say(self._persona.greeting)
        if self._config.limits.session_minutes:
            self._tasks.start(self._end_after(self._config.limits.session_minutes * 60), "time limit")

    async def _end_after(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        self._continuity.over = True
        await self.aclose("the time limit of a session was reached")

    def greet(self) -> None:
        """Send the server's hello, and what the digital human is doing."""
        hello = greeting(
            self.session_id,
            self._persona_id,
            self._persona,
            stored=self._recording.stored,
            recorded=self._recording.recorded,
            face=self._wants_face,
            resumed=self._continuity.back,
            ticket=self._continuity.tickets.current,
        )
        self.client.send(hello)
        if self.client.state != "idle":
            self.client.send(StateUpdate(state=self.client.state))

    async def aclose(self, reason: str, *, last_word: ErrorMessage | None = None) -> None:
        """Hold it no longer, and free everything. The session goes on when its client comes back, unless that cannot be. May be called twice, and from a task of
        the conversation."""
        if self._closing:
            await self.ended.wait()
            return
        self._closing = True
        logger.info("session %s ends: %s", self.session_id, reason)
        over = not self._continuity.resumable and not self._handed_over
        try:
            self._generations.interrupt()
            self._continuity.close()
            self._floor.close()
            self._stillness.close()
            self._output.close()
            await self._tasks.aclose(CLOSE_SECONDS)
            await self._ear.aclose()  # before the engine: what is understood now would begin an answer
            await self._answering.aclose()
        except TimeoutError:
            logger.warning("session %s: the engine did not close within 5 s", self.session_id)
        except Exception as error:  # a LiveKit room that is gone makes the engine's own clean-up fail
            logger.info("session %s: the engine closed with an error: %r", self.session_id, error)
        finally:
            self.client.let_go()
            if over:
                self._recording.end(reason)
            else:
                self._recording.pause()
            self._recording.close()
            await self._tenancy.release(over=over, orphan=self._handed_over)
            await self._parts.aclose()
            await self._transport.close(last_word)
            self.ended.set()
            self.on_ended()

    def at_rest(self) -> bool:
        """See `ports.Guest`."""
        return not (self._closing or self._listening.busy() or self._ear.engaged) and self._rounds.settled

    async def hand_over(self, reason: str) -> None:
        """See `ports.Guest`."""
        self._handed_over = True
        await self.aclose(reason)

    def _lost(self) -> None:
        """Another worker goes on with the session: not a sound, and not a word."""
        self._ending = asyncio.get_running_loop().create_task(self.aclose("another worker has it"))

    def _task_failed(self, error: BaseException) -> None:
        self.client.fail("internal", "a fault of the server ended the session; connect again")
        self._ending = asyncio.get_running_loop().create_task(self.aclose(f"a task failed: {error!r}"))

    # ------------------------------------------------------------------------------------------------------- from the client

    def hear(self, pcm: bytes) -> None:
        """Microphone sound, see `ports.Guest`."""
        if self._incoming.open and not self._closing:
            self._recording.heard(pcm, self._pump.now())
            self._ear.push(pcm if self._echo is None else self._echo.clean(pcm))
            self._stillness.heard()

    def receive(self, envelope: Envelope[Any]) -> None:
        """A message from the client, see `ports.Guest`."""
        if self._closing:
            return
        self._recording.received(envelope.message)
        self._incoming.receive(envelope.message)

    def absent(self) -> None:
        self._continuity.absent()

    def present(self) -> None:
        self._continuity.present()

    def leave(self) -> None:
        self._continuity.over = True
        self._ending = asyncio.get_running_loop().create_task(self.aclose("the user has ended it"))

    def answer(self, text: str, again: Send | None = None) -> None:
        """Unless it is interrupted before it can be."""
        interrupts = self._floor.interrupts
        answer = self._answering.answer(text, self._floor.settling, lambda: interrupts == self._floor.interrupts, again)
        self._tasks.start(answer, "answer")

    # ------------------------------------------------------------------------------------------------------- interruption

    def interrupt(self, reason: InterruptReason) -> None:
        """Silence, now, and nothing of what was being said comes back."""
        self._floor.interrupt(reason)
        self._on_event("interrupt", 0.0)

    def stop_engine(self) -> asyncio.Future[None]:
        return self._answering.stop()

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

    def was_cut(self, t: int) -> None:
        self._rounds.cut(t)

    # ------------------------------------------------------------------------------------------------------- rounds

    def stretch_began(self, gen: int, speech: object) -> None:
        self._continuity.began(gen, speech, self._recording.number_of(speech) if isinstance(speech, SpeechHandle) else None)

    def stretch_ended(self, gen: int, t: int) -> None:
        self._rounds.ended(gen, t)

    def memory(self) -> llm.ChatContext:
        return self._answering.memory

    def ask_again(self, request: Send) -> None:
        self._tasks.start(self._again(request), "answer again")

    async def _again(self, request: Send) -> None:
        interrupts = self._floor.interrupts
        if self._transport.kind == "peer":
            await self._continuity.arrived()
        if interrupts == self._floor.interrupts:
            self.answer(request.content, request)

    def clear(self) -> None:
        self._recording.void()
        self._floor.drop()

    def _look(self) -> None:
        """While it is not sure that the session is ours nothing is said: another worker may be speaking."""
        silenced, self._silenced = self._silenced, not self._tenancy.may_act()
        if self._silenced:
            self._floor.hold()
        elif silenced:
            self._floor.go_on()

    async def _play(self, block: Block) -> None:
        self._telling.ahead(block)
        if self._echo is not None:
            self._echo.played(block)
        self._recording.played(block, self._pump.now())
        await self._transport.play(block)

    # ------------------------------------------------------------------------------------------------------- from the engine

    def _content(self) -> None:
        self._pump.wake()

    def _unspoken(self, text: str) -> None:
        """Text of which no sound could be made: it is shown."""
        gen = self._generations.current
        self.client.send(AssistantTextDelta(id=f"a{gen}", text=text), gen=gen)
        self._captions.show(text)
