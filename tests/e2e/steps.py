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
