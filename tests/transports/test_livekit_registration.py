"""The client of LiveKit's worker protocol, against a real livekit-server and against servers that speak something else."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
from collections.abc import AsyncIterator
from typing import Any

import pytest
import yaml
from livekit.protocol import agent as proto
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

from agent.aio import Tasks
from agent.transports import livekit_registration
from agent.transports.livekit_address import Refused, agent_url
from agent.transports.livekit_agency import Acceptance, Load
from agent.transports.livekit_registration import Registration
from infra import livekit_install
from infra.livekit_server import Keys, Ports, configuration, running
from infra.paths import ROOT
from tests.transports.livekit_stage import Person, Stage, room_name, staged, until


class RecordingAgency:
    """Accepts everything and does nothing."""

    def __init__(self) -> None:
        self.present = Load(0, 4, 0)
        self.calls: list[tuple[str, str]] = []

    def offer(self, job: proto.Job) -> Acceptance | None:
        self.calls.append(("offer", job.id))
        return Acceptance("agent-x")

    def assign(self, job: proto.Job, url: str, token: str) -> None:
        self.calls.append(("assign", job.id))

    def withdraw(self, job_id: str) -> None:
        self.calls.append(("withdraw", job_id))

    def terminate(self, job_id: str) -> None:
        self.calls.append(("terminate", job_id))

    def load(self) -> Load:
        return self.present

    def jobs(self) -> list[str]:
        return []


def registration(url: str, agency: RecordingAgency | None = None, key: str = "key", secret: str = "s" * 32) -> Registration:
    return Registration(url, key, secret, "test", agency or RecordingAgency())


@contextlib.asynccontextmanager
async def running_registration(made: Registration) -> AsyncIterator[Registration]:
    tasks = Tasks("test")
    tasks.start(made.run(), "registration")
    try:
        yield made
    finally:
        await tasks.aclose()


@contextlib.asynccontextmanager
async def peer(handler: Any, **options: Any) -> AsyncIterator[str]:
    """Another server on loopback; its address."""
    async with serve(handler, "127.0.0.1", 0, **options) as server:
        yield f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}"


async def registered(connection: ServerConnection, agent_protocol: int = 1) -> proto.WorkerMessage:
    """Play livekit-server's part of the registration."""
    request = proto.WorkerMessage()
    data = await connection.recv()
    assert isinstance(data, bytes)
    request.ParseFromString(data)
    answer = proto.ServerMessage()
    answer.register.worker_id = "AW_test"
    answer.register.server_info.agent_protocol = agent_protocol
    await connection.send(answer.SerializeToString())
    return request


@pytest.mark.parametrize(
    ("url", "endpoint"),
    [
        ("ws://127.0.0.1:7880", "ws://127.0.0.1:7880/agent"),
        ("wss://live.example.org/", "wss://live.example.org/agent"),
        ("https://live.example.org/lk", "wss://live.example.org/lk/agent"),
        ("http://[::1]:7880", "ws://[::1]:7880/agent"),
    ],
)
def test_workers_register_beside_the_rooms(url: str, endpoint: str) -> None:
    assert agent_url(url) == endpoint


@pytest.mark.parametrize("url", ["", "127.0.0.1:7880", "ftp://x", "ws://", "live.example.org"])
def test_what_is_no_address_is_an_error_that_names_the_setting(url: str) -> None:
    with pytest.raises(ValueError, match="LIVEKIT_URL"):
        agent_url(url)


@pytest.mark.livekit
async def test_wrong_keys_are_told_by_name(livekit_server: Any) -> None:
    for key, secret in ((livekit_server.keys.api_key, "w" * 40), ("APIunknown", livekit_server.keys.api_secret)):
        with pytest.raises(Refused, match="LIVEKIT_API_KEY and LIVEKIT_API_SECRET") as refused:
            async with asyncio.timeout(10):
                await registration(livekit_server.url, key=key, secret=secret).run()
        assert secret not in str(refused.value)


async def test_another_kind_of_server_is_told_apart() -> None:
    async def talks_otherwise(connection: ServerConnection) -> None:
        await connection.recv()
        await connection.send(b"\xff\xff\xff")
        await connection.wait_closed()

    async with peer(talks_otherwise) as url:
        with pytest.raises(Refused, match="does not speak LiveKit's worker protocol"):
            async with asyncio.timeout(10):
                await registration(url).run()

    def not_here(connection: ServerConnection, request: Request) -> Response:
        return connection.respond(404, "nothing here")

    async with peer(talks_otherwise, process_request=not_here) as url:
        with pytest.raises(Refused, match=r"version 1\.7 or later"):
            async with asyncio.timeout(10):
                await registration(url).run()


async def test_another_version_of_the_protocol_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def newer(connection: ServerConnection) -> None:
        await registered(connection, agent_protocol=9)
        await connection.wait_closed()

    async with peer(newer) as url, running_registration(registration(url)) as made:
        await until(lambda: made.registered)
    assert any("speaks version 9 of the worker protocol, this is version 1" in r.getMessage() for r in caplog.records)


async def test_a_server_in_trouble_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(livekit_registration, "RETRY_SECONDS", (0.05,))
    answers = iter([500, 503, None])

    def trouble(connection: ServerConnection, request: Request) -> Response | None:
        status = next(answers)
        return None if status is None else connection.respond(status, "in trouble")

    async def fine(connection: ServerConnection) -> None:
        await registered(connection)
        await connection.wait_closed()

    async with peer(fine, process_request=trouble) as url, running_registration(registration(url)) as made:
        await until(lambda: made.registered)


async def test_it_says_who_it_is_and_how_full() -> None:
    messages: list[proto.WorkerMessage] = []

    async def listens(connection: ServerConnection) -> None:
        assert connection.request is not None
        assert connection.request.headers["Authorization"].startswith("Bearer ey")
        messages.append(await registered(connection))
        async for data in connection:
            message = proto.WorkerMessage()
            message.ParseFromString(bytes(data) if isinstance(data, bytes) else b"")
            messages.append(message)

    agency = RecordingAgency()
    async with peer(listens) as url, running_registration(registration(url, agency)) as made:
        await until(lambda: len(messages) >= 2)
        request = messages[0].register
        assert (request.type, request.agent_name) == (proto.JobType.JT_ROOM, "test")
        may = request.allowed_permissions
        assert all((may.can_publish, may.can_subscribe, may.can_publish_data, may.can_update_metadata, may.agent))
        assert not may.hidden
        for load, share, full in ((Load(2, 4, 2), 0.345, False), (Load(4, 4, 4), 0.69, True), (Load(1, 4, 1, draining=True), 0.1725, True)):
            count = len(messages)
            agency.present = load
            made.changed()
            await until(lambda count=count: len(messages) > count, 1.0, "the report")  # type: ignore[misc]
            update = messages[-1].update_worker
            assert update.load == pytest.approx(share)
            assert update.status == (proto.WorkerStatus.WS_FULL if full else proto.WorkerStatus.WS_AVAILABLE)
            assert (update.job_count, update.draining) == (load.jobs, load.draining)


async def test_a_place_is_given_back_when_no_assignment_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(livekit_registration, "ASSIGNMENT_SECONDS", 0.2)
    answers: list[proto.WorkerMessage] = []

    async def offers(connection: ServerConnection) -> None:
        await registered(connection)
        for job_id in ("J1", "J2"):
            offer = proto.ServerMessage()
            offer.availability.job.id = job_id
            await connection.send(offer.SerializeToString())
        assigned = proto.ServerMessage()
        assigned.assignment.job.id = "J2"
        assigned.assignment.token = "t"
        unknown = proto.ServerMessage()
        unknown.assignment.job.id = "J9"
        ended = proto.ServerMessage()
        ended.termination.job_id = "J2"
        for message in (assigned, unknown, ended):
            await connection.send(message.SerializeToString())
        await connection.send("no protobuf")
        async for data in connection:
            answer = proto.WorkerMessage()
            answer.ParseFromString(bytes(data) if isinstance(data, bytes) else b"")
            answers.append(answer)

    agency = RecordingAgency()
    async with peer(offers) as url, running_registration(registration(url, agency)):
        await until(lambda: ("withdraw", "J1") in agency.calls)
        assert agency.calls == [("offer", "J1"), ("offer", "J2"), ("assign", "J2"), ("terminate", "J2"), ("withdraw", "J1")]
        updates = [(a.update_job.job_id, a.update_job.status) for a in answers if a.WhichOneof("message") == "update_job"]
        assert updates == [("J2", proto.JobStatus.JS_RUNNING), ("J9", proto.JobStatus.JS_FAILED)]


async def test_promises_end_with_the_connection() -> None:
    async def leaves(connection: ServerConnection) -> None:
        await registered(connection)
        offer = proto.ServerMessage()
        offer.availability.job.id = "J1"
        await connection.send(offer.SerializeToString())
        async for data in connection:
            if b"J1" in bytes(data if isinstance(data, bytes) else b""):
                return

    agency = RecordingAgency()
    async with peer(leaves) as url, running_registration(registration(url, agency)):
        await until(lambda: agency.calls == [("offer", "J1"), ("withdraw", "J1")])


@pytest.mark.livekit
async def test_a_server_that_comes_late_or_anew_is_found(caplog: pytest.LogCaptureFixture) -> None:
    program = livekit_install.ensure()
    base = yaml.safe_load((ROOT / "livekit.yaml").read_text(encoding="utf-8"))
    ports, keys = Ports.free(), Keys.new()
    config = configuration(base, ports)

    class NotYet:
        url = f"ws://127.0.0.1:{ports.http}"

    NotYet.keys = keys  # type: ignore[attr-defined]
    stage = Stage(NotYet, grace_seconds=1.0)
    tasks = Tasks("test")
    caplog.set_level(logging.WARNING, "visavis.livekit")
    tasks.start(stage.registration.run(), "registration")
    try:
        await until(lambda: "no livekit-server answers" in (stage.registration.problem or ""), what="the warning")
        await asyncio.sleep(2.0)
        assert sum("no livekit-server answers" in r.getMessage() for r in caplog.records) == 1, "it is said once"
        async with running(program, config, keys) as server:
            await until(lambda: stage.registration.registered, 20, "the registration")
            async with Person(stage, "ann", room_name()) as ann:
                await ann.join()
                orphan = await stage.guest()
                os.kill(server.child.pid, signal.SIGKILL)
                await until(lambda: not stage.registration.registered, what="the loss being noticed")
        async with running(program, config, keys), Person(stage, "bob", room_name()) as bob:
            await until(lambda: stage.registration.registered, 20, "the new registration")
            await bob.join()
            await until(lambda: any(guest.identity == "bob" for guest in stage.host.guests), what="the next conversation")
            await until(lambda: orphan.ended is not None, 60, "the end of the conversation that was cut off")
            await until(lambda: stage.host.count == 1, what="its place being free")
    finally:
        await stage.attendants.aclose()
        await tasks.aclose()


@pytest.mark.livekit
async def test_all_places_are_filled_and_no_more(livekit_server: Any) -> None:
    """livekit-server gives jobs to no worker above its target load: the last places must be filled all the same."""
    async with staged(livekit_server, capacity=4) as stage, contextlib.AsyncExitStack() as people:
        for i in range(4):
            person = await people.enter_async_context(Person(stage, f"p{i}", room_name()))
            await person.join()
            await stage.guest(i)
        assert stage.host.count == 4
        late = await people.enter_async_context(Person(stage, "late", room_name()))
        await late.join()
        told = await late.meets_agent()
        await until(lambda: told.attributes.get("visavis.error") == "busy", what="being told that all places are taken")
        await until(lambda: late.agent() is None, what="the agent's leaving")
        assert len(stage.host.guests) == 4
        await stage.host.guests[0].aclose("the end")
        await until(lambda: stage.host.count == 3, what="a free place")
        await asyncio.sleep(0.5)
        after = await people.enter_async_context(Person(stage, "after", room_name()))
        await after.join()
        await after.meets_agent()
