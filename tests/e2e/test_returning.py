"""The page in Chromium, when it is reloaded, cut off, or its server dies in mid-answer: what is heard from its sound card, and what its transcript says."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, async_playwright, expect

from bench.marked import question
from bench.server import SETTINGS
from bench.skew import CUT, page_of
from infra import sound_card
from infra.browser import MICROPHONE, launch_arguments
from infra.sound_card import SoundCard
from tests.fixtures.heard_again import heard_once
from tests.fixtures.network import Network, network
from tests.fixtures.program import Program

pytestmark = [pytest.mark.browser, pytest.mark.timeout(150)]
WORDS = 9
PATIENCE_MS = 40_000
CUT_SECONDS = 5.0
FINAL = '[data-testid="{side}-transcript"] [data-testid="line"][data-final="true"]'


class Server:
    """A gateway with marked words behind a network; the next one has the same home."""

    def __init__(self, home: Path, network: Network) -> None:
        self._home = home
        self._network = network
        self._program: Program | None = None

    async def start(self) -> None:
        self._program = Program([sys.executable, "-m", "bench.server", "gateway", "marked"], {**SETTINGS, "VISAVIS_HOME": str(self._home)})
        self._program.__enter__()
        self._network.lead_to((await asyncio.to_thread(self._program.wait_for, "ready")).split()[1])

    async def kill(self) -> None:
        assert self._program is not None
        os.kill(self._program.pid, signal.SIGKILL)
        await asyncio.to_thread(self._program.stop)

    async def stop(self) -> None:
        if self._program is not None:
            await asyncio.to_thread(self._program.stop)


@asynccontextmanager
async def visited(home: Path, chromium_path: str, door: str) -> AsyncIterator[tuple[Page, Server, Network, SoundCard]]:
    """A conversation that has begun."""
    async with sound_card.running() as card, network() as way, async_playwright() as playwright:
        server = Server(home, way)
        env: dict[str, Any] = {**os.environ, **card.environment}
        browser = await playwright.chromium.launch(
            executable_path=chromium_path, args=launch_arguments(), ignore_default_args=["--mute-audio"], env=env
        )
        try:
            await server.start()
            page = await (await browser.new_context(permissions=["microphone"], locale="en")).new_page()
            await page.add_init_script(MICROPHONE)
            await page.goto(f"{way.address}/?door={door}&lang=en")
            await page.get_by_test_id("start").click(timeout=PATIENCE_MS)
            await connected(page)
            yield page, server, way, card
        finally:
            await browser.close()
            await server.stop()


async def connected(page: Page) -> None:
    await page.wait_for_selector('[data-testid="connection"][data-status="connected"]', timeout=PATIENCE_MS)


async def ask(page: Page, loop: int, *, words_heard: float) -> None:
    """Ask, and listen for a while."""
    await page.get_by_test_id("text-input").fill(question(loop, WORDS))
    await page.get_by_test_id("send").click()
    await page.wait_for_function("() => window.visavis.outputLevel() > 0.05", timeout=PATIENCE_MS)
    await asyncio.sleep(words_heard * 0.33)


async def heard_out(page: Page, loops: int) -> None:
    """All questions and answers stand on the page, and the last one was heard."""
    await expect(page.locator(FINAL.format(side="user"))).to_have_count(loops, timeout=PATIENCE_MS)
    await expect(page.locator(FINAL.format(side="agent"))).to_have_count(loops, timeout=PATIENCE_MS)
    told = "loop => window.visavis.log.some(({ message }) => message.type === 'round_update' && message.d.status === 'heard' && message.d.loop === loop)"
    await page.wait_for_function(told, arg=loops, timeout=PATIENCE_MS)


async def transcript_is_whole(page: Page, loops: int) -> None:
    questions = await page.locator(FINAL.format(side="user")).all_inner_texts()
    assert [text.strip() for text in questions] == [question(loop, WORDS) for loop in range(1, loops + 1)]
    answers = await page.locator(FINAL.format(side="agent")).all_inner_texts()
    assert [len(text.split()) for text in answers] == [WORDS] * loops


def tellings_of(card: SoundCard, loops: int) -> list[int]:
    """How often each answer was told; each once to its end."""
    its = heard_once((card.recording()[0] * 32767).astype("int16"), WORDS, range(1, loops + 1))
    return [len(its[loop]) for loop in range(1, loops + 1)]


async def test_a_page_that_is_reloaded_and_cut_off_goes_on(card: None, chromium_path: str, tmp_path: Path) -> None:
    async with visited(tmp_path, chromium_path, "ws") as (page, _, way, sounds):
        session = await page.evaluate("window.visavis.id")
        await ask(page, 1, words_heard=4)
        began = time.monotonic()
        await page.reload()
        await page.wait_for_function("() => window.visavis?.resumed === true", timeout=PATIENCE_MS)
        await connected(page)
        print(f"\nfrom the reload to the conversation going on: {time.monotonic() - began:.2f} s")
        await heard_out(page, 1)

        await ask(page, 2, words_heard=4)
        way.cut()
        await expect(page.get_by_test_id("connection")).to_have_attribute("data-status", "reconnecting", timeout=PATIENCE_MS)
        await asyncio.sleep(CUT_SECONDS)
        way.mend()
        await heard_out(page, 2)
        await ask(page, 3, words_heard=0)
        await heard_out(page, 3)
        assert await page.evaluate("window.visavis.id") == session
        await transcript_is_whole(page, 3)
        assert tellings_of(sounds, 3) == [2, 2, 1], "what was broken off is heard again"


async def test_a_page_whose_server_is_killed_goes_on(card: None, chromium_path: str, tmp_path: Path) -> None:
    async with visited(tmp_path, chromium_path, "peer") as (page, server, _, sounds):
        session = await page.evaluate("window.visavis.id")
        await ask(page, 1, words_heard=4)
        await server.kill()
        await server.start()
        await heard_out(page, 1)
        await ask(page, 2, words_heard=0)
        await heard_out(page, 2)
        assert await page.evaluate("window.visavis.id") == session
        await transcript_is_whole(page, 2)
        assert tellings_of(sounds, 2) == [2, 1]


@pytest.mark.livekit
async def test_what_is_typed_as_soon_as_a_room_is_there_again_is_answered(card: None, chromium_path: str) -> None:
    async with sound_card.running() as sounds, page_of("livekit", "marked") as address, async_playwright() as playwright:
        env: dict[str, Any] = {**os.environ, **sounds.environment}
        browser = await playwright.chromium.launch(
            executable_path=chromium_path, args=launch_arguments(), ignore_default_args=["--mute-audio"], env=env
        )
        try:
            page = await (await browser.new_context(permissions=["microphone"], locale="en")).new_page()
            await page.add_init_script(MICROPHONE + CUT)
            await page.goto(f"{address}/?door=livekit&lang=en")
            await page.get_by_test_id("start").click(timeout=PATIENCE_MS)
            await connected(page)
            await ask(page, 1, words_heard=2)
            await page.evaluate("window.cut()")
            await page.get_by_test_id("text-input").fill(question(2, WORDS))
            await page.get_by_test_id("send").click()
            await expect(page.locator(FINAL.format(side="user"))).to_have_count(2, timeout=PATIENCE_MS)
            await expect(page.locator(FINAL.format(side="agent")).last).to_have_text(
                re.compile(rf"^\s*(?:\w+\W+){{{WORDS}}}\s*$"), timeout=PATIENCE_MS
            )
        finally:
            await browser.close()
