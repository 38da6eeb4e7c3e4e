"""The main job: a person opens the page, talks, is understood, and hears an answer that fits."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import Visitor
from tests.e2e.steps import ANSWER_MS, begin, lines, loudest, times
from tests.fixtures.speech import Speaker

pytestmark = [pytest.mark.browser, pytest.mark.models]


@pytest.mark.parametrize("door", ["auto", "ws"])
def test_a_spoken_question_in_english(demo: str, visitor: Visitor, speaker: Speaker, door: str) -> None:
    page = visitor.open(f"{demo}/?door={door}&lang=en", speaker.file("What is the capital of France?", before=3.0))
    begin(page)
    expect(page.get_by_test_id("connection")).to_have_attribute("data-door", "peer" if door == "auto" else "ws")
    level = loudest(page)
    expect(page.locator(lines(page, "user")).first).to_have_text(re.compile("capital of France", re.I), timeout=ANSWER_MS)
    expect(page.locator(lines(page, "agent")).last).to_have_text(re.compile("Paris"), timeout=ANSWER_MS)
    assert level > 0.02
    assert page.evaluate("typeof window.visavis.heardMedia()") == "number"
    told = times(page)
    assert set(told) >= {"silence", "transcript", "first_token", "first_sound", "commit", "out", "heard"}
    assert 0 < told["commit"] <= told["out"] <= told["heard"] < told["out"] + 1_000
    assert page.get_by_test_id("error").is_hidden()


def test_a_spoken_question_in_chinese(demo: str, visitor: Visitor, speaker: Speaker) -> None:
    page = visitor.open(f"{demo}/?lang=zh", speaker.file("一个星期有几天？", before=3.0), locale="zh-CN")
    begin(page)
    level = loudest(page)
    expect(page.locator(lines(page, "user")).first).to_have_text(re.compile("星期"), timeout=ANSWER_MS)
    expect(page.locator(lines(page, "agent")).last).to_have_text(re.compile("七|7"), timeout=ANSWER_MS)
    assert level > 0.02


def test_writing_and_interrupting(demo: str, visitor: Visitor) -> None:
    page = visitor.open(f"{demo}/?lang=en&door=ws")
    begin(page)
    page.get_by_test_id("text-input").fill("Please tell me a long story about the sea.")
    page.get_by_test_id("send").click()
    expect(page.get_by_test_id("state")).to_have_text("speaking", timeout=ANSWER_MS)
    page.get_by_test_id("interrupt").click()
    expect(page.get_by_test_id("state")).not_to_have_text("speaking", timeout=2_000)
    page.get_by_test_id("text-input").fill("What is the capital of Italy?")
    page.get_by_test_id("send").click()
    expect(page.locator(lines(page, "agent")).last).to_have_text(re.compile("Rome"), timeout=ANSWER_MS)
    log = page.evaluate("window.visavis.log.map(entry => [entry.message.type, entry.message.gen])")
    cut = next(i for i, (kind, _) in enumerate(log) if kind == "interrupt")
    assert all(gen >= log[cut][1] for _, gen in log[cut:])


def test_without_a_microphone_one_can_write(demo: str, visitor: Visitor) -> None:
    page = visitor.open("about:blank")
    page.context.clear_permissions()
    page.add_init_script("navigator.mediaDevices.getUserMedia = async () => { throw new DOMException('no', 'NotAllowedError'); }")
    page.goto(f"{demo}/?lang=en&door=ws")
    begin(page)
    expect(page.get_by_test_id("error")).to_contain_text(re.compile("microphone", re.I), timeout=10_000)
    page.get_by_test_id("text-input").fill("Say hello.")
    page.get_by_test_id("send").click()
    expect(page.locator(lines(page, "agent")).last).to_be_visible(timeout=ANSWER_MS)


def test_with_udp_blocked_the_page_talks_by_websocket(demo: str, visitor: Visitor, speaker: Speaker) -> None:
    page = visitor.open(
        f"{demo}/?lang=en",
        speaker.file("What is the capital of Italy?", before=9.0),
        "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
        "--webrtc-ip-handling-policy=disable_non_proxied_udp",
    )
    begin(page)
    expect(page.get_by_test_id("connection")).to_have_attribute("data-door", "ws")
    expect(page.locator(lines(page, "agent")).last).to_have_text(re.compile("Rome"), timeout=ANSWER_MS)


def test_the_page_asks_nobody_else_and_breaks_no_policy(demo: str, visitor: Visitor) -> None:
    page = visitor.open("about:blank")
    asked: list[str] = []
    complaints: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.goto(f"{demo}/?lang=en")
    begin(page)
    page.get_by_test_id("text-input").fill("Hello.")
    page.get_by_test_id("send").click()
    expect(page.get_by_test_id("state")).to_have_text("speaking", timeout=ANSWER_MS)
    assert asked
    assert {url for url in asked if not url.startswith((demo, demo.replace("http", "ws"), "data:", "blob:"))} == set()
    assert complaints == []


def test_the_reference_of_http_asks_nobody_else(demo: str, visitor: Visitor) -> None:
    page = visitor.open("about:blank")
    asked: list[str] = []
    complaints: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: complaints.append(message.text))
    page.goto(f"{demo}/docs")
    expect(page.get_by_role("heading", name="POST /api/rtc/offer")).to_be_visible()
    assert page.evaluate("getComputedStyle(document.body).maxWidth") != "none"  # its style holds under its policy
    assert {url for url in asked if not url.startswith(demo)} == set()
    assert complaints == []


@pytest.mark.parametrize(("name", "width", "height", "lang"), [("desktop", 1440, 900, "en"), ("phone", 360, 640, "zh")])
def test_it_looks_right(demo: str, visitor: Visitor, tmp_path: Path, name: str, width: int, height: int, lang: str) -> None:
    page = visitor.open(f"{demo}/?lang={lang}&door=ws", width=width, height=height, locale="zh-CN" if lang == "zh" else "en")
    begin(page)
    page.get_by_test_id("text-input").fill("你好，你是谁？" if lang == "zh" else "Hello, who are you?")
    page.get_by_test_id("send").click()
    expect(page.locator(lines(page, "agent")).last).to_be_visible(timeout=ANSWER_MS)
    page.screenshot(path=tmp_path / f"{name}.png")
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    for control in ("text-input", "send", "mute", "language"):
        box = page.get_by_test_id(control).bounding_box()
        assert box is not None, control
        assert box["x"] >= 0, control
        assert box["x"] + box["width"] <= width, control
        assert box["y"] + box["height"] <= height, control
    face = page.get_by_test_id("face").bounding_box()
    assert face is not None
    assert face["height"] > height * 0.2
    assert page.get_by_test_id("face").get_attribute("data-viseme") is not None
