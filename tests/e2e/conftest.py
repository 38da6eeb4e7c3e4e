"""The whole program, started as people start it, and a real browser in front of it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Playwright, sync_playwright

from infra import chromium, sound_card
from infra.browser import launch_arguments
from infra.ports import free_tcp_port
from tests.fixtures.program import Program

READY_SECONDS = 240
"""The test machine is busy; the first start makes the voices' graph as well."""


@pytest.fixture(scope="session")
def demo(models: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """`visavis demo`, ready; its address. It must end cleanly."""
    home = tmp_path_factory.mktemp("home")
    port = free_tcp_port()
    with Program([sys.executable, "-m", "agent.cli", "demo"], {"VISAVIS_HOME": str(home), "PORT": str(port)}) as program:
        page = program.wait_for("Page: ")
        assert page == f"Page: http://127.0.0.1:{port}"
        assert program.wait_for("Ready: ", READY_SECONDS) == f"Ready: http://127.0.0.1:{port}"
        yield f"http://127.0.0.1:{port}"
        assert program.stop() == 0, "\n".join(program.lines[-30:])


@pytest.fixture(scope="module")
def rooms(models: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """What `make livekit` starts: livekit-server, a worker and the token service with the page; its address."""
    home = tmp_path_factory.mktemp("home")
    port = free_tcp_port()
    with Program(
        [sys.executable, "-m", "infra.livekit_up"], {"VISAVIS_HOME": str(home), "PORT": str(port), "VISAVIS__WORKER__PORT": "0"}
    ) as program:
        assert program.wait_for("Ready: ", READY_SECONDS) == f"Ready: http://127.0.0.1:{port}"
        yield f"http://127.0.0.1:{port}"
        assert program.stop() == 0, "\n".join(program.lines[-30:])


@pytest.fixture
def playwright() -> Iterator[Playwright]:
    """Playwright runs an event loop in this thread, so it must be gone before an asynchronous test begins."""
    with sync_playwright() as started:
        yield started


@pytest.fixture(scope="session")
def card(chromium_path: str) -> None:
    """There is a sound card of our own to be had, `infra.sound_card.running()`."""
    if not sound_card.is_there():
        if chromium.is_required():
            pytest.fail("PulseAudio is missing; `make setup` installs it")
        pytest.skip("there is no PulseAudio to listen with: apt-get install pulseaudio pulseaudio-utils")


class Visitor:
    """A person with a browser; `microphone` is what they say."""

    def __init__(self, playwright: Playwright, chromium: str) -> None:
        self._playwright = playwright
        self._chromium = chromium
        self._browsers: list[Browser] = []

    def open(
        self, url: str, microphone: Path | None = None, *arguments: str, width: int = 1280, height: int = 800, locale: str = "en"
    ) -> Page:
        browser = self._playwright.chromium.launch(executable_path=self._chromium, args=[*launch_arguments(microphone), *arguments])
        self._browsers.append(browser)
        context = browser.new_context(
            viewport={"width": width, "height": height}, locale=locale, permissions=["microphone"], reduced_motion="reduce"
        )
        page = context.new_page()
        page.goto(url)
        return page

    def leave(self) -> None:
        for browser in self._browsers:
            browser.close()


@pytest.fixture
def visitor(playwright: Playwright, chromium_path: str) -> Iterator[Visitor]:
    visitor = Visitor(playwright, chromium_path)
    yield visitor
    visitor.leave()
