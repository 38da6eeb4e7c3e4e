"""The worker: one process, registered with livekit-server, whose agents join rooms. Many rooms share one event loop and one set of engines."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
from collections.abc import Callable, Iterator
from typing import Any, Final, Protocol

from livekit.protocol import agent as proto

from agent.aio import LoopWatch, Tasks
from agent.config import Config, ConfigError
from agent.conversation.host import Busy, ConversationHost, NotReady, Place
from agent.conversation.parts import Engines
from agent.metrics import Metrics
from agent.models.errors import ModelError
from agent.models.progress import Observer
from agent.sessions.chronicle import Chronicler
from agent.sessions.roster import roster
from agent.transports import livekit_host, livekit_room
from agent.transports.livekit_address import Refused
from agent.transports.livekit_adoption import Adopted, Adoptions, invitation
from agent.transports.livekit_agency import Acceptance, Load
from agent.transports.livekit_dispatch import Invitation, parse_dispatch
from agent.transports.livekit_peers import Peers
from agent.transports.livekit_registration import Registration
from agent.transports.livekit_room import Attendance
from agent.transports.livekit_voice import Voices
from agent.worker_health import HealthServer, health_app

logger = logging.getLogger("visavis.worker")

DRAIN_SECONDS: Final = 60.0
"""How long conversations may go on after SIGTERM."""
LEAVE_SECONDS: Final = 10.0
RESERVE: Final = 2
"""Rooms at once to which an agent comes although all places are taken, to say so: nobody waits for an agent that will not come."""
HEALTH_STOP_SECONDS: Final = 3.0
LOOK_SECONDS: Final = 0.1
"""How often a worker that is to end looks for conversations at rest."""
TAKEN_SECONDS: Final = 0.5
"""How long another worker may take to go on with one, and to tell that it has a place less."""


class WorkerEngines(Engines, Protocol):
    """Engines that are prepared (fetched, loaded, warmed) by the worker."""

    @property
    def progress(self) -> dict[str, Any] | None: ...

    @property
    def answers(self) -> str:
        """Where answers come from."""

    async def prepare(self, observer: Observer) -> None: ...


class Host(livekit_host.Host, Protocol):
    """What the worker needs of `agent.conversation.host.ConversationHost`."""

    @property
    def count(self) -> int: ...

    @property
    def capacity(self) -> int: ...


class Attendants:
    """The agents of this process: implements `livekit_agency.Agency`."""

    def __init__(self, host: Host, config: Config, *, grace_seconds: float = livekit_room.GRACE_SECONDS) -> None:
        self._host = host
        self._config = config
        self._grace_seconds = grace_seconds
        self._tasks = Tasks("rooms")
        self._voices = Voices()
        self._promised: dict[str, Place | None] = {}
        self._attendances: dict[str, Attendance] = {}
        self._again: dict[str, Attendance] = {}
        """Jobs for rooms that have their agent."""
        self._idle = asyncio.Event()
        self._idle.set()
        self.draining = False
        self.registration: Registration | None = None
        """Told how jobs go, once there is one."""
        self.peers: Peers | None = None
        """The other workers, where there can be any."""

    def warm(self) -> None:
        """Start what takes time at its first use."""
        self._voices.warm()

    # ------------------------------------------------------------------------------------------------------- livekit-server's wishes

    def offer(self, job: proto.Job) -> Acceptance | None:
        """A room gets one agent. After a restart of livekit-server rooms that are created anew ask for another: it is given the one that it had, which is on its way back to
        it. While we shut down, too."""
        attributes = {"lk.agent.name": self._config.agent_name, "lk.agent.state": "initializing"}
        if (present := self._in(job.room.name)) is not None:
            logger.info("room %s has its agent: it gets no other", job.room.name)
            self._again[job.id] = present
            return Acceptance(present.identity, self._name(job.metadata), attributes)
        if self.draining:
            return None
        if self.peers is not None and self.peers.attends(job.room.name):
            logger.info("room %s gets no agent here: another worker has one in it", job.room.name)
            return None
        place = None
        try:
            place = self._host.reserve()
        except NotReady as error:
            logger.info("room %s gets no agent here: %s", job.room.name, error)
            return None
        except Busy as error:
            logger.info("room %s: %s", job.room.name, error)
            if not self._reserve():
                return None
        self._promised[job.id] = place
        return Acceptance(f"agent-{job.id}", self._name(job.metadata), attributes)

    def _in(self, room: str) -> Attendance | None:
        """Our agent in a room."""
        return next((a for a in self._attendances.values() if a.room == room and not a.leaving), None)

    def rooms(self) -> frozenset[str]:
        """Those that have an agent of ours."""
        return frozenset(attendance.room for attendance in self._attendances.values())

    def _reserve(self) -> int:
        without = sum(place is None for place in self._promised.values()) + sum(not a.seated for a in self._attendances.values())
        return max(0, RESERVE - without)

    def _name(self, metadata: str) -> str:
        try:
            persona = parse_dispatch(metadata).persona
        except ValueError:
            persona = None
        personas = self._config.personas
        return personas.get(persona or "default", personas["default"]).name

    def assign(self, job: proto.Job, url: str, token: str) -> None:
        if (present := self._again.get(job.id)) is not None:
            if present.leaving:  # meanwhile
                self._update(job.id, "its agent has left the room")
                del self._again[job.id]
            return
        place = self._promised.pop(job.id)
        identity = f"agent-{job.id}"
        self._send(Invitation(job.id, url, token, job.metadata, job.participant.identity, job.room.name, identity), place)

    def adopt(self, adopted: Adopted, place: Place) -> None:
        """Go on with a session whose worker died. Takes over the place."""
        self._send(invitation(adopted, self._config), place, adopted)

    def _send(self, invitation: Invitation, place: Place | None, adopted: Adopted | None = None) -> None:
        job_id = invitation.job_id
        self._idle.clear()
        try:
            attendance = self._attendances[job_id] = Attendance(
                self._host, self._config, invitation, self._voices, grace_seconds=self._grace_seconds, adopted=adopted
            )
            self._tasks.start(self._attend(job_id, attendance, place), job_id)
        except BaseException:
            if place is not None:
                place.release()
            self._ended(job_id)
            raise
        self._changed()

    def withdraw(self, job_id: str) -> None:
        if self._again.pop(job_id, None) is not None:
            return
        if job_id not in self._promised:
            return
        logger.info("job %s was promised and not assigned", job_id)
        if (place := self._promised.pop(job_id)) is not None:
            place.release()

    def terminate(self, job_id: str) -> None:
        attendance = self._attendances.get(job_id) or self._again.get(job_id)
        if attendance is not None:
            attendance.dismiss()

    def load(self) -> Load:
        return Load(self._host.count, self._host.capacity, len(self._attendances), self.draining, self._reserve())

    def jobs(self) -> list[str]:
        return [job_id for job_id, attendance in self._attendances.items() if not attendance.adopted] + list(self._again)

    # ------------------------------------------------------------------------------------------------------- the jobs

    async def _attend(self, job_id: str, attendance: Attendance, place: Place | None) -> None:
        def report(problem: str) -> None:
            for one in [job_id, *(again for again, present in self._again.items() if present is attendance)]:
                self._update(one, problem)

        try:
            await attendance.run(place, report)
        finally:
            self._again = {again: present for again, present in self._again.items() if present is not attendance}
            self._ended(job_id)

    def _update(self, job_id: str, problem: str) -> None:
        if self.registration is not None:
            status = proto.JobStatus.JS_FAILED if problem else proto.JobStatus.JS_SUCCESS
            self.registration.update_job(job_id, status, problem[:500])

    def _ended(self, job_id: str) -> None:
        self._attendances.pop(job_id, None)
        if not self._attendances:
            self._idle.set()
        self._changed()

    def _changed(self) -> None:
        if self.registration is not None:
            self.registration.changed()
        if self.peers is not None:
            self.peers.changed()

    async def drain(self, seconds: float) -> None:
        """Take no more jobs. Conversations go over to other workers that have places for them, each when nobody speaks, unheard; the others end in peace. No longer than
        `seconds`."""
        self.draining = True
        self._changed()
        for attendance in self._attendances.values():
            attendance.retire()
        handing = self._tasks.start(self._hand_over(), "hand over")
        try:
            async with asyncio.timeout(seconds):
                await self._idle.wait()
        except TimeoutError:
            pass
        finally:
            handing.cancel()

    async def _hand_over(self) -> None:
        """One conversation after the other: the places of the others are looked at before each."""
        while self.peers is not None:
            at_rest = next((attendance for attendance in self._attendances.values() if attendance.at_rest), None)
            if at_rest is not None:
                await self.peers.look()
                if self.peers.free > 0 and at_rest.at_rest:
                    at_rest.hand_over("the worker shuts down, and another goes on")
                    await asyncio.sleep(TAKEN_SECONDS)
            await asyncio.sleep(LOOK_SECONDS)

    async def aclose(self) -> None:
        """Leave all rooms. What another worker has a place for is left to it, in the middle of a word if need be."""
        self.draining = True
        free = 0 if self.peers is None else self.peers.free
        for attendance in list(self._attendances.values()):
            if free > 0 and attendance.talking:
                free -= 1
                attendance.hand_over("the worker shuts down, and another goes on")
            else:
                attendance.leave("the worker shuts down")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LEAVE_SECONDS):
                await self._idle.wait()
        await self._tasks.aclose()
        for job_id in list(self._promised):
            self.withdraw(job_id)
        await self._voices.aclose()


class Stop:
    """Asked for by SIGTERM (`drain`: conversations may end in peace) and SIGINT; a second signal hurries the first."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.at_once = asyncio.Event()

    def drain(self) -> None:
        """Stop when the conversations have ended; when asked a second time, now."""
        if self.asked.is_set():
            self.at_once.set()
        self.asked.set()

    def now(self) -> None:
        self.asked.set()
        self.at_once.set()


@contextlib.contextmanager
def signals(stop: Stop) -> Iterator[None]:
    """SIGTERM drains, SIGINT stops."""
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.drain)
    loop.add_signal_handler(signal.SIGINT, stop.now)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGTERM)
        loop.remove_signal_handler(signal.SIGINT)


async def run_worker(
    config: Config,
    engines: WorkerEngines,
    *,
    stop: Stop | None = None,
    observer: Observer = lambda reading: None,
    on_health: Callable[[str], None] = lambda url: None,
    on_ready: Callable[[], None] = lambda: None,
    drain_seconds: float = DRAIN_SECONDS,
    grace_seconds: float = livekit_room.GRACE_SECONDS,
) -> None:
    """Serve until a signal comes, or `stop` is asked for. Registers when the engines are warm; `on_ready` follows the first registration.

    `on_health` is told the address of /healthz, /readyz and /metrics. Raises `ConfigError` for what cannot be served, keys that livekit-server refuses
    included, and `ModelError` when the models cannot be had.
    """
    if not config.livekit.url:
        raise ConfigError("LIVEKIT_URL (livekit.url) is not set: the worker needs a livekit-server")
    key, secret = config.livekit.api_key, config.livekit.api_secret.get_secret_value()
    if not key or not secret:
        raise ConfigError("LIVEKIT_API_KEY and LIVEKIT_API_SECRET must both be set: the worker registers with them")
    metrics = Metrics()
    chronicler = Chronicler(config.journal)
    host = ConversationHost(config, engines, metrics.event, chronicler)
    watch = LoopWatch(somebody=lambda: host.count > 0)
    attendants = Attendants(host, config, grace_seconds=grace_seconds)
    try:
        registration = Registration(config.livekit.url, key, secret, config.agent_name, attendants, on_ready)
    except ValueError as error:
        raise ConfigError(str(error)) from None
    attendants.registration = registration
    peers = Peers(
        roster(config.journal, config.agent_name), lambda: 0 if attendants.draining else host.capacity - host.count, attendants.rooms
    )
    adoptions = Adoptions(chronicler, host.reserve, attendants.adopt)
    if chronicler.journal is not None:
        attendants.peers = peers
    metrics.watch_sessions(lambda: host.count, lambda: host.capacity)
    metrics.watch_loop(watch)
    if chronicler.journal is not None:
        metrics.watch_journal(chronicler.journal)

    def missing() -> list[str]:
        lacks = host.missing()
        if registration.problem is not None:
            lacks.append(registration.problem)
        if attendants.draining:
            lacks.append("it is shutting down")
        elif host.count >= host.capacity:
            lacks.append(f"a free place: all {host.capacity} are taken")
        return lacks

    health = HealthServer(
        health_app(missing, lambda: engines.progress, metrics.registry, engines.answers, chronicler.problems),
        config.worker.host,
        config.worker.port,
    )
    stop = stop or Stop()
    failures: list[BaseException] = []

    def failed(error: BaseException) -> None:
        failures.append(error)
        stop.now()

    async def serve() -> None:
        await engines.prepare(observer)
        watch.start()  # until now, imports and loading held the loop up, and nobody was waiting
        if attendants.peers is not None:
            sharing.start(peers.run(), "peers")
            adopting.start(adoptions.run(), "adoptions")
        try:
            await registration.run()
        except Refused as refused:
            raise ConfigError(str(refused)) from None

    tasks, adopting, sharing = Tasks("worker", failed, told=(ConfigError, ModelError)), Tasks("adoption"), Tasks("sharing")
    serving_health = tasks.start(health.run_until_stopped(), "health")
    on_health(f"http://{config.worker.host}:{health.port}")
    chronicler.start()
    with signals(stop):
        try:
            tasks.start(serve(), "serve")
            await stop.asked.wait()
            await adopting.aclose()
            if not stop.at_once.is_set():
                logger.info("draining: no more calls; conversations may go on for %g s", drain_seconds)
                await _first_of(attendants.drain(drain_seconds), stop.at_once.wait())
        finally:
            watch.stop()
            await adopting.aclose()
            await attendants.aclose()
            await sharing.aclose()
            await peers.aclose()
            await host.aclose()
            await chronicler.aclose()
            health.should_exit = True
            await asyncio.wait([serving_health], timeout=HEALTH_STOP_SECONDS)
            await tasks.aclose()
    if failures:
        raise failures[0]


async def _first_of(*works: Any) -> None:
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
