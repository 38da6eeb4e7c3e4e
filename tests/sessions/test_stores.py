"""What every store does. Each test runs over SQLite and over a real Redis."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings

from agent.config import Journal as Settings
from agent.sessions.events import UNREADABLE, VERSION, Event
from agent.sessions.redis_streams import RedisStore
from agent.sessions.sqlite import SqliteStore
from agent.sessions.standing import START, fold
from agent.sessions.store import Store, events_of, forget_user, standing_of, state_of
from agent.sessions.stores import open_store
from tests.sessions.makers import closing, opening, said
from tests.sessions.strategies import journals

DAY_MS = 86_400_000


async def stored(store: Store, session: str = "s-1") -> list[Event]:
    return [event async for event in events_of(store, session)]


def traces(folder: Path, word: str) -> list[Path]:
    return [file for file in folder.rglob("*") if file.is_file() and word.encode() in file.read_bytes()]


async def test_events_come_back_in_order(store: Store) -> None:
    events = [opening(), *(said(n, f"第{n}句") for n in range(2, 40))]
    await store.append(events[:3])
    await store.append(events[3:])
    assert await stored(store) == events
    assert await store.read("s-1", 10, 3) == events[9:12]
    assert await store.read("s-1", 40) == []
    assert await store.read("s-other") == []


async def test_events_of_several_sessions_may_come_mixed(store: Store) -> None:
    mixed = [opening("s-1"), opening("s-2", "bob"), said(2, session="s-2"), said(2), said(3, session="s-2")]
    await store.append(mixed)
    assert await stored(store, "s-1") == [event for event in mixed if event.session == "s-1"]
    assert await stored(store, "s-2") == [event for event in mixed if event.session == "s-2"]


async def test_what_is_given_again_is_there_once(store: Store) -> None:
    await store.append([opening(), said(2, "first")])
    await store.append([said(2, "second"), said(3)])
    assert await stored(store) == [opening(), said(2, "first"), said(3)]


async def test_any_events_are_kept_as_they_were(store: Store) -> None:
    drawn: list[list[Event]] = []

    @hypothesis_settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
    @given(journals())
    def draw(journal: list[Event]) -> None:
        drawn.append(journal)

    draw()
    for number, journal in enumerate(drawn):
        session = f"s-{number}"
        once = {event.seq: event for event in reversed(journal)}
        renamed = [Event(session, e.seq, e.wall_ms, e.t, e.gen, e.round, e.type, e.d, max(e.v, VERSION)) for _, e in sorted(once.items())]
        await store.append(renamed)
        assert await stored(store, session) == renamed
        assert await standing_of(store, session) == fold(START, renamed)


async def test_a_snapshot_stands_in_for_what_came_before_it(store: Store) -> None:
    events = [opening(), *(said(n, str(n)) for n in range(2, 30))]
    await store.append(events)
    assert await store.snapshot("s-1") is None
    whole = await standing_of(store, "s-1")
    await store.put_snapshot("s-1", fold(START, events[:10]))
    snapshot = await store.snapshot("s-1")
    assert snapshot is not None
    assert snapshot.state.seq == 10
    assert await standing_of(store, "s-1") == whole == fold(START, events)
    await store.put_snapshot("s-1", whole)
    assert await store.snapshot("s-1") == whole


async def test_sessions_are_listed_the_latest_first(store: Store) -> None:
    await store.append([opening("s-1", "ann", 1_000), said(2), closing(3)])
    await store.append([opening("s-2", "bob", 5_000)])
    await store.append([said(2, session="s-2", wall_ms=9_000)])
    second, first = await store.sessions()
    assert (second.session, second.user, second.started_ms, second.updated_ms, second.events, second.ended) == (
        "s-2",
        "bob",
        5_000,
        9_000,
        2,
        None,
    )
    assert (first.session, first.org, first.persona, first.events, first.ended) == ("s-1", "museum", "default", 3, "the client left")
    assert [info.session for info in await store.sessions("ann")] == ["s-1"]
    assert await store.sessions("nobody") == []


async def test_an_ended_session_is_read_and_folded_as_before(store: Store) -> None:
    events = [opening(), said(2), closing(3)]
    await store.append(events)
    await store.end("s-1")
    await store.end("s-1")
    assert await stored(store) == events
    assert (await state_of(store, "s-1")).ended == "the client left"


async def test_what_is_forgotten_is_gone_everywhere_and_does_not_come_back(store: Store, tmp_path: Path, settings: Settings) -> None:
    word = "unforgettable-9431"
    await store.append([opening(user=word), *(said(n, word) for n in range(2, 50))])
    await store.put_snapshot("s-1", await standing_of(store, "s-1"))
    await store.end("s-1")
    assert await store.forget("s-1")
    await store.append([said(50, word)])
    await store.put_snapshot("s-1", START)
    await store.end("s-1")
    assert await stored(store) == []
    assert await store.sessions() == []
    assert await store.snapshot("s-1") is None
    assert not await store.forget("s-1")
    assert traces(tmp_path, word) == [], "neither the file, nor its log, nor an archive holds a trace"


async def test_a_user_is_forgotten_with_all_sessions(store: Store) -> None:
    for n in range(4):
        await store.append([opening(f"s-{n}", "ann" if n < 3 else "bob"), said(2, session=f"s-{n}")])
    await store.end("s-0")
    assert await forget_user(store, "ann") == 3
    assert [info.session for info in await store.sessions()] == ["s-3"]
    assert await forget_user(store, "ann") == 0


async def test_what_is_too_old_goes_by_itself(store: Store) -> None:
    now = 100 * DAY_MS
    for name, age in (("old", 31), ("older", 40), ("new", 29)):
        await store.append([opening(name, wall_ms=now - age * DAY_MS)])
        await store.put_snapshot(name, START)
    await store.append([opening("long", wall_ms=now - 50 * DAY_MS), said(2, session="long", wall_ms=now)])
    assert await store.sweep(now, 30 * DAY_MS) == 2
    assert {info.session for info in await store.sessions()} == {"new", "long"}
    assert await stored(store, "old") == []
    assert await store.snapshot("older") is None
    assert await store.sweep(now, 30 * DAY_MS) == 0


async def test_a_torn_record_does_not_hide_the_others(store: Store) -> None:
    events = [opening(), said(2), said(3)]
    await store.append(events)
    line = said(4).line()[:40]
    if isinstance(store, SqliteStore):
        store.connection.execute("INSERT INTO events VALUES ('s-1', 4, ?)", (line,))
    elif isinstance(store, RedisStore):
        await store._redis.xadd("visavis:journal:events:s-1", {"e": line}, id="4-0")
    await store.append([said(5)])
    assert [event.type for event in await stored(store)] == ["session", "asr_final", "asr_final", UNREADABLE, "asr_final"]
    state = await state_of(store, "s-1")
    assert (state.seq, len(state.items), state.skipped.unreadable) == (5, 3, 1)


async def test_a_record_of_the_future_is_kept_and_skipped(store: Store) -> None:
    future = Event("s-1", 2, 0, 0, 0, 0, "telepathy", {"thought": [1]}, VERSION + 1)
    await store.append([opening(), future, said(3)])
    assert (await stored(store))[1] == future
    assert (await state_of(store, "s-1")).skipped.future == 1


async def test_a_damaged_snapshot_is_not_used(store: Store) -> None:
    await store.append([opening(), said(2)])
    await store.put_snapshot("s-1", fold(START, [opening()]))
    if isinstance(store, SqliteStore):
        store.connection.execute("UPDATE snapshots SET state = substr(state, 1, 20)")
    elif isinstance(store, RedisStore):
        await store._redis.set("visavis:journal:snapshot:s-1", "{")
    assert await store.snapshot("s-1") is None
    assert (await state_of(store, "s-1")).seq == 2


async def test_another_process_finds_what_was_kept(store: Store, settings: Settings) -> None:
    await store.append([opening(), said(2)])
    other = open_store(settings)
    assert await stored(other) == [opening(), said(2)]
    await other.forget("s-1")
    await store.append([said(3)])
    assert await stored(store) == []
    await other.aclose()


@pytest.mark.parametrize("session", ["../../etc/passwd", "", "a/b", ".", "s" * 500])
async def test_a_strange_session_id_finds_nothing(store: Store, session: str) -> None:
    assert await store.read(session) == []
    assert not await store.forget(session)
