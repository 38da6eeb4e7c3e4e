"""Shapes of the mouth on the page itself, against the sound that leaves its sound card. They are milliseconds: they want the machine to themselves."""

from __future__ import annotations

import pytest

from bench.skew import DOORS, PageDoor, Skew, skew_at

pytestmark = [pytest.mark.soak, pytest.mark.browser, pytest.mark.livekit]

SECONDS = 7.0
MEDIAN_MS = 12.0
MOST_MS = 25.0
"""For eight shapes in ten."""


def in_time(skew: Skew) -> bool:
    near = sorted(map(abs, skew.fires))
    return abs(skew.median) <= MEDIAN_MS and near[len(near) * 8 // 10] <= MOST_MS


@pytest.mark.timeout(180)
@pytest.mark.parametrize("door", DOORS)
async def test_the_lips_close_when_it_is_heard(door: PageDoor, card: None) -> None:
    skew, taken = await skew_at(door, SECONDS)
    assert len(skew.fires) >= 6, taken["fires"]
    assert in_time(skew), [round(ms) for ms in skew.fires]
    for moved in (-40.0, 40.0):  # the measurement would notice
        assert not in_time(Skew([ms + moved for ms in skew.fires], 0))
    assert taken["anchored"]
    closed = [at for viseme, at in taken["faces"] if viseme == "1"]
    for _, name, at in taken["fires"][:-2]:
        if name == "PP" and at > taken["from"]:  # lips that close are drawn, at the next picture
            assert any(0 <= shown - at < 100 for shown in closed), (at, taken["faces"])
