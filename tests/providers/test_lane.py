"""Lanes with real threads: what blocks is an event, never a sleep."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.providers.local.lane import Cancel, Cancelled, Lane, LaneClosed, LaneFull, Priority


@pytest.fixture
async def lane() -> AsyncIterator[Lane]:
    lane = Lane("test engine", depth=4, share=3)
    yield lane
    await lane.aclose()


class Gate:
    """A job that holds the lane until it is let go."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self.go = threading.Event()

    def __call__(self, cancel: Cancel) -> str:
        self.entered.set()
        assert self.go.wait(10)
        cancel.check()
        return "gate"


async def _hold(lane: Lane) -> tuple[Gate, asyncio.Task[str]]:
    gate = Gate()
    task = asyncio.create_task(lane.run(gate, key="holder"))
    await asyncio.to_thread(gate.entered.wait, 10)
    return gate, task


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - the lane has no event for "queued"
            await asyncio.sleep(0)


async def test_runs_on_a_thread_of_its_own_and_returns(lane: Lane) -> None:
    names = await asyncio.gather(*(lane.run(lambda _: threading.current_thread().name) for _ in range(3)))
    assert set(names) == {"visavis-test engine"}
    assert lane.stats.done == 3
    assert not lane.busy


async def test_an_error_reaches_its_caller_and_nobody_else(lane: Lane) -> None:
    def fail(_: Cancel) -> None:
        raise ValueError("no such phoneme")

    with pytest.raises(ValueError, match="no such phoneme"):
        await lane.run(fail)
    assert await lane.run(lambda _: 7) == 7
    assert lane.stats.failed == 1


async def test_finals_go_before_partials_and_sessions_take_turns(lane: Lane) -> None:
    gate, holding = await _hold(lane)
    order: list[str] = []
    plan = [("a1", "a", Priority.PARTIAL), ("a2", "a", Priority.PARTIAL), ("b1", "b", Priority.PARTIAL), ("c1", "c", Priority.FINAL)]
    tasks = [
        asyncio.create_task(lane.run(lambda _, name=name: order.append(name), key=key, priority=priority)) for name, key, priority in plan
    ]
    await _until(lambda: lane.waiting == 4)
    gate.go.set()
    await asyncio.gather(holding, *tasks)
    assert order == ["c1", "a1", "b1", "a2"]


async def test_a_full_lane_refuses_at_once(lane: Lane) -> None:
    gate, holding = await _hold(lane)
    tasks = [asyncio.create_task(lane.run(lambda _: 1, key=key)) for key in "abcd"]
    await _until(lambda: lane.waiting == 4)
    with pytest.raises(LaneFull, match="test engine is overloaded: 4 requests are waiting"):
        await lane.run(lambda _: 1, key="e")
    gate.go.set()
    assert await asyncio.gather(*tasks) == [1] * 4
    await holding
    assert lane.stats.refused == 1


async def test_cancelling_a_waiting_job_removes_it(lane: Lane) -> None:
    gate, holding = await _hold(lane)
    ran: list[int] = []
    waiting = asyncio.create_task(lane.run(lambda _: ran.append(1), key="a"))
    await _until(lambda: lane.waiting == 1)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert lane.waiting == 0
    gate.go.set()
    await holding
    assert await lane.run(lambda _: "next") == "next"
    assert not ran


async def test_cancelling_a_running_job_stops_it_between_steps(lane: Lane) -> None:
    stepping, stopped = threading.Event(), threading.Event()

    def steps(cancel: Cancel) -> None:
        try:
            while True:
                stepping.set()
                cancel.check()
        except Cancelled:
            stopped.set()
            raise

    task = asyncio.create_task(lane.run(steps))
    await asyncio.to_thread(stepping.wait, 10)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await asyncio.to_thread(stopped.wait, 10)
    assert await lane.run(lambda _: "free again") == "free again"
    assert lane.stats.cancelled == 1


async def test_closing_fails_what_waits_and_stops_what_runs() -> None:
    lane = Lane("closing")
    gate, holding = await _hold(lane)
    waiting = asyncio.create_task(lane.run(lambda _: 1, key="a"))
    await _until(lambda: lane.waiting == 1)
    closing = asyncio.create_task(lane.aclose())
    with pytest.raises(LaneClosed, match="closing has been shut down"):
        await waiting
    gate.go.set()
    await closing
    with pytest.raises(LaneClosed):
        await holding
    with pytest.raises(LaneClosed):
        await lane.run(lambda _: 1)


async def test_the_event_loop_goes_on_while_the_lane_works(lane: Lane) -> None:
    gate, holding = await _hold(lane)
    turns = 0
    while turns < 100:
        await asyncio.sleep(0)
        turns += 1
    assert not holding.done()
    gate.go.set()
    assert await holding == "gate"


def test_a_result_for_an_ended_event_loop_is_dropped() -> None:
    lane = Lane("orphan")
    gate = Gate()

    async def leave() -> None:
        task = asyncio.create_task(lane.run(gate))
        await asyncio.to_thread(gate.entered.wait, 10)
        task.cancel()

    asyncio.run(leave())
    gate.go.set()

    async def later() -> int:
        try:
            return await lane.run(lambda _: 5)
        finally:
            await lane.aclose()

    assert asyncio.run(later()) == 5


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.sampled_from(list(Priority)), st.booleans()),
        min_size=1,
        max_size=30,
    )
)
def test_each_job_ends_exactly_one_way(jobs: list[tuple[str, Priority, bool]]) -> None:
    async def history() -> None:
        lane = Lane("history", depth=12, share=6)
        ran: list[int] = []
        try:
            tasks = []
            for number, (key, priority, cancelled) in enumerate(jobs):
                task = asyncio.create_task(lane.run(lambda _, n=number: ran.append(n) or n, key=key, priority=priority))
                tasks.append((task, cancelled))
                await asyncio.sleep(0)
                if cancelled:
                    task.cancel()
            results = await asyncio.gather(*(task for task, _ in tasks), return_exceptions=True)
        finally:
            await lane.aclose()
        for number, ((_, cancelled), result) in enumerate(zip(tasks, results, strict=True)):
            assert result == number or isinstance(result, LaneFull) or (cancelled and isinstance(result, asyncio.CancelledError))
            assert ran.count(number) <= 1
            if result == number:
                assert number in ran
        stats = lane.stats
        assert stats.done + stats.failed + stats.cancelled + stats.refused == len(jobs)

    asyncio.run(history())
