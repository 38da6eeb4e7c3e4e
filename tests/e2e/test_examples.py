"""The examples of the SDK's adapters in Chromium: each talks with a running server, and the mouth of its library's own face moves in time with what is heard."""

from __future__ import annotations

import functools
import os
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, async_playwright

from bench.chirps import RATE, found
from bench.server import SETTINGS
from infra import examples, sound_card
from infra.browser import launch_arguments
from tests.e2e.faces import EXAMPLES, Example, Watched, in_time
from tests.fixtures.program import Program

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120), pytest.mark.asyncio(loop_scope="module")]
WORDS = 5
"""Of an answer: a vowel each, and lips that close."""


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@dataclass(frozen=True)
class Addresses:
    pages: str
    server: str


@pytest.fixture(scope="module")
def addresses(chromium_path: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Addresses]:
    """The built examples, and a server of another origin whose voice chirps where lips close."""
    examples.ensure()
    home = str(tmp_path_factory.mktemp("home"))
    with (
        ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=examples.PAGES)) as pages,
        Program([sys.executable, "-m", "bench.server", "gateway", "few-chirps"], {**SETTINGS, "VISAVIS_HOME": home}) as server,
    ):
        threading.Thread(target=pages.serve_forever, daemon=True).start()
        yield Addresses(f"http://127.0.0.1:{pages.server_port}", server.wait_for("ready ").removeprefix("ready "))
        pages.shutdown()


@dataclass(frozen=True)
class Room:
    """A browser, and the sound card that it plays on."""

    browser: Browser
    card: sound_card.SoundCard


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def room(chromium_path: str, card: None) -> AsyncIterator[Room]:
    async with sound_card.running() as sound, async_playwright() as playwright:
        environment = {**os.environ, **sound.environment}
        browser = await playwright.chromium.launch(
            executable_path=chromium_path, args=launch_arguments(), ignore_default_args=["--mute-audio"], env=environment
        )
        yield Room(browser, sound)
        await browser.close()


async def talk(page: Page, example: Example, at: Addresses) -> Any:
    """Start, ask, listen to the end; what the page noted."""
    await page.goto(f"{at.pages}/{example.name}/index.html?url={at.server}&door={example.door}&microphone=off")
    await page.click("#start")
    await page.wait_for_function("() => window.example?.session")
    await page.evaluate(example.script)
    await page.fill("#line", "Go on.")
    await page.press("#line", "Enter")
    await page.wait_for_function("() => window.seen.ended && window.seen.atRest()", timeout=30_000)
    return await page.evaluate("() => ({ shapes: seen.shapes, looks: seen.looks, origin: performance.timeOrigin })")


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
async def test_the_mouth_moves_in_time_with_what_is_heard(example: Example, addresses: Addresses, room: Room) -> None:
    asked: list[str] = []
    complaints: list[str] = []
    page = await room.browser.new_page(viewport={"width": 320, "height": 360})
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    seen = await talk(page, example, addresses)
    await page.close()
    watched = Watched(example, seen)
    played, begun = room.card.recording()
    heard = [at for at in begun * 1000 - seen["origin"] + np.array(found(played)) / RATE * 1000 if at > 0]
    changes = watched.changes()
    wrong = [change for change in changes if not change.right]
    assert len(changes) >= 1.5 * WORDS, watched.shapes
    assert len(wrong) <= 0.2 * len(changes), wrong
    assert len(heard) == WORDS
    later = heard[1:]  # at the first one the mouth has hardly opened
    assert in_time(watched.lags(later)), watched.lags(later)
    for moved in (-400.0, 400.0):  # another sound's mouth would be noticed
        assert not in_time(watched.lags([at + moved for at in later]))
    assert {url for url in asked if not url.startswith((addresses.pages, addresses.server, "blob:", "data:"))} == set()
    assert complaints == []
