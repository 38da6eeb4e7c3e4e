"""The baton: who is waited for goes first, on few cores only."""

from __future__ import annotations

import asyncio

import pytest

from agent.providers.local.baton import FEW_CORES, Baton, Claim
from agent.providers.local.lane import Lane, Priority


def test_the_model_is_held_from_the_first_user_to_the_last() -> None:
    told: list[Claim] = []
    baton = Baton(cores=2)
    baton.hold = told.append
    with baton.taking():
        with baton.taking():
            assert told == [Claim.WHATEVER]
        assert baton.taken
    assert told == [Claim.WHATEVER, Claim.NOTHING]


def test_the_largest_claim_counts() -> None:
    told: list[Claim] = []
    baton = Baton(cores=2)
    baton.hold = told.append
    with baton.taking(Claim.UNLESS_CROWDED):
        with baton.taking(), baton.taking(Claim.UNLESS_CROWDED):
            pass
        assert told == [Claim.UNLESS_CROWDED, Claim.WHATEVER, Claim.UNLESS_CROWDED]
    assert told[3:] == [Claim.NOTHING]


def test_a_voice_stops_the_model_only_without_a_crowd() -> None:
    assert [claim.stops(crowded=False) for claim in Claim] == [False, True, True]
    assert [claim.stops(crowded=True) for claim in Claim] == [False, False, True]


def test_with_many_cores_nobody_waits() -> None:
    told: list[Claim] = []
    baton = Baton(cores=FEW_CORES + 1)
    baton.hold = told.append
    with baton.taking():
        pass
    assert told == []


@pytest.mark.parametrize("priority", [Priority.FINAL, Priority.BACKGROUND])
async def test_a_lane_takes_it_for_work_that_somebody_waits_for(priority: Priority) -> None:
    baton = Baton(cores=1)
    lane = Lane("test", baton=baton)
    assert await lane.run(lambda cancel: baton.taken, priority=priority) is (priority is Priority.FINAL)
    assert not baton.taken
    await lane.aclose()


async def test_it_is_given_back_when_the_caller_is_cancelled() -> None:
    baton = Baton(cores=1)
    lane = Lane("test", baton=baton)
    started = asyncio.Event()
    loop = asyncio.get_running_loop()

    def work(cancel: object) -> None:
        loop.call_soon_threadsafe(started.set)
        while not cancel.cancelled:  # type: ignore[attr-defined]
            pass

    task = asyncio.create_task(lane.run(work))
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not baton.taken
    await lane.aclose()
