"""What a person does on the page, and what they see and hear."""

from __future__ import annotations

from playwright.sync_api import Page, expect

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
