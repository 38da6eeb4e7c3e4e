"""A page that is reloaded in the middle of an answer: how soon its conversation goes on, by each door. The product's page in Chromium; the words mark where they belong."""

from __future__ import annotations

import asyncio
import time
from typing import Any, Final

from playwright.async_api import Page, async_playwright

from bench.marked import question
from bench.options import Options, Unmeasured
from bench.report import Result, Row, median
from bench.skew import DOORS, NAMES, PageDoor, page_of
from infra import chromium
from infra.browser import MICROPHONE, launch_arguments
from infra.console import Failure

GOAL_MS: Final = 1_500.0
RELOADS: Final = 10
WORDS: Final = 12
LISTEN_SECONDS: Final = 1.0
WAIT_MS: Final = 30_000
SOUNDS: Final = "() => window.visavis?.outputLevel() > 0.05"
GOES_ON: Final = (
    "() => window.visavis?.resumed === true && document.querySelector('[data-testid=connection]').dataset.status === 'connected'"
)
LINES: Final = '[data-testid="user-transcript"] [data-testid="line"]'


async def reload(page: Page, loop: int) -> tuple[float, float]:
    """Milliseconds from the reload until the page is back in its conversation, and until the answer sounds that was broken off."""
    await page.get_by_test_id("text-input").fill(question(loop, WORDS))
    await page.get_by_test_id("send").click()
    await page.wait_for_function(SOUNDS, timeout=WAIT_MS)
    await asyncio.sleep(LISTEN_SECONDS)
    began = time.monotonic()
    await page.reload(wait_until="commit")
    await page.wait_for_function(GOES_ON, timeout=WAIT_MS)
    back = time.monotonic()
    await page.wait_for_function(SOUNDS, timeout=WAIT_MS)
    sounds = time.monotonic()
    shown = await page.locator(LINES).count()
    if shown != loop:
        raise Unmeasured(f"{shown} questions stand on the page, not {loop}")
    return (back - began) * 1000, (sounds - began) * 1000


async def reloads_at(door: PageDoor) -> list[tuple[float, float]]:
    """One call. Raises `Unmeasured`."""
    path = chromium.find()
    if path is None:
        raise Unmeasured("there is no Chromium")
    try:
        async with page_of(door, "marked") as address, async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=path, args=launch_arguments())
            try:
                page = await (await browser.new_context(permissions=["microphone"], locale="en")).new_page()
                await page.add_init_script(MICROPHONE)
                await page.goto(f"{address}/?door={door}&lang=en")
                await page.get_by_test_id("start").click(timeout=WAIT_MS)
                await page.wait_for_selector('[data-testid="connection"][data-status="connected"]', timeout=WAIT_MS)
                return [await reload(page, loop) for loop in range(1, RELOADS + 1)]
            finally:
                await browser.close()
    except Failure as error:
        raise Unmeasured(str(error)) from None


async def measure(options: Options) -> Result:
    rows: list[Row] = []
    raw: dict[str, Any] = {}
    notes = [
        "The product's page in headless Chromium, reloaded a second into an answer; instant engines. The whole transcript stands on the page again each time."
    ]
    for door in DOORS:
        try:
            found = await reloads_at(door)
        except Unmeasured as error:
            notes.append(f"{NAMES[door]} was not measured: {str(error).splitlines()[0]}")
            continue
        raw[door] = found
        back, sounds = [times[0] for times in found], [times[1] for times in found]
        rows += [
            Row(f"{NAMES[door]}: reload → the conversation goes on, median", median(back), "ms", GOAL_MS, f"{len(found)} reloads"),
            Row(f"{NAMES[door]}: worst", max(back), "ms"),
            Row(f"{NAMES[door]}: reload → the answer sounds again, median", median(sounds), "ms"),
        ]
    return Result("reload", "A page that is reloaded in the middle of an answer", rows, notes, raw)
