"""Ten minutes of talk on the page, by script, in each language: nothing breaks off, nobody is cut in on, and memory stays flat."""

from __future__ import annotations

import re
import sys
import time
import urllib.request
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path

import psutil
import pytest
from playwright.sync_api import Error as PlaywrightError
from playwright.sync_api import expect

from agent.protocol.messages import Language
from bench.questions import QUESTIONS
from infra.ports import free_tcp_port
from tests.e2e.conftest import READY_SECONDS, Visitor
from tests.e2e.steps import ANSWER_MS, say, talkative
from tests.fixtures.program import Program
from tests.fixtures.speech import Speaker

pytestmark = [pytest.mark.soak, pytest.mark.browser, pytest.mark.models]

MINUTES = 10
SETTLED_MINUTES = 3
"""Until then caches fill: the model's, the voice's, Chromium's."""
GROWTH = 1.04
"""Memory at the end, over that when things had settled."""
MOST_SILENCE = 0.02
"""Seconds of silence within the answers, an answer: the voice was late. Chromium, which draws the face without a GPU, wants the same cores."""


@pytest.fixture
def alone(models: None, tmp_path: Path) -> Iterator[tuple[str, Program]]:
    """A program of its own, and its address."""
    port = free_tcp_port()
    with Program([sys.executable, "-m", "agent.cli", "demo"], {"VISAVIS_HOME": str(tmp_path), "PORT": str(port)}) as program:
        program.wait_for("Ready: ", READY_SECONDS)
        yield f"http://127.0.0.1:{port}", program
        assert program.stop() == 0, "\n".join(program.lines[-30:])


def _megabytes(pid: int) -> float:
    root = psutil.Process(pid)
    return sum(process.memory_info().rss for process in (root, *root.children(recursive=True))) / 1e6


def _metric(url: str, name: str) -> float:
    with urllib.request.urlopen(f"{url}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    found = re.search(rf"^{name} (\S+)$", text, re.MULTILINE)
    assert found is not None, name
    return float(found[1])


@pytest.mark.timeout(MINUTES * 60 + READY_SECONDS + 120)
@pytest.mark.parametrize("language", ["en", "zh"])
def test_ten_minutes_of_talk(alone: tuple[str, Program], visitor: Visitor, speaker: Speaker, language: Language) -> None:
    url, program = alone
    page = talkative(visitor, f"{url}/?lang={language}")
    started, settled, turns, split = time.monotonic(), 0.0, 0, []
    answers_heard = 0
    for question in cycle(QUESTIONS[language]):
        if time.monotonic() - started > MINUTES * 60:
            break
        expect(page.get_by_test_id("state")).to_have_text("listening", timeout=ANSWER_MS)
        before = page.evaluate("performance.timeOrigin + performance.now()")
        say(page, speaker.say(question))
        try:
            page.wait_for_function(
                "since => window.visavis.log.some(e => e.at >= since && e.message.type === 'generation_end')", arg=before, timeout=ANSWER_MS
            )
        except PlaywrightError as error:
            log = page.evaluate(
                "since => window.visavis.log.filter(e => e.at >= since).map(e => [e.message.type, JSON.stringify(e.message.d)])", before
            )
            told = "\n".join([*map(str, log), *program.lines[-20:]])
            raise AssertionError(f"turn {turns}, {question}: no answer was heard to its end\n{told}") from error
        turns += 1
        kinds: list[str] = page.evaluate("since => window.visavis.log.filter(e => e.at >= since).map(e => e.message.type)", before)
        answers_heard += kinds.count("generation_end")
        if kinds.count("asr_final") != 1 or "interrupt" in kinds or "error" in kinds:
            split.append(question)
        if not settled and time.monotonic() - started > SETTLED_MINUTES * 60:
            settled = _megabytes(program.pid)
    grown = _megabytes(program.pid) / settled
    late = _metric(url, "visavis_late_voice_seconds_total")
    print(
        f"\n{language}: {turns} turns, {answers_heard} answers; {late:.2f} s of silence within them; cut in on: {split}; memory × {grown:.3f}"
    )
    print("\n".join(line for line in program.lines if "silence within" in line))
    assert turns > MINUTES * 3
    assert split == []
    assert late <= MOST_SILENCE * turns
    assert grown <= GROWTH
