"""Leases and resume secrets in both stores: any order of operations does what the pure functions say, and whoever does not own a session writes nothing into it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from agent.config import Journal as Settings
from agent.sessions import lease as pure
from agent.sessions import redis_leases
from agent.sessions.events import Event
from agent.sessions.lease import Fenced, Granted, Lease, Presence, Refused, Reply
from agent.sessions.redis_streams import RedisStore
from agent.sessions.secrets import Ring, issue, use
from agent.sessions.sqlite import SqliteStore
from agent.sessions.store import Store, standing_of
from agent.sessions.stores import open_store
from agent.sessions.tenure import Terms
from tests.sessions.conftest import MakeServer
from tests.sessions.makers import closing, opening, said
from tests.sessions.test_stores import stored

LENGTH = Terms().length_ms
SILENCE = LENGTH * 2 // 3
SESSIONS = ("a", "b")
OWNERS = ("w1", "w2")
SEARCH = hypothesis_settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.generate, Phase.shrink),
    derandomize=True,
    report_multiple_bugs=False,
)

session = st.sampled_from(SESSIONS)
which = st.sampled_from([0, 0, 0, 0, 1, 1, 2, 5])
"""One of the tokens that were given, 0 the newest."""
single = st.one_of(
    st.tuples(st.just("time"), st.sampled_from([1, 50, 250, SILENCE, SILENCE + 1, LENGTH - 1, LENGTH, LENGTH + 1, 5_000])),
    st.tuples(st.just("acquire"), session, st.sampled_from(OWNERS), st.booleans()),
    st.tuples(st.just("acquire"), session, st.sampled_from(OWNERS), st.booleans()),
    st.tuples(st.just("renew"), st.lists(st.tuples(session, which), max_size=3)),
    st.tuples(st.just("release"), session, which, st.booleans()),
    st.tuples(st.just("orphans")),
    st.tuples(st.just("append"), session, which),
    st.tuples(st.just("end"), session, which),
    st.tuples(st.just("put"), session, st.booleans()),
    st.tuples(st.just("drop"), session),
    st.tuples(st.just("forget"), session),
)


@st.composite
def told(draw: st.DrawFn) -> list[tuple[Any, ...]]:
    """Something happens; or one takes a session, and a while later something happens to it."""
    if draw(st.booleans()):
        return [draw(single)]
    name, ms = draw(session), draw(st.sampled_from([1, 250, LENGTH - 1, LENGTH, LENGTH + 1, 3_000]))
    then = [
        ("renew", [(name, draw(which))]),
        ("release", name, draw(which), draw(st.booleans())),
        ("append", name, draw(which)),
        ("acquire", name, draw(st.sampled_from(OWNERS)), draw(st.booleans())),
        ("orphans",),
    ]
    return [("acquire", name, draw(st.sampled_from(OWNERS)), draw(st.booleans())), ("time", ms), *draw(st.permutations(then))[:3]]


histories = st.lists(told(), max_size=8).map(lambda parts: [operation for part in parts for operation in part])


@dataclass
class Model:
    """What there should be, by the pure functions. `shared`: the store that is another machine's, and may have been away."""

    shared: bool
    now_us: int = 1_700_000_000_000_000
    leases: dict[str, Lease] = field(default_factory=dict)
    presence: Presence = field(default_factory=Presence)
    adoptable: set[str] = field(default_factory=set)
    forgotten: set[str] = field(default_factory=set)
    rings: dict[str, Ring] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)
    tokens: dict[str, list[int]] = field(default_factory=dict)

    @property
    def now_ms(self) -> int:
        return self.now_us // 1_000

    def lease(self, name: str) -> Lease:
        return self.leases.get(name, Lease())

    def seen(self) -> None:
        if self.shared:
            self.presence = pure.seen(self.presence, self.now_ms, LENGTH)

    def token(self, name: str, number: int) -> int:
        given = self.tokens.get(name, [])
        return given[-1 - number] if number < len(given) else number

    def acquire(self, name: str, owner: str, adoptable: bool) -> Reply:
        self.seen()
        reserved = self.presence.reserved_ms
        after, reply = pure.acquire(self.lease(name), owner, self.now_ms, LENGTH, floor=self.now_us, reserved_ms=reserved)
        if isinstance(reply, Granted):
            self.leases[name] = after
            self.tokens.setdefault(name, []).append(reply.token)
            (self.adoptable.add if adoptable else self.adoptable.discard)(name)
        return reply

    def renew(self, tokens: dict[str, int]) -> dict[str, Reply]:
        if tokens or self.shared:
            self.seen()
        replies: dict[str, Reply] = {}
        for name, token in tokens.items():
            after, replies[name] = pure.renew(self.lease(name), token, self.now_ms, LENGTH)
            if name in self.leases:
                self.leases[name] = after
        return replies

    def release(self, name: str, token: int, orphan: bool) -> None:
        after = pure.release(self.lease(name), token)
        if name in self.leases and after != self.lease(name):
            self.leases[name] = after
            (self.adoptable.add if orphan else self.adoptable.discard)(name)

    def orphans(self) -> set[str]:
        away = self.shared and (self.now_ms < self.presence.reserved_ms or self.now_ms - self.presence.seen_ms > SILENCE)
        owned = {name for name in self.adoptable if self.lease(name).owner and (away or self.now_ms < self.lease(name).until_ms)}
        return self.adoptable - owned

    def fenced(self, name: str, token: int) -> bool:
        if name in self.forgotten:
            return False
        try:
            pure.admit(self.lease(name), token)
        except Fenced:
            return True
        return False

    def forget(self, name: str) -> None:
        self.forgotten.add(name)
        self.adoptable.discard(name)
        for kept in (self.leases, self.rings, self.lines):
            kept.pop(name, None)


async def agrees(store: Store, model: Model, prefix: str, operations: list[tuple[Any, ...]]) -> None:
    """Every reply of the store is that of the model."""
    store.clock_us = lambda: model.now_us  # type: ignore[attr-defined]
    for what, *rest in operations:
        name = f"{prefix}-{rest[0]}" if rest and isinstance(rest[0], str) else ""
        if what == "time":
            model.now_us += rest[0] * 1_000
        elif what == "acquire":
            assert await store.acquire(name, rest[1], LENGTH, adoptable=rest[2]) == model.acquire(name, rest[1], rest[2])
        elif what == "renew":
            tokens = {f"{prefix}-{of}": model.token(f"{prefix}-{of}", number) for of, number in rest[0]}
            got, expected = await store.renew(tokens, LENGTH), model.renew(tokens)
            assert got == expected
        elif what == "release":
            token = model.token(name, rest[1])
            await store.release(name, token, orphan=rest[2])
            model.release(name, token, rest[2])
        elif what == "orphans":
            assert {orphan for orphan in await store.orphans() if orphan.startswith(prefix)} == model.orphans()
        elif what in ("append", "end"):
            await writes(store, model, name, model.token(name, rest[1]), over=what == "end")
        elif what == "put":
            await puts(store, model, name, right=rest[1])
        elif what == "drop":
            await store.drop_ring(name)
            model.rings.pop(name, None)
        elif what == "forget":
            await store.forget(name)
            model.forget(name)


async def writes(store: Store, model: Model, name: str, token: int, *, over: bool) -> None:
    seq = model.lines.get(name, 0) + 1
    event = closing(seq, name) if over else said(seq, session=name) if seq > 1 else opening(name)
    fenced = model.fenced(name, token)
    assert await store.append([event], {name: token}) == (frozenset({name}) if fenced else frozenset())
    if not fenced and name not in model.forgotten:
        model.lines[name] = seq
        if over:
            model.adoptable.discard(name)
            model.rings.pop(name, None)
    assert len(await store.read(name)) == model.lines.get(name, 0)


async def puts(store: Store, model: Model, name: str, *, right: bool) -> None:
    before = model.rings.get(name)
    ring = issue(before or Ring(name, "ann"), f"secret {model.now_us}", model.now_ms)
    claimed = before if right else Ring(name, "somebody else")
    done = await store.put_ring(ring, claimed)
    assert done == (right and name not in model.forgotten)
    if done:
        model.rings[name] = ring
    assert await store.ring(name) == model.rings.get(name)


def law(settings: Settings, plant: Callable[[Store], None] = lambda store: None) -> None:
    """Any operations, in any order."""
    with asyncio.Runner() as runner:

        async def opened() -> Store:
            return open_store(settings)

        store = runner.run(opened())
        plant(store)
        count = 0

        async def run(operations: list[tuple[Any, ...]]) -> None:
            nonlocal count
            count += 1
            shared = isinstance(store, RedisStore)
            if isinstance(store, RedisStore):
                await store._redis.flushall()
            await agrees(store, Model(shared), f"x{count}", operations)

        @SEARCH
        @given(histories)
        def every_history(operations: list[tuple[Any, ...]]) -> None:
            runner.run(run(operations))

        try:
            every_history()
        finally:
            runner.run(store.aclose())


def test_any_operations_do_what_the_pure_functions_say(settings: Settings) -> None:
    law(settings)


FAULTS: dict[str, tuple[str, str, str]] = {
    "a lease that runs is taken": ("ACQUIRE", "now < free", "now + 1 < free"),
    "a token is given twice": ("ACQUIRE", "math.max(tonumber(lease[2] or 0) + 1, us)", "us - us % 10000000"),
    "what ran out is renewed": ("RENEW", "and now < till", ""),
    "another's token renews": ("RENEW", "and lease[2] == ARGV[i + 1]", ""),
    "an old owner gives it back": ("RELEASE", "lease[2] ~= ARGV[2] or", ""),
    "orphans are taken from owners who live": ("ORPHANS", "not waits and", ""),
    "the store was never away": ("ACQUIRE", "reserved = now + length", "reserved = 0"),
    "a ring is put over another": ("PUT_RING", "~= ARGV[1]", "== 0"),
}


@pytest.mark.parametrize("fault", list(FAULTS))
def test_a_script_that_does_something_else_is_noticed(fault: str, make_redis: MakeServer, tmp_path: Any) -> None:
    script, right, wrong = FAULTS[fault]
    text: str = getattr(redis_leases, script)
    assert right in text

    def plant(store: Store) -> None:
        assert isinstance(store, RedisStore)
        setattr(store, f"_{script.lower()}", store._redis.register_script(text.replace(right, wrong)))

    with pytest.raises(AssertionError):
        law(Settings(url=make_redis().url, archive=tmp_path / "archive"), plant)


# ------------------------------------------------------------------------------------------------------- what it is for


async def owned(store: Store, name: str = "s-1", owner: str = "w1", length_ms: int = 60_000, *, adoptable: bool = True) -> int:
    reply = await store.acquire(name, owner, length_ms, adoptable=adoptable)
    assert isinstance(reply, Granted)
    return reply.token


async def test_two_processes_do_not_own_the_same(store: Store, settings: Settings) -> None:
    other = open_store(settings)
    token = await owned(store)
    reply = await other.acquire("s-1", "w2", 60_000, adoptable=True)
    assert isinstance(reply, Refused)
    assert reply.owner == "w1"
    assert 59_000 < reply.wait_ms <= 60_000
    await store.release("s-1", token)
    assert await owned(other, owner="w2") > token
    await other.aclose()


async def test_an_event_of_a_writer_that_was_replaced_is_not_written(store: Store) -> None:
    old = await owned(store, length_ms=1)
    await store.append([opening()], {"s-1": old})
    await asyncio.sleep(0.005)
    assert await store.append([said(2)], {"s-1": old}) == frozenset(), "good until somebody else has taken it"
    new = await owned(store, owner="w2")
    mixed = [said(3), opening("s-2"), said(2, session="s-2")]
    assert await store.append(mixed, {"s-1": old, "s-2": await owned(store, "s-2")}) == {"s-1"}
    assert await store.append([said(3, "the newer one's")], {"s-1": new}) == frozenset()
    assert [event.d.get("text") for event in await stored(store)] == [None, "hello", "the newer one's"]
    assert len(await stored(store, "s-2")) == 2


async def test_a_session_without_a_token_is_not_looked_at(store: Store) -> None:
    await owned(store)
    assert await store.append([opening()]) == frozenset()
    assert len(await stored(store)) == 1


async def test_a_session_that_ended_is_no_orphan_and_nobody_comes_back_to_it(store: Store) -> None:
    token = await owned(store)
    ring = issue(Ring("s-1", "ann"), "one", 0)
    assert await store.put_ring(ring, None)
    await store.append([opening(), closing(2)], {"s-1": token})
    assert await store.ring("s-1") is None
    await store.end("s-1")
    assert await store.orphans() == []
    await store.release("s-1", token)
    assert await store.orphans() == []


async def test_forgetting_and_age_take_lease_and_secrets_along(store: Store) -> None:
    now_ms = 100 * 86_400_000
    for name in ("s-1", "s-2"):
        token = await owned(store, name)
        await store.append([opening(name, wall_ms=now_ms - 31 * 86_400_000)], {name: token})
        assert await store.put_ring(Ring(name, "ann"), None)
        await store.release(name, token, orphan=True)
    assert set(await store.orphans()) == {"s-1", "s-2"}
    assert await store.forget("s-1")
    assert await store.orphans() == ["s-2"]
    assert await store.sweep(now_ms, 30 * 86_400_000) == 1
    assert await store.orphans() == []
    for name in ("s-1", "s-2"):
        assert await store.ring(name) is None
    assert not await store.put_ring(Ring("s-1", "ann"), None), "it would be a trace of what was forgotten"


async def test_a_secret_is_kept_as_a_hash(store: Store, tmp_path: Any, settings: Settings) -> None:
    ring = use(issue(Ring("s-1", "安"), "the-first-9431", 0), "s-1", "安", "the-first-9431", "the-second-9431", 5)
    assert await store.put_ring(ring, None)
    assert await store.ring("s-1") == ring
    assert not await store.put_ring(ring, None), "there is one"
    assert not await store.put_ring(ring, issue(ring, "x", 6)), "there is another"
    files = [file for folder in {tmp_path, tmp_path.parent} for file in folder.rglob("*") if file.is_file()]
    assert not [file for file in files if b"the-first-9431" in file.read_bytes() or b"the-second-9431" in file.read_bytes()]


async def test_a_damaged_ring_lets_nobody_back(store: Store) -> None:
    assert await store.put_ring(Ring("s-1", "ann"), None)
    if isinstance(store, SqliteStore):
        store.connection.execute("UPDATE rings SET ring = substr(ring, 1, 20)")
    elif isinstance(store, RedisStore):
        await store._redis.set("visavis:journal:ring:s-1", '{"good": 5')
    assert await store.ring("s-1") is None


async def test_a_lease_from_before_the_machine_was_started_again_is_nobodys(tmp_path: Any) -> None:
    store = SqliteStore(tmp_path / "journal.sqlite3")
    store.clock_us = lambda: 90_000_000_000
    token = await owned(store)
    store.clock_us = lambda: 5_000_000
    assert await store.orphans() == ["s-1"]
    assert await owned(store, owner="w2") > token
    await store.aclose()


async def test_a_redis_that_is_full_lets_owners_go_on_and_clients_come_back(make_redis: MakeServer, tmp_path: Any) -> None:
    store = open_store(Settings(url=make_redis("--maxmemory", "4mb", "--maxmemory-policy", "noeviction").url, archive=tmp_path))
    assert isinstance(store, RedisStore)
    token = await owned(store)
    ring = issue(Ring("s-1", "ann"), "one", 0)
    assert await store.put_ring(ring, None)
    await store._redis.config_set("maxmemory", "1mb")
    with pytest.raises(Exception, match="maxmemory"):
        await store.append([opening()], {"s-1": token})
    assert await store.renew({"s-1": token}, 60_000) == {"s-1": Granted(token)}
    assert await store.put_ring(issue(ring, "two", 1), ring)
    await store.release("s-1", token, orphan=True)
    assert await store.orphans() == ["s-1"]
    assert await owned(store, owner="w2") > token
    assert await owned(store, "s-2") > 0
    await store.aclose()


async def test_a_redis_that_was_emptied_gives_no_token_twice(make_redis: MakeServer, tmp_path: Any) -> None:
    store = open_store(Settings(url=make_redis().url, archive=tmp_path))
    assert isinstance(store, RedisStore)
    first = await owned(store)
    await store._redis.flushall()
    assert await store.renew({"s-1": first}, 60_000) == {"s-1": Refused()}
    assert await store.append([opening()], {"s-1": first}) == {"s-1"}
    reply = await store.acquire("s-1", "w2", 60_000, adoptable=True)
    assert isinstance(reply, Granted)
    assert reply.token > first
    assert reply.after is None, "it knows of nobody"
    await store.aclose()


async def test_any_damage_in_the_events_leaves_lease_and_fold_alone(store: Store) -> None:
    token = await owned(store)
    future = Event("s-1", 2, 0, 0, 0, 0, "telepathy", {}, 99)
    await store.append([opening(), future, said(3)], {"s-1": token})
    assert (await standing_of(store, "s-1")).state.skipped.future == 1
