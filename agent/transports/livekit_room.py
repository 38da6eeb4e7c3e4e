"""The LiveKit door: one agent in one room, talking with one participant at a time.

The agent joins, publishes its voice, links itself to the first participant who can talk, and holds a conversation with them. A participant who is cut off
has a little while to come back (a page reload); then the conversation ends, and the agent waits for the next one until livekit-server closes the room.
A session whose worker died is gone on with in the same way (`livekit_adoption`), and left to others when the room is lost, or when this worker is to end.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from livekit import rtc

from agent.aio import Tasks
from agent.config import Config
from agent.conversation.host import Busy, NotReady, Place
from agent.conversation.ports import Guest
from agent.protocol.messages import ClientHello, ErrorMessage, LanguageChoice
from agent.transports.livekit_absence import Absence
from agent.transports.livekit_adoption import Adopted
from agent.transports.livekit_caller import Caller
from agent.transports.livekit_connection import Connection, Failed
from agent.transports.livekit_dispatch import Invitation, can_talk, is_operator, parse_dispatch
from agent.transports.livekit_host import Host
from agent.transports.livekit_line import Line
from agent.transports.livekit_messages import Post
from agent.transports.livekit_microphone import RoomMicrophone
from agent.transports.livekit_preconnect import PreConnect
from agent.transports.livekit_voice import Voice, Voices
from agent.transports.visit import REFUSALS, error_message, refusal

logger = logging.getLogger("visavis.livekit")

INSIST_SECONDS: Final = 30.0
"""How long a room is knocked at in which a session waits for its agent: livekit-server may be starting again."""
GRACE_SECONDS: Final = 10.0
"""How long a participant who was cut off is waited for."""
HELLO_SECONDS: Final = 0.5
"""How long a client's own hello is waited for. Plain LiveKit clients send none."""
ACTIVE_SECONDS: Final = 5.0
"""How long a participant may take from joining until messages reach it."""
LAST_WORD_SECONDS: Final = 1.0
DISMISSED_SECONDS: Final = 1.0
"""Until a job that was ended is left: by then livekit-server has thrown us out if it shuts down."""
FAREWELL_SECONDS: Final = 2.0
"""How long an agent that cannot talk stays: livekit-server collects changes of attributes, and forgets those of who has left."""
APOLOGY_SECONDS: Final = 10.0
"""How long it may take to say aloud that all places are taken."""
ERROR_ATTRIBUTE: Final = "visavis.error"
"""The agent's participant attribute that tells plain LiveKit clients why it leaves: a code of the table of errors."""


class Attendance:
    """One agent's stay in one room."""

    def __init__(
        self,
        host: Host,
        config: Config,
        invitation: Invitation,
        voices: Voices,
        *,
        grace_seconds: float = GRACE_SECONDS,
        adopted: Adopted | None = None,
    ) -> None:
        """`adopted`: a session that is gone on with there, before any other."""
        self._host = host
        self._config = config
        self._invitation = invitation
        self._grace_seconds = grace_seconds
        self._adopted = adopted
        self._is_adopted = adopted is not None
        self._wanted = invitation.participant if adopted is None else adopted.returned.state.user
        self._tasks = Tasks(f"room {invitation.job_id}")
        self._room = rtc.Room()
        self._absence = Absence(host, grace_seconds, self._gone)
        self._connection = Connection(
            self._room, invitation, voices, on_cut_off=self._absence.we_are_cut_off, on_back=self._back, on_end=self._ended
        )
        self._preconnect = PreConnect(self._room, self._tasks, self._obeys)
        self._post = Post(
            self._room,
            self._tasks,
            reachable=self._reachable,
            obeys=self._obeys,
            deliver=lambda envelope: self._caller.deliver(envelope),
            overflow=self._overflow,
            messages_per_second=config.limits.messages_per_second,
            send_queue=config.limits.send_queue,
        )
        self._news = asyncio.Event()
        self._caller = Caller(
            f"job {invitation.job_id}", config, self._post.tell, on_news=self._news.set, on_fault=lambda: self.leave("a fault")
        )
        self._over: str | None = None
        self._left = self._retired = self._handing_over = False
        self.seated = False
        """Whether there is a place for a conversation in this room."""
        room = self._room
        room.on("participant_connected", self._participant_connected)
        room.on("participant_disconnected", self._participant_disconnected)
        room.on("participant_active", self._participant_changed)
        room.on("participant_permissions_changed", self._participant_changed)

    def retire(self) -> None:
        """Hold the present conversation to its end, and begin no other."""
        self._retired = True
        self._news.set()

    @property
    def room(self) -> str:
        """Its name."""
        return self._invitation.room

    @property
    def identity(self) -> str:
        """The agent's in the room."""
        return self._invitation.identity

    @property
    def adopted(self) -> bool:
        """Whether livekit-server knows of no job for it."""
        return self._is_adopted

    @property
    def leaving(self) -> bool:
        return self._over is not None

    @property
    def talking(self) -> bool:
        """Whether there is a conversation."""
        return self._caller.guest is not None and self._over is None

    @property
    def at_rest(self) -> bool:
        """Whether there is a conversation that another worker could go on with, and nobody would hear it."""
        return self._over is None and self._caller.guest is not None and self._caller.guest.at_rest()

    def hand_over(self, reason: str) -> None:
        """Leave the conversation to another worker, and go without a word."""
        if not self._handing_over:
            logger.info("job %s: left to another worker: %s", self._invitation.job_id, reason)
        self._handing_over = True
        self.leave(reason)

    def dismiss(self) -> None:
        """livekit-server has ended the job. It does so, too, a moment before it throws everybody out because it shuts down, and when an agent joins a room anew after a cut,
        to the job of who that was before: neither is meant."""
        if self._connection.settled:
            asyncio.get_running_loop().call_later(DISMISSED_SECONDS, self._dismissed)

    def _dismissed(self) -> None:
        if self._connection.settled:
            self.leave("livekit-server has ended the job")

    def leave(self, reason: str) -> None:
        """End the stay. The first reason counts."""
        if self._over is None:
            self._over = reason
        self._news.set()

    async def run(self, place: Place | None, report: Callable[[str], None]) -> None:
        """Stay until the room or the conversation is over. `place` is for the first conversation; it is released in any case. Without one the agent
        waits for it as long as is configured, and else says that all places are taken, and leaves.

        `report` is called once, before the agent leaves (livekit-server would call it lost otherwise): with what went wrong, or with an empty text.
        """
        first, self.seated = place, place is not None
        problem = "the agent was stopped"
        try:
            await self._connection.join(INSIST_SECONDS if self._adopted is not None else 0.0, lambda: self._over is not None)
            self._post.start()
            while (identity := await self._someone()) is not None:
                if not self.seated:
                    first, self.seated = await self._wait_for_place(identity), True
                taken, first = first or await self._place_for(identity), None
                if taken is not None:
                    await self._converse(identity, taken)
                    self._wanted = self._invitation.participant
            problem = ""
        except Failed as failure:
            problem = str(failure)
            logger.warning("job %s: %s", self._invitation.job_id, problem)
        except Exception as error:
            problem = f"a fault: {error!r}"
            logger.exception("job %s failed", self._invitation.job_id)
        finally:
            if first is not None:
                first.release()
            if self._adopted is not None:
                await self._adopted.returned.chronicle.release(over=False)
            report(problem)
            await self._leave()

    # ------------------------------------------------------------------------------------------------------- coming and going

    async def _leave(self) -> None:
        if self._room.isconnected():
            await self._post.sent(LAST_WORD_SECONDS)
        await self._tasks.aclose()
        await self._connection.leave()

    async def _someone(self) -> str | None:
        """The participant to talk with, as soon as there is one; None when the stay is over. One whose session is to go on is waited for only a while."""
        loop = asyncio.get_running_loop()
        limit = loop.time() + self._grace_seconds
        while self._over is None and (self._adopted is not None or not self._retired):
            if (participant := self._choose()) is not None:
                return participant.identity
            if self._adopted is not None and loop.time() >= limit:
                self.leave(f"{self._wanted} is not in the room any more")
                break
            await self._wait_for_news(None if self._adopted is None else limit - loop.time())
        return None

    def _choose(self) -> rtc.RemoteParticipant | None:
        talkers = [p for p in self._room.remote_participants.values() if can_talk(p) and self._wanted in ("", p.identity)]
        return min(talkers, key=lambda p: (p._info.joined_at, p.sid), default=None)

    async def _place_for(self, identity: str) -> Place | None:
        """A place for another conversation in this room; None after a while when there is none."""
        try:
            return self._host.reserve()
        except (Busy, NotReady) as error:
            self._post.tell(identity, refusal(error))
            await self._wait_for_news(error.retry_ms / 1000)
            return None

    async def _wait_for_place(self, identity: str) -> Place:
        """Raises `Failed`, once the participant has been told."""
        admission = asyncio.ensure_future(self._host.admit())
        admission.add_done_callback(lambda _: self._news.set())
        try:
            while not admission.done() and self._over is None:
                await self._wait_for_news()
        except BaseException:
            if not admission.cancel() and admission.exception() is None:
                admission.result().release()
            raise
        if not admission.done():
            admission.cancel()
            raise Failed(self._over or "the room is over")
        try:
            return admission.result()
        except (Busy, NotReady) as error:
            busy = error
        self._caller.link(identity)
        self._post.begin()
        voice = await self._connection.published()
        try:
            await self._introduction(identity, wait_for_hello=True)
            hello = self._caller.take_hello()
            language = (hello.language if hello is not None else None) or self._config.personas["default"].language
            speaking = self._tasks.start(self._apologise(voice, language), "saying that all places are taken")
            failed = await self._refused(Line(self._post, voice, identity, self._news.set), refusal(busy))
            await asyncio.wait([speaking], timeout=APOLOGY_SECONDS)
            raise failed
        finally:
            self._unlink()

    async def _apologise(self, voice: Voice, language: LanguageChoice) -> None:
        await voice.say(await self._host.say_busy(language), self._tasks, lambda: self._over is not None)

    async def _wait_for_news(self, seconds: float | None = None) -> None:
        self._news.clear()
        try:
            async with asyncio.timeout(seconds):
                await self._news.wait()
        except TimeoutError:
            pass

    # ------------------------------------------------------------------------------------------------------- a conversation

    async def _converse(self, identity: str, place: Place) -> None:
        self._caller.link(identity)
        self._left = False
        self._post.begin()
        try:
            line = Line(self._post, await self._connection.published(), identity, self._news.set)
        except BaseException:
            place.release()
            self._unlink()
            raise
        try:
            guest, persona = await self._open(line, place)
            caller = self._caller
            caller.talks(guest, persona)
            microphone = RoomMicrophone(
                self._room, identity, self._tasks, hear=caller.hear, listen=caller.listen, preconnect=self._preconnect
            )
            try:
                while not (self._over or self._left or line.closed):
                    await self._wait_for_news()
                if line.closed:
                    self.leave("the conversation has ended")
            finally:
                microphone.close()
                if self._handing_over:
                    await guest.hand_over(self._over or "")
                else:
                    await guest.aclose(self._over or f"{identity} has left")
            if self._over is None:
                await self._connection.unpublish()
        finally:
            self._unlink()

    async def _open(self, line: Line, place: Place) -> tuple[Guest, str]:
        """The conversation, and its persona. Raises `Failed`. The place is released unless a conversation begins."""
        if self._adopted is not None:
            return await self._go_on(line, place, self._adopted)
        try:
            dispatch = parse_dispatch(self._invitation.metadata)
            await self._introduction(line.identity, wait_for_hello=dispatch.persona is None)
            said = self._caller.take_hello() or ClientHello()
            hello = said.model_copy(update={"persona": dispatch.persona or said.persona, "language": said.language or dispatch.language})
        except BaseException as error:
            place.release()
            if isinstance(error, ValueError):
                raise await self._refused(line, error_message("bad_message", str(error))) from None
            raise
        try:
            guest = await self._host.open(line, hello, place=place, identity=line.identity, room=self._room)
        except REFUSALS as error:
            raise await self._refused(line, refusal(error)) from None
        except Exception as error:
            logger.exception("job %s: the conversation could not begin", self._invitation.job_id)
            message = "a fault of the server: the conversation could not begin; connect again"
            raise await self._refused(line, error_message("internal", message)) from error
        return guest, hello.persona or "default"

    async def _go_on(self, line: Line, place: Place, adopted: Adopted) -> tuple[Guest, str]:
        """Raises `Failed`: nobody is told, for the client may come back with its secret."""
        try:
            await self._connection.listened_to()
        except BaseException:
            place.release()
            raise
        self._adopted = None
        try:
            guest = await self._host.adopt(line, adopted.session, adopted.returned, place=place, identity=line.identity, room=self._room)
        except Exception as error:
            raise Failed(f"session {adopted.session} does not go on: {error!r}") from error
        logger.info("job %s: the session goes on", self._invitation.job_id)
        return guest, adopted.returned.state.persona or "default"

    async def _introduction(self, identity: str, *, wait_for_hello: bool) -> None:
        """Until messages reach the participant, and a little longer for the hello of a client of ours."""
        await self._reachable(identity)
        loop = asyncio.get_running_loop()
        limit = loop.time() + (HELLO_SECONDS if wait_for_hello else 0.0)
        while (rest := limit - loop.time()) > 0 and not self._over and self._caller.hello is None:
            await self._wait_for_news(rest)

    async def _reachable(self, identity: str) -> None:
        """Wait until messages reach the participant we talk with: livekit-server drops them while it is still joining, and they are lost while we are cut off. Others are
        not waited for."""
        loop = asyncio.get_running_loop()
        limit = loop.time() + ACTIVE_SECONDS
        while identity == self._caller.identity and not self._over and (rest := limit - loop.time()) > 0:
            participant = self._room.remote_participants.get(identity)
            if self._absence.cut_off:
                limit = loop.time() + ACTIVE_SECONDS
            elif participant is None or participant.state == rtc.ParticipantState.PARTICIPANT_STATE_ACTIVE:
                return
            await self._wait_for_news(rest)

    async def _refused(self, line: Line, error: ErrorMessage) -> Failed:
        """Tell the participant, and those who read attributes only, why the agent leaves."""
        await line.close(error)
        try:
            async with asyncio.timeout(LAST_WORD_SECONDS):
                await self._room.local_participant.set_attributes({ERROR_ATTRIBUTE: error.code})
        except TimeoutError:
            logger.debug("job %s: the attribute %s was not set", self._invitation.job_id, ERROR_ATTRIBUTE)
        limit = asyncio.get_running_loop().time() + FAREWELL_SECONDS
        while self._over is None and (rest := limit - asyncio.get_running_loop().time()) > 0:
            await self._wait_for_news(rest)
            if self._caller.take_hello() is not None:  # a client that did not know us yet when the error came
                self._post.tell(line.identity, error)
        return Failed(f"{error.code}: {error.message}")

    def _unlink(self) -> None:
        self._absence.ends()
        self._caller.unlink()

    # ------------------------------------------------------------------------------------------------------- messages

    def _obeys(self, identity: str) -> bool:
        participant = self._room.remote_participants.get(identity)
        if participant is not None and is_operator(participant):
            return True
        if self._caller.identity is not None:
            return identity == self._caller.identity
        return participant is not None and participant is self._choose()

    def _overflow(self) -> None:
        logger.warning("job %s: too many messages are waiting to be sent; the conversation ends", self._invitation.job_id)
        self.leave("the client reads too slowly")

    # ------------------------------------------------------------------------------------------------------- participants

    def _participant_connected(self, participant: rtc.RemoteParticipant) -> None:
        if participant.identity == self._caller.identity and self._absence.ends():
            logger.info("job %s: %s is back", self._invitation.job_id, participant.identity)
            self._tasks.start(self._welcome_back(participant.identity), "welcome back")
        self._news.set()

    async def _welcome_back(self, identity: str) -> None:
        """The client's own hello may come before livekit-server has told us who sends it, and is lost then; and nobody hears anything while it joins."""
        await self._reachable(identity)
        await self._connection.listened_to()
        if identity == self._caller.identity and not self._absence.away:
            self._caller.present()

    def _participant_disconnected(self, participant: rtc.RemoteParticipant) -> None:
        if participant.identity == self._caller.identity and self._absence.begins():
            self._caller.absent()
        self._news.set()

    def _participant_changed(self, *_: object) -> None:
        self._news.set()

    def _gone(self) -> None:
        self._left = True
        self._news.set()

    # ------------------------------------------------------------------------------------------------------- connection

    def _back(self) -> None:
        identity = self._caller.identity
        self._absence.we_are_back(alone=identity is not None and identity not in self._room.remote_participants)
        self._news.set()

    def _ended(self, why: str, goes_on: bool) -> None:
        if goes_on:
            self.hand_over(why)
        else:
            self.leave(why)
