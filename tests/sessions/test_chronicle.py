"""A session that begins, is left, comes back, is adopted, is taken away: its events, its secrets, and what is folded from it. Over both stores."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

import pytest

from agent.config import Journal as Settings
from agent.sessions import chronicle as chronicle_module
from agent.sessions import standing as standing_module
from agent.sessions import store as store_module
from agent.sessions.chronicle import Chronicle, Chronicler, Returned
from agent.sessions.events import Event
from agent.sessions.holding import Taken
from agent.sessions.secrets import ResumeRefused
from agent.sessions.snapshots import EVERY
from agent.sessions.standing import Standing
from agent.sessions.store import StoreError, standing_of
from agent.sessions.stores import open_store
from agent.sessions.tenure import Terms
from agent.widget.events import Answered, Came, Interaction, PageState, Replied
from agent.widget.records import write
from agent.widget.snapshot import Snapshot
from agent.widget.state import Stage
from tests.sessions.conftest import MakeServer
from tests.sessions.test_journal import kept, until
from tests.sessions.test_ownership import stalled

TERMS = Terms(length_ms=450, beat_ms=100, margin_ms=100)
ABOUT = {"org": "museum", "user": "ann", "persona": "default", "version": "0.1.0", "language": "en"}
Make = Callable[..., Chronicler]


@pytest.fixture
async def process_of() -> AsyncIterator[Make]:
    """Makes processes over a store."""
    async with AsyncExitStack() as stack:

        def made(settings: Settings) -> Chronicler:
            chronicler = Chronicler(settings, terms=TERMS)
            chronicler.start()
            stack.push_async_callback(chronicler.aclose)
            return chronicler

        yield made


@pytest.fixture
def make(settings: Settings, process_of: Make) -> Make:
    """The same, for each of the stores."""
    return partial(process_of, settings)


def writes(chronicle: Chronicle, *texts: str) -> None:
    for text in texts:
        chronicle.write("asr_final", {"id": "u1", "text": text}, t=960, gen=1)


async def committed(chronicle: Chronicle, text: str) -> bool:
    future = chronicle.commit("asr_final", {"id": "u1", "text": text}, t=960, gen=1)
    assert future is not None
    return await asyncio.wait_for(future, 20)


async def begun(chronicler: Chronicler, session: str = "s-1", *, adoptable: bool = False) -> Chronicle:
    chronicle = await chronicler.begin(session, adoptable=adoptable)
    chronicle.write("session", ABOUT, t=0, gen=0)
    return chronicle


def texts(returned: Returned) -> list[str]:
    return [item.text for item in returned.state.items]


async def test_a_session_goes_on_where_it_was_left(make: Make, settings: Settings) -> None:
    one, two = make(), make()
    chronicle = await begun(one)
    writes(chronicle, *(f"第{n}句" for n in range(40)))
    chronicle.round = 3
    writes(chronicle, "the last")
    await chronicle.release(over=False)
    writes(chronicle, "too late")
    returned = await two.reopen("s-1")
    assert texts(returned)[-2:] == ["第39句", "the last"]
    assert (returned.state.user, returned.state.seq, returned.state.ended, returned.chronicle.round) == ("ann", 42, None, 3)
    assert await committed(returned.chronicle, "and on")
    events = await kept(settings)
    assert [event.seq for event in events] == list(range(1, 44)), "no number twice, and none left out"
    assert [event.round for event in events[-3:]] == [0, 3, 3]


async def test_its_rounds_come_back_too(make: Make) -> None:
    one = make()
    chronicle = await begun(one)
    page = Snapshot(4, bytes(range(256)) * 40)
    for event in (Came(keeps_page=True), Interaction("speech", "why?"), Answered(1, 7), Replied(1, "step 2"), PageState(1, page)):
        record = write(event)
        assert record is not None
        chronicle.write(*record, t=0, gen=0)
    chronicle.write(*_record(Interaction("speech", "and then?")), t=0, gen=0)
    chronicle.write("llm_delta", {"answer": 8, "text": "Then ", "whole": False}, t=0, gen=1)
    await chronicle.release(over=False)
    rounds = (await make().reopen("s-1")).rounds
    assert (rounds.counter, rounds.step, rounds.current.stage) == (2, "step 2", Stage.UPSTREAM)
    assert rounds.current.snapshot == page
    assert rounds.drafts[0][1].text == "Then "


def _record(event: Came | Interaction) -> tuple[str, dict[str, object]]:
    record = write(event)
    assert record is not None
    return record


async def test_a_snapshot_holds_both_and_goes_on_after_a_return(make: Make, settings: Settings) -> None:
    one, two = make(), make()
    chronicle = await begun(one)
    chronicle.write(*_record(Came(keeps_page=False)), t=0, gen=0)
    chronicle.write(*_record(Interaction("speech", "why?")), t=0, gen=0)
    writes(chronicle, *("x" * (n % 7) for n in range(EVERY)))
    await chronicle.release(over=False)
    returned = await two.reopen("s-1")
    writes(returned.chronicle, *("y" * (n % 7) for n in range(EVERY)))
    await returned.chronicle.release(over=False)
    store = open_store(settings)

    async def newest() -> bool:
        snapshot = await store.snapshot("s-1")
        return snapshot is not None and snapshot.state.seq >= 2 * EVERY

    await until(newest)
    whole = await standing_of(store, "s-1")
    assert (whole.state.seq, whole.rounds.counter, whole.state.skipped.missing) == (2 * EVERY + 3, 1, 0)
    await store.aclose()


async def test_who_owns_it_no_more_writes_nothing_and_is_told(make: Make, settings: Settings) -> None:
    one, two = make(), make()
    chronicle = await begun(one, adoptable=True)
    assert await committed(chronicle, "mine")
    told: list[str] = []
    chronicle.on_lost = lambda: told.append("lost")
    assert one._ownership is not None
    with stalled(one._ownership):
        returned = await two.reopen("s-1", adoptable=True)
        assert not chronicle.may_act()
        late = chronicle.commit("asr_final", {"id": "u1", "text": "late"}, t=0, gen=0)
        writes(chronicle, "later")
        assert await committed(returned.chronicle, "the newer one's")
    assert late is not None
    assert await asyncio.wait_for(late, 20) is False
    await until(lambda: told)
    writes(chronicle, "never")
    assert await committed(chronicle, "never") is False
    assert await chronicle.ticket("ann") is None
    await chronicle.release(over=True)
    assert told == ["lost"]
    assert [event.d.get("text") for event in await kept(settings)] == [None, "mine", "the newer one's"]
    assert returned.chronicle.may_act()
    assert await returned.chronicle.ticket("ann") is not None


async def test_what_was_written_in_a_stall_counts_if_nobody_came_in_between(make: Make, settings: Settings) -> None:
    one = make()
    chronicle = await begun(one, adoptable=True)
    assert await committed(chronicle, "before")
    assert one._ownership is not None
    with stalled(one._ownership):
        await until(lambda: not chronicle.may_act())
        writes(chronicle, "meanwhile")
        await asyncio.sleep(TERMS.margin_ms / 1_000)
    await until(chronicle.may_act)
    assert await committed(chronicle, "after")
    assert [event.d.get("text") for event in await kept(settings)] == [None, "before", "meanwhile", "after"]


async def test_a_client_comes_back_with_its_secret(make: Make) -> None:
    one, two = make(), make()
    chronicle = await begun(one)
    first = await chronicle.ticket("ann")
    second = await chronicle.ticket("ann")
    assert first is not None
    assert second is not None
    assert (first.number, second.number, first.ttl_ms) == (1, 2, 600_000)
    assert first.secret not in repr(first)
    for session, user, secret in (("s-1", "bob", first.secret), ("s-2", "ann", first.secret), ("s-1", "ann", "guess")):
        with pytest.raises(ResumeRefused) as refused:
            await two.claim(session, user, secret)
        assert refused.value.why == "wrong"
    third = await two.claim("s-1", "ann", first.secret)
    with pytest.raises(ResumeRefused) as refused:
        await one.claim("s-1", "ann", first.secret)
    assert refused.value.why == "taken"
    chronicle.confirm(third.number)

    async def outdated() -> bool:
        with pytest.raises(ResumeRefused) as error:
            await one.claim("s-1", "ann", first.secret)
        return error.value.why == "outdated"

    await until(outdated)


async def test_of_many_who_come_back_at_once_one_wins(make: Make) -> None:
    processes = [make(), make(), make()]
    chronicle = await begun(processes[0])
    ticket = await chronicle.ticket("ann")
    assert ticket is not None
    came = await asyncio.gather(*(p.claim("s-1", "ann", ticket.secret) for p in processes * 3), return_exceptions=True)
    assert sum(not isinstance(outcome, BaseException) for outcome in came) == 1
    assert {outcome.why for outcome in came if isinstance(outcome, ResumeRefused)} == {"taken"}


async def test_a_session_that_is_over_stays_over(make: Make) -> None:
    one = make()
    chronicle = await begun(one, adoptable=True)
    ticket = await chronicle.ticket("ann")
    assert ticket is not None
    chronicle.write("session_end", {"reason": "bye"}, t=0, gen=0)
    await chronicle.release(over=True)
    await chronicle.release(over=True)
    assert not chronicle.may_act()
    with pytest.raises(ResumeRefused) as refused:
        await one.claim("s-1", "ann", ticket.secret)
    assert refused.value.why == "wrong"
    assert await one.orphans() == []


async def test_a_session_whose_client_was_cut_off_is_not_over(make: Make) -> None:
    one, two = make(), make()
    chronicle = await begun(one)
    ticket = await chronicle.ticket("ann")
    assert ticket is not None
    await chronicle.release(over=False)
    fresh = await two.claim("s-1", "ann", ticket.secret)
    returned = await two.reopen("s-1")
    assert returned.chronicle.may_act()
    assert fresh.secret != ticket.secret
    with pytest.raises(Taken):
        await one.reopen("s-1")


async def test_an_orphan_is_adopted_by_one(make: Make) -> None:
    one, two, three = make(), make(), make()
    chronicle = await begun(one, adoptable=True)
    writes(chronicle, "hello")
    await chronicle.release(over=False, orphan=True)
    assert await two.orphans() == ["s-1"]
    got = await asyncio.gather(two.adopt("s-1"), three.adopt("s-1"), return_exceptions=True)
    (returned,) = [each for each in got if isinstance(each, Returned)]
    (taken,) = [each for each in got if isinstance(each, Taken)]
    assert taken.retry_ms > 0
    assert texts(returned) == ["hello"]
    assert await three.orphans() == []


async def test_a_session_that_nobody_knows_begins_anew(make: Make) -> None:
    returned = await make().reopen("s-unknown")
    assert (returned.state.seq, returned.chronicle.may_act()) == (0, True)


async def test_a_session_that_is_forgotten_while_it_goes_on_goes_on_unwritten(make: Make, settings: Settings) -> None:
    chronicle = await begun(make(), adoptable=True)
    ticket = await chronicle.ticket("ann")
    assert await committed(chronicle, "before")
    store = open_store(settings)
    await store.forget("s-1")
    assert await committed(chronicle, "after"), "it is thrown away, and nobody has taken the session"
    await asyncio.sleep(2 * TERMS.length_ms / 1_000)
    await until(chronicle.may_act)
    assert await kept(settings) == []
    assert ticket is not None
    assert await chronicle.ticket("ann") is None
    await store.aclose()


async def test_the_event_loop_is_not_held_up_by_a_return(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    chronicle = await begun(make())
    writes(chronicle, "hello")
    await chronicle.release(over=False)
    folding, turned = threading.Event(), threading.Event()

    def fold(standing: Standing, events: list[Event]) -> Standing:
        folding.set()
        assert turned.wait(20), "the event loop waits for it"
        return standing_module.fold(standing, events)

    monkeypatch.setattr(store_module, "fold", fold)
    returning = asyncio.create_task(make().reopen("s-1"))
    assert await asyncio.to_thread(folding.wait, 20)
    turned.set()
    assert texts(await returning) == ["hello"]


async def test_without_a_journal_there_is_nothing_to_come_back_to() -> None:
    chronicler = Chronicler(Settings(content="off"))
    chronicler.start()
    chronicle = await chronicler.begin("s-1", adoptable=True)
    writes(chronicle, "nothing")
    assert chronicle.may_act()
    assert chronicle.commit("asr_final", {}, t=0, gen=0) is None
    assert await chronicle.ticket("ann") is None
    chronicle.confirm(1)
    await chronicle.release(over=True)
    assert chronicle.may_act()
    with pytest.raises(ResumeRefused) as refused:
        await chronicler.claim("s-1", "ann", "x")
    assert refused.value.why == "wrong"
    with pytest.raises(StoreError):
        await chronicler.reopen("s-1")
    assert await chronicler.orphans() == []
    await chronicler.aclose()


async def test_a_session_that_is_not_owned_writes_as_before(make: Make, settings: Settings) -> None:
    chronicle = make().open("s-1")
    chronicle.write("session", ABOUT, t=0, gen=0)
    assert await committed(chronicle, "hello")
    assert chronicle.may_act()
    assert await chronicle.ticket("ann") is None
    await chronicle.release(over=True)
    assert len(await kept(settings)) == 2


async def test_redis_that_is_away_costs_no_event_and_no_session(make_redis: MakeServer, process_of: Make, tmp_path: Path) -> None:
    redis = make_redis()
    settings = Settings(url=redis.url, archive=tmp_path)
    one = process_of(settings)
    chronicle = await begun(one)
    assert await committed(chronicle, "before")
    redis.stop()
    writes(chronicle, *(f"{n}" for n in range(300)))
    await until(lambda: one.problems())
    late = await one.begin("s-2")
    late.write("session", ABOUT, t=0, gen=0)
    assert late.may_act()
    assert chronicle.may_act()
    assert await chronicle.ticket("ann") is None
    with pytest.raises(StoreError):
        await one.claim("s-1", "ann", "x")
    redis.start()
    await until(lambda: not one.problems())
    assert await committed(chronicle, "after")
    assert await committed(late, "hello")
    assert [event.seq for event in await kept(settings)] == list(range(1, 304))
    assert [event.seq for event in await kept(settings, "s-2")] == [1, 2]
    await until(lambda: late._owner is not None and late._owner.token)
    assert await late.ticket("ann") is not None


async def test_redis_that_is_emptied_takes_what_follows(make_redis: MakeServer, process_of: Make, tmp_path: Path) -> None:
    settings = Settings(url=make_redis().url, archive=tmp_path)
    chronicle = await begun(process_of(settings), adoptable=True)
    assert await committed(chronicle, "gone")
    store = open_store(settings)
    await store._redis.flushall()  # type: ignore[attr-defined]
    assert await committed(chronicle, "here")
    assert [event.seq for event in await kept(settings)] == [3]
    await store.aclose()


async def test_what_cannot_be_written_in_time_does_not_hold_up_the_end(
    make_redis: MakeServer, process_of: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chronicle_module, "SETTLE_SECONDS", 0.1)
    redis = make_redis()
    settings = Settings(url=redis.url, archive=tmp_path)
    one = process_of(settings)
    chronicle = await begun(one, adoptable=True)
    assert await committed(chronicle, "before")
    redis.stop()
    writes(chronicle, "meanwhile")
    began = time.monotonic()
    await chronicle.release(over=False)
    assert time.monotonic() - began < 1
    assert not chronicle.may_act()
    redis.start()

    async def written() -> bool:
        return len(await kept(settings)) == 3

    await until(written, 20)
    returned = await process_of(settings).reopen("s-1", adoptable=True)
    assert texts(returned) == ["before", "meanwhile"]
