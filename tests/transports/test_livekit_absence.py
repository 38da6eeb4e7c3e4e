"""How long somebody is waited for, and that nobody's time runs while the agent is cut off itself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from agent.transports.livekit_absence import Absence


class Places:
    def __init__(self) -> None:
        self.kept: list[Callable[[], None]] = []

    def deserted(self, give_up: Callable[[], None]) -> None:
        self.kept.append(give_up)

    def rejoined(self, give_up: Callable[[], None]) -> None:
        if give_up in self.kept:
            self.kept.remove(give_up)


def absence(seconds: float) -> tuple[Absence, Places, asyncio.Event]:
    places, ended = Places(), asyncio.Event()
    return Absence(places, seconds, ended.set), places, ended


async def test_who_stays_away_is_given_up() -> None:
    this, places, ended = absence(0.05)
    this.begins()
    assert len(places.kept) == 1
    await asyncio.wait_for(ended.wait(), 5)
    assert (places.kept, this.ends()) == ([], False)


async def test_who_comes_back_is_not() -> None:
    this, places, ended = absence(0.05)
    assert not this.ends()
    this.begins()
    this.begins()
    assert this.ends()
    assert places.kept == []
    await asyncio.sleep(0.15)  # longer than anybody is waited for
    assert not ended.is_set()


async def test_a_place_that_somebody_else_needs_is_given_up_at_once() -> None:
    this, places, ended = absence(60)
    this.begins()
    places.kept[0]()
    assert ended.is_set()
    assert places.kept == []


async def test_no_time_runs_while_the_agent_is_cut_off() -> None:
    this, _, ended = absence(0.05)
    this.we_are_cut_off()
    this.begins()
    await asyncio.sleep(0.15)  # longer than anybody is waited for
    assert not ended.is_set()
    this.we_are_back(alone=True)
    await asyncio.wait_for(ended.wait(), 5)


async def test_who_was_not_told_to_have_gone_and_is_not_there_is_waited_for() -> None:
    this, _, ended = absence(0.05)
    this.we_are_cut_off()
    this.we_are_back(alone=False)
    await asyncio.sleep(0.15)  # longer than anybody is waited for
    assert not ended.is_set()
    this.we_are_cut_off()
    this.we_are_back(alone=True)
    await asyncio.wait_for(ended.wait(), 5)
