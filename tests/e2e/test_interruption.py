"""Talking over the digital human, on the page, by each of our own doors."""

from __future__ import annotations

import pytest

from tests.e2e.conftest import Visitor
from tests.e2e.steps import interrupt_by_voice, nod, talkative
from tests.fixtures.speech import Speaker

pytestmark = [pytest.mark.browser, pytest.mark.models]


@pytest.mark.parametrize("door", ["peer", "ws"])
def test_an_interruption_is_silence_and_a_nod_is_not_one(demo: str, visitor: Visitor, speaker: Speaker, door: str) -> None:
    page = talkative(visitor, f"{demo}/?door={door}&lang=en")
    interrupt_by_voice(page, speaker.say("Stop, please wait a moment."))
    nod(page, speaker.say("Yeah." if door == "peer" else "嗯。"))
