"""The same page through a real livekit-server: one worker process, a room for each visitor."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import Visitor
from tests.e2e.steps import ANSWER_MS, begin, interrupt_by_voice, lines, loudest, nod, talkative
from tests.fixtures.speech import Speaker

pytestmark = [pytest.mark.browser, pytest.mark.models, pytest.mark.livekit]


def test_a_spoken_question_in_a_room(rooms: str, visitor: Visitor, speaker: Speaker) -> None:
    page = visitor.open(f"{rooms}/?lang=en", speaker.file("What is the capital of France?", before=4.0))
    begin(page)
    expect(page.get_by_test_id("connection")).to_have_attribute("data-door", "livekit")
    level = loudest(page)
    expect(page.locator(lines(page, "user")).first).to_have_text(re.compile("capital of France", re.I), timeout=ANSWER_MS)
    expect(page.locator(lines(page, "agent")).last).to_have_text(re.compile("Paris"), timeout=ANSWER_MS)
    assert level > 0.02
    assert page.get_by_test_id("error").is_hidden()


def test_two_rooms_in_one_worker_do_not_hear_each_other(rooms: str, visitor: Visitor) -> None:
    ann = visitor.open(f"{rooms}/?lang=en")
    bob = visitor.open(f"{rooms}/?lang=zh", locale="zh-CN")
    for page in (ann, bob):
        begin(page)
    for page, question in ((ann, "What is the capital of Italy?"), (bob, "一个星期有几天？")):
        page.get_by_test_id("text-input").fill(question)
        page.get_by_test_id("send").click()
    expect(ann.locator(lines(ann, "agent")).last).to_have_text(re.compile("Rome"), timeout=ANSWER_MS)
    expect(bob.locator(lines(bob, "agent")).last).to_have_text(re.compile("七|7"), timeout=ANSWER_MS)
    for page, foreign in ((ann, "星期"), (bob, "Italy|Rome")):
        assert not re.search(foreign, page.locator("body").inner_text())
        expect(page.locator(lines(page, "user"))).to_have_count(1)


def test_an_interruption_in_a_room_is_silence_and_a_nod_is_not_one(rooms: str, visitor: Visitor, speaker: Speaker) -> None:
    page = talkative(visitor, f"{rooms}/?door=livekit&lang=en")
    interrupt_by_voice(page, speaker.say("Stop, please wait a moment."))
    nod(page, speaker.say("Uh-huh."))
