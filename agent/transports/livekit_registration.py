"""A client of LiveKit's worker protocol (`livekit.protocol.agent`): offers this process to livekit-server, and is told which rooms want an agent.

    worker → register → server            worker ← availability (a job) ← server
    worker → load and status, repeatedly  worker → available or not → server
                                          worker ← assignment (a token for the room) or termination ← server

livekit-agents' own worker gives each job a process or an event loop; this client lets all rooms share one.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable
from datetime import timedelta
from importlib.metadata import version
from typing import Any, Final

from google.protobuf.message import DecodeError
from livekit import api
from livekit.protocol import agent as proto
from livekit.protocol import models
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, WebSocketException

from agent.aio import Tasks
from agent.transports.livekit_address import Refused, agent_url, is_local, refusal
from agent.transports.livekit_agency import Agency

logger = logging.getLogger("visavis.livekit")

AGENT_PROTOCOL: Final = 1
"""The version of the worker protocol that is spoken here."""
FULL_LOAD: Final = 0.69
"""What a full worker reports. livekit-server prefers workers below its `agents.target_load` (0.7) and gives jobs to nobody at or above it, so that a worker
which reported sessions over capacity as they are would get its last sessions never; that it is full is told by its status."""
REPORT_SECONDS: Final = 2.5
LOOK_SECONDS: Final = 0.25
"""How often the load is looked at; a change is reported at once."""
ASSIGNMENT_SECONDS: Final = 10.0
"""How long a place is kept for a job that was accepted."""
ANSWER_SECONDS: Final = 10.0
RETRY_SECONDS: Final = (0.5, 1.0, 2.0, 4.0, 8.0)
REFUSED_RETRY_SECONDS: Final = 30.0


class Registration:
    """`run` keeps the worker registered until it is cancelled or refused; `problem` tells what is in the way, in plain words.

    `on_registered` is called once, the first time.
    """

    def __init__(
        self, url: str, api_key: str, api_secret: str, agent_name: str, agency: Agency, on_registered: Callable[[], None] = lambda: None
    ) -> None:
        """Raises `ValueError` for what is no address."""
        self.url: Final = url
        self.problem: str | None = "not registered with livekit-server yet"
        self._endpoint = agent_url(url)
        self._key = api_key
        self._secret = api_secret
        self._agent_name = agent_name
        self._agency = agency
        self._on_registered = on_registered
        self._outbox: asyncio.Queue[proto.WorkerMessage] = asyncio.Queue(1_000)
        self._offers: dict[str, asyncio.TimerHandle] = {}
        self._changed = asyncio.Event()
        self._worker_id = ""
        self._was_registered = False

    @property
    def registered(self) -> bool:
        return self.problem is None

    def changed(self) -> None:
        """The load may have changed: report it now."""
        self._changed.set()

    def update_job(self, job_id: str, status: proto.JobStatus, error: str = "") -> None:
        """Tell how a job goes. Lost while there is no connection: livekit-server forgets a worker's jobs along with its connection."""
        self._send(proto.WorkerMessage(update_job=proto.UpdateJobStatus(job_id=job_id, status=status, error=error)))

    async def run(self) -> None:
        """Register, again and again where need be. Raises `Refused` when livekit-server refuses the very first time; later refusals are retried slowly."""
        attempt = 0
        while True:
            try:
                await self._connected()
                attempt = 0
            except Refused as refused:
                if not self._was_registered:
                    raise
                self._report(str(refused))
                await asyncio.sleep(REFUSED_RETRY_SECONDS)
                continue
            except (OSError, TimeoutError, InvalidHandshake, WebSocketException) as error:
                self._report(f"no livekit-server answers at {self.url} ({error or type(error).__name__}); is it running? Trying again")
            seconds = RETRY_SECONDS[min(attempt, len(RETRY_SECONDS) - 1)]
            attempt += 1
            await asyncio.sleep(seconds * random.uniform(0.8, 1.2))

    def _report(self, problem: str) -> None:
        if problem != self.problem:
            logger.warning("%s", problem)
        self.problem = problem

    async def _connected(self) -> None:
        """One connection, from registration to its end. Raises `Refused`, and whatever the network does."""
        token = api.AccessToken(self._key, self._secret).with_grants(api.VideoGrants(agent=True)).with_ttl(timedelta(minutes=10)).to_jwt()
        try:
            connection = await connect(
                f"{self._endpoint}?protocol={AGENT_PROTOCOL}",
                additional_headers={"Authorization": f"Bearer {token}"},
                proxy=None if is_local(self.url) else True,
                open_timeout=ANSWER_SECONDS,
                close_timeout=2,
                ping_interval=10,
                ping_timeout=10,
                compression=None,
            )
        except InvalidStatus as error:
            raise refusal(self.url, error.response.status_code, bytes(error.response.body or b"")) from None
        tasks = Tasks("registration")
        async with connection:
            try:
                await self._register(connection)
                tasks.start(self._write(connection), "writer")
                tasks.start(self._watch_load(), "load")
                async for data in connection:
                    self._receive(data)
            except ConnectionClosed:
                pass
            finally:
                await tasks.aclose()
                for job_id in list(self._offers):
                    self._withdraw(job_id)
                while not self._outbox.empty():
                    self._outbox.get_nowait()
        self._report(f"the connection to livekit-server at {self.url} was lost; trying again")

    async def _register(self, connection: ClientConnection) -> None:
        permissions = models.ParticipantPermission(
            can_subscribe=True, can_publish=True, can_publish_data=True, can_update_metadata=True, agent=True, hidden=False
        )
        request = proto.RegisterWorkerRequest(
            type=proto.JobType.JT_ROOM, agent_name=self._agent_name, version=version("livekit-agents"), allowed_permissions=permissions
        )
        await connection.send(proto.WorkerMessage(register=request).SerializeToString())
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                answer = _parsed(await connection.recv())
        except TimeoutError:
            raise ConnectionError(f"no answer to the registration within {ANSWER_SECONDS:g} s") from None
        except ConnectionClosed as closed:
            raise ConnectionError(f"the registration was not answered: {closed}") from None
        if answer is None or answer.WhichOneof("message") != "register":
            raise Refused(f"{self.url} does not speak LiveKit's worker protocol: expected an answer to the registration")
        server = answer.register.server_info
        if server.agent_protocol != AGENT_PROTOCOL:
            logger.warning(
                "livekit-server %s speaks version %d of the worker protocol, this is version %d: if rooms get no agent, that is why",
                *(server.version, server.agent_protocol, AGENT_PROTOCOL),
            )
        self._worker_id = answer.register.worker_id
        self.problem = None
        logger.info("registered with livekit-server %s at %s as %r (%s)", server.version, self.url, self._agent_name, self._worker_id)
        if not self._was_registered:
            self._was_registered = True
            self._on_registered()
        if jobs := self._agency.jobs():
            self._send(proto.WorkerMessage(migrate_job=proto.MigrateJobRequest(job_ids=jobs)))

    def _send(self, message: proto.WorkerMessage) -> None:
        if self.registered and not self._outbox.full():
            self._outbox.put_nowait(message)

    async def _write(self, connection: ClientConnection) -> None:
        while True:
            message = await self._outbox.get()
            try:
                await connection.send(message.SerializeToString())
            except ConnectionClosed:
                return

    async def _watch_load(self) -> None:
        loop = asyncio.get_running_loop()
        reported, at = None, 0.0
        while True:
            load = self._agency.load()
            if load != reported or loop.time() - at >= REPORT_SECONDS:
                reported, at = load, loop.time()
                status = proto.WorkerStatus.WS_FULL if load.full else proto.WorkerStatus.WS_AVAILABLE
                share = FULL_LOAD * min(1.0, load.sessions / load.capacity)
                update = proto.UpdateWorkerStatus(status=status, load=share, job_count=load.jobs, draining=load.draining)
                self._send(proto.WorkerMessage(update_worker=update))
            try:
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._changed.wait()
            except TimeoutError:
                continue
            self._changed.clear()

    def _receive(self, data: Any) -> None:
        message = _parsed(data)
        if message is None:
            logger.warning("livekit-server sent something that is no message of the worker protocol; it was ignored")
            return
        match message.WhichOneof("message"):
            case "availability":
                self._answer(message.availability.job)
            case "assignment":
                self._assigned(message.assignment)
            case "termination":
                self._agency.terminate(message.termination.job_id)
            case other:
                logger.debug("livekit-server sent %s", other)

    def _answer(self, job: proto.Job) -> None:
        accepted = self._agency.offer(job)
        answer = proto.AvailabilityResponse(job_id=job.id, available=accepted is not None)
        if accepted is not None:
            answer.participant_identity = accepted.identity
            answer.participant_name = accepted.name
            answer.participant_attributes.update(accepted.attributes)
            self._offers[job.id] = asyncio.get_running_loop().call_later(ASSIGNMENT_SECONDS, self._withdraw, job.id)
        self._send(proto.WorkerMessage(availability=answer))
        self.changed()

    def _assigned(self, assignment: proto.JobAssignment) -> None:
        timer = self._offers.pop(assignment.job.id, None)
        if timer is None:
            logger.warning("livekit-server assigned job %s, which was not accepted or came too late; it is ended", assignment.job.id)
            self.update_job(assignment.job.id, proto.JobStatus.JS_FAILED, "the assignment came too late")
            return
        timer.cancel()
        self.update_job(assignment.job.id, proto.JobStatus.JS_RUNNING)
        self._agency.assign(assignment.job, assignment.url or self.url, assignment.token)

    def _withdraw(self, job_id: str) -> None:
        timer = self._offers.pop(job_id, None)
        if timer is not None:
            timer.cancel()
            self._agency.withdraw(job_id)
            self.changed()


def _parsed(data: Any) -> proto.ServerMessage | None:
    if not isinstance(data, bytes):
        return None
    message = proto.ServerMessage()
    try:
        message.ParseFromString(data)
    except DecodeError:
        return None
    return message
