"""Tasks are supervised, and a blocked loop is seen."""

from __future__ import annotations

import asyncio
import time

import pytest

from agent.aio import LoopWatch, Tasks


async def test_a_failing_task_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    told: list[BaseException] = []
    failed = asyncio.Event()

    def on_error(error: BaseException) -> None:
        told.append(error)
        failed.set()

    tasks = Tasks("test", on_error)

    async def fail() -> None:
        raise ValueError("on purpose")

    tasks.start(fail(), "fail")
    await asyncio.wait_for(failed.wait(), 5)
    assert [str(e) for e in told] == ["on purpose"]
    assert "test:fail" in caplog.text
    await tasks.aclose()


async def test_what_a_person_is_told_is_not_logged_as_well(caplog: pytest.LogCaptureFixture) -> None:
    failures: asyncio.Queue[BaseException] = asyncio.Queue()
    tasks = Tasks("test", failures.put_nowait, told=(LookupError,))

    async def fail(error: Exception) -> None:
        raise error

    for error in (KeyError("told"), ValueError("logged")):
        tasks.start(fail(error), "fail")
        assert await asyncio.wait_for(failures.get(), 5) is error
    assert "told" not in caplog.text
    assert "logged" in caplog.text

    async def fail_at_the_end() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            raise KeyError("nobody is told any more")

    tasks.start(fail_at_the_end(), "fail at the end")
    await asyncio.sleep(0)
    await tasks.aclose()
    assert failures.empty()
    assert "nobody is told any more" in caplog.text


async def test_closing_ends_everything_and_refuses_more() -> None:
    tasks = Tasks("test")
    ended: list[str] = []

    async def forever(name: str) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(name)

    for name in "abc":
        tasks.start(forever(name), name)
    await asyncio.sleep(0)
    await tasks.aclose()
    assert sorted(ended) == ["a", "b", "c"]
    assert len(tasks) == 0
    with pytest.raises(RuntimeError, match="closed"):
        tasks.start(forever("d"), "d")


async def test_a_task_may_close_its_owner() -> None:
    tasks = Tasks("test")
    done = asyncio.Event()

    async def close() -> None:
        await tasks.aclose()
        done.set()

    tasks.start(close(), "close")
    await asyncio.wait_for(done.wait(), 5)


async def test_a_blocked_loop_is_counted_and_its_stack_logged(caplog: pytest.LogCaptureFixture) -> None:
    watch = LoopWatch(0.020)
    watch.start()
    try:
        await asyncio.sleep(0.05)
        before = watch.blocked
        time.sleep(0.3)  # noqa: ASYNC251 - blocking the loop is the point
        await asyncio.sleep(0.05)
    finally:
        watch.stop()
    assert watch.blocked > before
    assert watch.longest_seconds >= 0.2
    assert "test_a_blocked_loop_is_counted_and_its_stack_logged (tests/test_aio.py:" in caplog.text
    assert all("\n" not in record.getMessage() for record in caplog.records), "a line each"


async def test_with_nobody_there_the_loop_is_looked_at_seldom_and_a_long_block_is_counted_all_the_same() -> None:
    there = False
    watch = LoopWatch(0.020, somebody=lambda: there)
    loop = asyncio.get_running_loop()
    before = loop.time()
    watch.start()
    try:
        assert watch._handle is not None
        assert watch._handle.when() >= before + 0.1
        time.sleep(0.3)  # noqa: ASYNC251 - blocking the loop is the point
        await asyncio.sleep(0.01)
        assert watch.blocked
        there = True
        watch._handle.cancel()
        watch._tick(loop)
        assert watch._handle.when() <= loop.time() + 0.01
    finally:
        watch.stop()
