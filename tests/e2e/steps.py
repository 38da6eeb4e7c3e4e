"""What a person does on the page, and what they see and hear."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Page, expect

from agent.media.block import Pcm
from infra.browser import MICROPHONE, as_wav
from tests.e2e.conftest import Visitor
from tests.fixtures.speech import SAMPLE_RATE

ANSWER_MS = 60_000


def lines(page: Page, side: str) -> str:
    return f'[data-testid="{side}-transcript"] [data-testid="line"][data-final="true"]'


def begin(page: Page) -> None:
    start = page.get_by_test_id("start")
    expect(start).to_be_enabled(timeout=30_000)
    start.click()
    expect(page.get_by_test_id("connection")).to_have_attribute("data-status", "connected", timeout=30_000)


def times(page: Page) -> dict[str, int]:
    """Opens the view of the turns' times by its key and reads the newest turn: milliseconds by stage, as its bars tell them. Closes it again."""
    page.keyboard.press("Alt+w")
    panel = page.get_by_test_id("waterfall-panel")
    turn = panel.get_by_test_id("waterfall-turn").first
    expect(turn).to_contain_text("heard after", timeout=10_000)
    told: dict[str, int] = turn.get_by_test_id("waterfall-bar").evaluate_all(
        """bars => Object.fromEntries(bars.filter(bar => bar.getBoundingClientRect().width > 0)
            .map(bar => [bar.dataset.stage, Number(bar.title.replace(/.*: |,| ms/g, ""))]))"""
    )
    page.keyboard.press("Escape")
    expect(panel).to_be_hidden()
    return told


def loudest(page: Page) -> float:
    """The loudest sound of an answer at the page's ear, as long as it speaks."""
    expect(page.get_by_test_id("state")).to_have_text("speaking", timeout=ANSWER_MS)
    level: float = page.evaluate(
        """() => new Promise(done => {
            let most = 0;
            const look = () => {
                most = Math.max(most, window.visavis.outputLevel());
                if (window.visavis.state === "speaking") setTimeout(look, 20); else done(most);
            };
            look();
        })"""
    )
    return level


def talkative(visitor: Visitor, address: str) -> Page:
    """A call whose microphone says what `say` tells it."""
    page = visitor.open("about:blank")
    page.add_init_script(MICROPHONE)
    page.goto(address)
    begin(page)
    page.wait_for_function("window.say !== undefined")
    return page


def say(page: Page, pcm: Pcm) -> None:
    """Say 24 kHz sound into the page's microphone; returns when it has been said."""
    page.evaluate("wav => window.say(wav)", as_wav(pcm, SAMPLE_RATE))


def long_answer(page: Page, question: str) -> None:
    """Ask for something long, and hear it begin."""
    page.get_by_test_id("text-input").fill(question)
    page.get_by_test_id("send").click()
    page.wait_for_function("() => window.visavis.outputLevel() > 0.05", timeout=ANSWER_MS)


def interrupt_by_voice(page: Page, words: Pcm) -> None:
    """Speak over an answer: it falls silent, and nothing of it comes back, neither as sound nor as a message."""
    long_answer(page, "Please count slowly from one to thirty.")
    page.evaluate(
        """() => {
            window.levels = [];
            window.watching = setInterval(() => window.levels.push([performance.timeOrigin + performance.now(), window.visavis.outputLevel()]), 10);
        }"""
    )
    before = page.evaluate("performance.timeOrigin + performance.now()")
    say(page, words)
    page.wait_for_function(
        "since => window.visavis.log.some(e => e.at > since && e.message.type === 'interrupt')", arg=before, timeout=10_000
    )
    found = page.evaluate(
        """since => {
            clearInterval(window.watching);
            const log = window.visavis.log.filter(e => e.at > since);
            const cut = log.find(e => e.message.type === "interrupt");
            const holds = log.filter(e => e.message.type === "hold" && e.at <= cut.at);
            const hold = holds[0];
            const next = log.find(e => e.message.type === "generation_start" && e.message.gen > cut.message.gen);
            // A first short sound may be taken back before the words that cut the answer: from the last hold on there is silence.
            const silentFrom = (holds.at(-1) ?? cut).at + 100;
            const louder = window.levels.filter(([at, level]) => at > silentFrom && (!next || at < next.at) && level > 0.02);
            return {
                held: hold ? hold.at - since : null,
                cut: cut.at - since,
                reason: cut.message.d.reason,
                older: log.slice(log.indexOf(cut)).filter(e => e.message.gen < cut.message.gen).map(e => e.message.type),
                louder: louder.length,
            };
        }""",
        before,
    )
    assert found["reason"] == "voice"
    assert found["held"] is not None
    assert found["held"] <= found["cut"]
    assert found["older"] == []
    assert found["louder"] == 0, f"sound after the hold: {found}"
    page.wait_for_function(  # what was said is answered
        "since => window.visavis.log.filter(e => e.at > since && e.message.type === 'generation_end').some(e => !e.message.d.interrupted)",
        arg=before,
        timeout=ANSWER_MS,
    )
    expect(page.get_by_test_id("state")).to_have_text("listening", timeout=ANSWER_MS)


def nod(page: Page, words: Pcm) -> None:
    """A nod over an answer: it is held at most, and goes on to its end."""
    # not what was cut short before: a small model would cut it short again
    long_answer(page, "Please tell me a story about a river and a mountain.")
    # the session's log holds the last thousand messages only, and a story is long
    page.evaluate(
        """() => {
            window.told = [];
            window.visavis.on("message", ({ type, gen, t, seq, d }) => window.told.push([type, gen, t, seq, d.text]));
        }"""
    )
    say(page, words)
    page.wait_for_function(  # when it did end the answer, what was understood is told a moment later
        """() => {
            const has = kind => window.told.some(([type]) => type === kind);
            return has("generation_end") && (!has("interrupt") || has("asr_final"));
        }""",
        timeout=ANSWER_MS,
    )
    told: list[list[Any]] = page.evaluate("window.told")
    log = [kind for kind, *_ in told]
    said = [text for kind, *_, text in told if kind == "asr_final"]
    assert "interrupt" not in log, said
    assert log.count("hold") == log.count("resume"), [
        entry for entry in told if entry[0] not in ("media_fp", "viseme_timeline", "subtitle")
    ]
    answer = page.locator(lines(page, "agent")).last.inner_text()
    assert len(answer) > 20, answer
