"""Sessions that are taken up in rooms of a real livekit-server, and what that server does, and does not do, when a worker dies."""

from __future__ import annotations

import asyncio
import base64
import json
from pathlib import Path
from typing import Any

import pytest
from livekit import rtc
from livekit.protocol import agent as proto

from agent.aio import Tasks
from agent.config import Journal
from agent.conversation.host import Busy, Place
from agent.protocol.messages import ClientHello
from agent.sessions.chronicle import Chronicle, Returned
from agent.sessions.holding import Taken
from agent.sessions.roster import Peer, roster
from agent.sessions.state import State
from agent.sessions.store import StoreError
from agent.transports.livekit_adoption import Adopted, Adoptions, agent_token
from agent.transports.livekit_agency import Acceptance, Load
from agent.transports.livekit_peers import Peers
from agent.transports.livekit_registration import Registration
from agent.widget import state as rounds
from tests.transports.livekit_stage import RATE, Person, Stage, room_name, sine, staged, strength, until

pytestmark = pytest.mark.livekit


class Written(Chronicle):
    """Of a session that nobody writes down; remembers how it was given back."""

    def __init__(self, session: str) -> None:
        super().__init__(None, session, words=False)
        self.released: list[tuple[bool, bool]] = []

    async def release(self, *, over: bool, orphan: bool = False) -> None:
        self.released.append((over, orphan))


class Orphans:
    """Sessions without a worker, as a store would tell of them."""

    def __init__(self, **sessions: State) -> None:
        self.sessions = sessions
        self.fails = 0
        self.taken: set[str] = set()
        self.chronicles: dict[str, Written] = {}
        self.asked = 0

    async def orphans(self) -> list[str]:
        self.asked += 1
        if self.fails:
            self.fails -= 1
            raise StoreError("it was told to fail")
        return [session for session in self.sessions if session not in self.chronicles]

    async def adopt(self, session: str) -> Returned:
        if session in self.taken:
            raise Taken(100)
        self.chronicles[session] = Written(session)
        return Returned(self.chronicles[session], self.sessions[session], rounds.START)


class Places:
    def __init__(self, free: int) -> None:
        self.free = free

    def reserve(self) -> Place:
        if not self.free:
            raise Busy(1)
        self.free -= 1
        return Place(self._release)

    def _release(self, place: Place) -> None:
        self.free += 1


def claims(token: str) -> dict[str, Any]:
    part = token.split(".")[1]
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return found


class Agency:
    """Accepts what it is offered, and keeps the tokens."""

    def __init__(self) -> None:
        self.offers: list[proto.Job] = []
        self.tokens: list[str] = []

    def offer(self, job: proto.Job) -> Acceptance | None:
        self.offers.append(job)
        return Acceptance(f"agent-{job.id}", "Vera", {"lk.agent.name": "x", "lk.agent.state": "initializing"})

    def assign(self, job: proto.Job, url: str, token: str) -> None:
        self.tokens.append(token)

    def withdraw(self, job_id: str) -> None: ...

    def terminate(self, job_id: str) -> None: ...

    def load(self) -> Load:
        return Load(0, 4, 0)

    def jobs(self) -> list[str]:
        return []


# ----------------------------------------------------------------------------------------------------------- what livekit-server does


async def test_our_tokens_grant_what_livekit_server_grants_for_a_job(livekit_server: Any) -> None:
    agency = Agency()
    stage = Stage(livekit_server)
    registration = Registration(livekit_server.url, livekit_server.keys.api_key, livekit_server.keys.api_secret, stage.agent_name, agency)
    tasks = Tasks("test")
    tasks.start(registration.run(), "registration")
    await until(lambda: registration.registered)
    name = room_name()
    async with Person(stage, "ann", name) as ann:
        await ann.join()
        await until(lambda: agency.tokens, what="the job's token")
    await tasks.aclose()
    theirs, identity = claims(agency.tokens[0]), f"agent-{agency.offers[0].id}"
    ours = claims(agent_token(stage.config, name, identity, "Vera"))
    granted = {grant: value for grant, value in theirs["video"].items() if value}
    assert {grant: value for grant, value in ours["video"].items() if value} == granted
    assert (ours["sub"], ours["kind"], ours["name"]) == (theirs["sub"], theirs["kind"], theirs["name"]) == (identity, "agent", "Vera")
    assert ours["attributes"].keys() == theirs["attributes"].keys()
    assert ours["exp"] - ours["nbf"] == pytest.approx(theirs["exp"] - theirs["nbf"], abs=5)


async def test_the_job_of_a_worker_that_died_is_offered_to_nobody(livekit_server: Any) -> None:
    stage, tasks = Stage(livekit_server), Tasks("test")
    keys = livekit_server.keys
    agencies = [Agency(), Agency()]
    workers = [Registration(livekit_server.url, keys.api_key, keys.api_secret, stage.agent_name, agency) for agency in agencies]
    running = [tasks.start(worker.run(), "registration") for worker in workers]
    await until(lambda: all(worker.registered for worker in workers))
    async with Person(stage, "ann", room_name()) as ann, Person(stage, "bob", room_name()) as bob:
        await ann.join()
        await until(lambda: sum(len(agency.tokens) for agency in agencies) == 1, what="the job")
        dead = 0 if agencies[0].tokens else 1
        agent = rtc.Room()
        await agent.connect(livekit_server.url, agencies[dead].tokens[0])
        await ann.meets_agent()
        running[dead].cancel()  # its connection breaks off; in the room nothing happens
        await bob.join()
        await until(lambda: agencies[1 - dead].tokens, what="the next room's job")
        await asyncio.sleep(1.0)  # nothing happens
        assert [job.room.name for job in agencies[1 - dead].offers] == [bob.room_name]
        assert ann.agent() is not None
        await agent.disconnect()
    await tasks.aclose()


async def test_whoever_joins_under_an_agents_identity_is_the_agent(livekit_server: Any) -> None:
    """What clients see: the same participant with another track; what the one that was there before is told."""
    stage, name = Stage(livekit_server), room_name()
    async with Person(stage, "ann", name) as ann:
        await ann.join(agent=False)
        seen: list[str] = []
        ann.room.on("participant_connected", lambda p: seen.append(f"+{p.identity}"))
        ann.room.on("participant_disconnected", lambda p: seen.append(f"-{p.identity}"))
        rooms, ended = [rtc.Room(), rtc.Room()], list[int]()
        rooms[0].on("disconnected", lambda reason: ended.append(reason))
        for room in rooms:
            await room.connect(livekit_server.url, agent_token(stage.config, name, "agent-x", "Vera"))
            await until(lambda: seen[-1:] == ["+agent-x"], what="the agent")
        await until(lambda: ended == [rtc.DisconnectReason.DUPLICATE_IDENTITY], what="the end of the first")
        assert seen == ["+agent-x", "-agent-x", "+agent-x"]
        assert [p.identity for p in ann.room.remote_participants.values()] == ["agent-x"]
        for room in rooms:
            await room.disconnect()


# ----------------------------------------------------------------------------------------------------------- who looks for orphans


async def looking(orphans: Orphans, places: Places, count: int) -> list[str]:
    """Sessions that were found by the time the store was asked so often."""
    found: list[str] = []
    tasks = Tasks("test")
    tasks.start(Adoptions(orphans, places.reserve, lambda adopted, place: found.append(adopted.session)).run(), "adoptions")
    await until(lambda: orphans.asked >= count)
    await tasks.aclose()
    return found


KNOWN = State(room="r", agent="agent-x", user="ann")


async def test_each_orphan_is_taken_once_while_there_are_places() -> None:
    orphans, places = Orphans(a=KNOWN, b=KNOWN, c=KNOWN), Places(2)
    assert await looking(orphans, places, 3) == ["a", "b"]
    assert (places.free, "c" in orphans.chronicles) == (0, False)


async def test_one_that_another_was_faster_with_costs_no_place() -> None:
    orphans, places = Orphans(a=KNOWN, b=KNOWN), Places(1)
    orphans.taken.add("a")
    assert await looking(orphans, places, 2) == ["b"]
    assert places.free == 0


async def test_one_without_a_room_is_given_back_for_good() -> None:
    orphans, places = Orphans(a=State(user="ann")), Places(1)
    assert await looking(orphans, places, 2) == []
    assert (orphans.chronicles["a"].released, places.free) == ([(False, False)], 1)


async def test_a_store_that_fails_is_asked_again() -> None:
    orphans, places = Orphans(a=KNOWN), Places(1)
    orphans.fails = 2
    assert await looking(orphans, places, 3) == ["a"]


# ----------------------------------------------------------------------------------------------------------- in the room


def returned(name: str, agent: str = "agent-x", user: str = "ann") -> tuple[Returned, Written]:
    chronicle = Written("s-1")
    return Returned(chronicle, State(room=name, agent=agent, user=user, persona="guide"), rounds.START), chronicle


async def test_a_session_goes_on_in_the_place_of_its_dead_agent(livekit_server: Any) -> None:
    name = room_name()
    async with staged(livekit_server) as stage, Person(stage, "ann", name) as ann:
        dead = rtc.Room()
        await dead.connect(livekit_server.url, agent_token(stage.config, name, "agent-x", "Vera"))
        await ann.join(agent=False, listen=True)
        await ann.meets_agent()
        session, _ = returned(name)
        stage.attendants.adopt(Adopted("s-1", session), stage.host.reserve())
        guest = await stage.guest()
        assert (guest.returned, guest.identity, guest.hello.persona) == (session, "ann", "guide")
        await until(lambda: not dead.isconnected(), what="the end of the dead agent")
        guest.sing(sine(700, 1.0))
        await until(lambda: len(ann.sound) > RATE and strength(ann.sound[-RATE // 2 :], 700, RATE) > 0.8, what="its voice")
        agents = [p for p in ann.room.remote_participants.values() if p.kind == rtc.ParticipantKind.PARTICIPANT_KIND_AGENT]
        assert [(p.identity, p.name) for p in agents] == [("agent-x", "Gu")]
        assert stage.attendants.jobs() == []
        await dead.disconnect()


async def test_it_goes_on_when_its_participant_listens_and_not_before(livekit_server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Or the first words would be lost."""
    monkeypatch.setattr("agent.transports.livekit_connection.LISTENED_SECONDS", 30.0)
    name, published = room_name(), list[rtc.RemoteTrackPublication]()
    async with staged(livekit_server) as stage, Person(stage, "ann", name) as ann:
        ann.room.on("track_published", lambda publication, participant: published.append(publication))
        await ann.join(agent=False, subscribe=False)
        session, _ = returned(name)
        stage.attendants.adopt(Adopted("s-1", session), stage.host.reserve())
        await until(lambda: published, what="the agent's voice")
        await asyncio.sleep(0.5)  # nothing happens
        assert stage.host.guests == []
        published[0].set_subscribed(True)
        assert (await stage.guest()).returned == session


async def test_a_participant_who_is_not_there_any_more_is_waited_for_and_then_left(livekit_server: Any) -> None:
    name = room_name()
    async with staged(livekit_server, grace_seconds=0.3) as stage, Person(stage, "bob", name) as bob:
        await bob.join(agent=False)
        session, chronicle = returned(name)
        stage.attendants.adopt(Adopted("s-1", session), stage.host.reserve())
        await bob.meets_agent()
        await until(lambda: not stage.attendants.rooms() and bob.agent() is None, what="the agent's leaving")
        assert (stage.host.guests, stage.host.count, chronicle.released) == ([], 0, [(False, False)])


async def test_a_room_that_has_its_agent_gets_no_second(livekit_server: Any) -> None:
    """As after a restart of the server, when the room that is created anew asks for one."""
    name = room_name()
    async with staged(livekit_server) as stage, Person(stage, "ann", name) as ann:
        await ann.join()
        agent = await ann.meets_agent()
        await stage.guest()
        job = proto.Job(id="AJ_again", type=proto.JobType.JT_ROOM)
        job.room.name = name
        accepted = stage.attendants.offer(job)
        assert accepted is not None
        assert accepted.identity == agent.identity
        stage.attendants.assign(job, livekit_server.url, "unused")
        assert (stage.host.count, len(stage.host.guests), stage.attendants.load().jobs) == (1, 1, 1)
        assert "AJ_again" in stage.attendants.jobs()
        await ann.leave()


async def test_a_conversation_at_rest_is_handed_over_without_a_word(livekit_server: Any) -> None:
    async with staged(livekit_server) as stage, Person(stage, "ann", room_name()) as ann:
        await ann.join()
        await ann.introduce(ClientHello())
        guest = await stage.guest()
        guest.resting = False
        (attendance,) = stage.attendants._attendances.values()
        assert not attendance.at_rest
        guest.resting = True
        told = len(ann.messages)
        assert attendance.at_rest
        attendance.hand_over("as it was told to")
        await until(lambda: ann.agent() is None and not stage.attendants.rooms(), what="the agent's leaving")
        assert (guest.handed_over, stage.host.count, len(ann.messages)) == (True, 0, told)


@pytest.mark.parametrize("shuts_down", [True, False])
async def test_a_job_that_ends_because_the_server_shuts_down_is_left_to_another_worker(
    livekit_server: Any, monkeypatch: pytest.MonkeyPatch, shuts_down: bool
) -> None:
    """livekit-server ends its jobs first, and throws everybody out then. Where an operator has ended the job nobody goes on."""
    monkeypatch.setattr("agent.transports.livekit_connection.SETTLED_SECONDS", 0.0)
    async with staged(livekit_server) as stage, Person(stage, "ann", room_name()) as ann:
        await ann.join()
        await ann.introduce(ClientHello())
        guest = await stage.guest()
        ((job, attendance),) = stage.attendants._attendances.items()
        stage.attendants.terminate(job)
        if shuts_down:
            attendance._room.emit("disconnected", rtc.DisconnectReason.Value("SERVER_SHUTDOWN"))
        await until(lambda: guest.ended is not None and not stage.attendants.rooms(), what="the agent's leaving")
        assert (guest.handed_over, stage.host.count) == (shuts_down, 0)


# ----------------------------------------------------------------------------------------------------------- a worker that is to end


async def test_a_worker_that_ends_leaves_to_others_what_they_have_places_for_when_nobody_speaks(
    livekit_server: Any, tmp_path: Path
) -> None:
    names, tasks = [room_name(), room_name()], Tasks("test")
    others = roster(Journal(url=f"sqlite:///{tmp_path / 'journal.sqlite3'}"), "visavis")
    async with staged(livekit_server) as stage, Person(stage, "ann", names[0]) as ann, Person(stage, "bob", names[1]) as bob:
        attendants = stage.attendants
        attendants.peers = Peers(roster(Journal(url=f"sqlite:///{tmp_path / 'journal.sqlite3'}"), "visavis"), lambda: 0, attendants.rooms)
        guests = []
        for number, person in enumerate((ann, bob)):
            await person.join()
            await person.meets_agent()
            guests.append(await stage.guest(number))
            guests[-1].resting = False
        await others.present(Peer("other", 1, frozenset({"elsewhere"})), 60_000)
        draining = tasks.start(attendants.drain(20), "drain")
        await until(lambda: attendants.draining and attendants.peers is not None)
        elsewhere = proto.Job(id="AJ_1")
        elsewhere.room.name = "elsewhere"
        assert attendants.offer(elsewhere) is None
        await asyncio.sleep(0.3)  # nothing happens: both speak
        assert [guest.ended for guest in guests] == [None, None]
        guests[0].resting = True
        await until(lambda: guests[0].handed_over and ann.agent() is None, what="the first, handed over")
        await others.present(Peer("other", 0), 60_000)
        guests[1].resting = True
        await asyncio.sleep(1.0)  # nothing happens: nobody has a place
        assert guests[1].ended is None
        await others.present(Peer("other", 1), 60_000)
        await until(lambda: guests[1].handed_over and draining.done(), what="the second, handed over")
        await tasks.aclose()
