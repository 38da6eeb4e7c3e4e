"""Places for conversations: limited, waited for, given back."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from agent.config import Config, Limits
from agent.conversation.host import Busy, ConversationHost, NotReady, UnknownPersona
from bench.instant import InstantEngines
from tests.conversation.client import begin


async def test_places_are_limited_and_given_back(host: ConversationHost, engines: InstantEngines) -> None:
    open_ = [await begin(host) for _ in range(3)]
    assert (host.count, host.capacity) == (3, 3)
    with pytest.raises(Busy):
        await begin(host)
    await open_[0][0].aclose("test")
    await open_[0][0].aclose("twice")
    assert open_[0][1].closed == 1
    await begin(host)
    engines.ready = False
    with pytest.raises(NotReady):
        host.reserve()
    engines.ready = True
    await open_[1][0].aclose("test")
    with pytest.raises(UnknownPersona, match="nobody"):
        await begin(host, persona="nobody")
    assert host.count == 2


async def waiting_host(engines: InstantEngines, seconds: float) -> ConversationHost:
    return ConversationHost(Config(limits=Limits(sessions=1, queue_seconds=seconds)), engines)


async def test_who_waits_for_a_place_gets_it_in_the_order_of_arrival(engines: InstantEngines) -> None:
    host = await waiting_host(engines, 60)
    place = await host.admit()
    order: list[int] = []

    async def visit(number: int) -> None:
        mine = await host.admit()
        order.append(number)
        assert host.count == 1
        mine.release()

    visits = []
    for number in range(4):
        visits.append(asyncio.create_task(visit(number)))
        await asyncio.sleep(0)
    visits[1].cancel()
    await asyncio.sleep(0)
    place.release()
    await asyncio.gather(*visits, return_exceptions=True)
    assert order == [0, 2, 3]
    assert host.count == 0


async def test_a_wait_ends_and_a_place_that_comes_too_late_is_not_lost(engines: InstantEngines) -> None:
    host = await waiting_host(engines, 0.05)
    place = await host.admit()
    with pytest.raises(Busy):
        await host.admit()
    late = asyncio.create_task(host.admit())
    await asyncio.sleep(0)
    place.release()
    late.cancel()  # at the moment at which the place is granted
    with pytest.raises(asyncio.CancelledError):
        await late
    assert host.count == 0
    (await host.admit()).release()


async def test_a_place_that_is_kept_for_who_was_cut_off_goes_to_who_needs_it(engines: InstantEngines) -> None:
    host = await waiting_host(engines, 60)
    place = await host.admit()
    host.deserted(place.release)
    host.rejoined(place.release)
    waiting = asyncio.create_task(host.admit())
    await asyncio.sleep(0)
    assert not waiting.done(), "it is in use again"
    waiting.cancel()
    host.deserted(place.release)
    (await host.admit()).release()
    assert host.count == 0


async def test_that_all_places_are_taken_is_said_in_both_languages(host: ConversationHost) -> None:
    english, chinese = await host.say_busy("auto"), await host.say_busy("zh")
    assert np.abs(english).max() > 0
    assert np.abs(chinese).max() > 0
    assert await host.say_busy("en") is english
