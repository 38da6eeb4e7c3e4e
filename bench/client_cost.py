"""What the SDK costs the page that uses it, without a face: the script of a page that only moves an ellipse, while the voice speaks."""

from __future__ import annotations

import asyncio
import functools
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from playwright.async_api import async_playwright

from bench.options import Options, Unmeasured
from bench.report import Result, Row
from bench.skew import DOORS, NAMES, PageDoor, page_of
from infra import chromium, examples
from infra.browser import launch_arguments

GOAL_PERCENT: Final = 3.0
SECONDS: Final = 8.0
START_MS: Final = 30_000


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


async def script_share(pages: str, door: PageDoor) -> tuple[float, float]:
    """Percent of a core that the page's script took while the voice spoke, and all work of its main thread. Raises `Unmeasured`."""
    path = chromium.find()
    if path is None:
        raise Unmeasured("there is no Chromium")
    async with page_of(door) as server, async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=launch_arguments())
        try:
            page = await (await browser.new_context(viewport={"width": 320, "height": 360})).new_page()
            await page.goto(f"{pages}/plain/index.html?url={server}&door={door}&microphone=off")
            await page.click("#start")
            await page.wait_for_function("() => window.example?.session", timeout=START_MS)
            await page.fill("#line", "Go on.")
            await page.press("#line", "Enter")
            await page.wait_for_function("() => window.example.session.outputLevel() > 0.05", timeout=START_MS)
            devtools = await page.context.new_cdp_session(page)
            await devtools.send("Performance.enable")
            before = await _metrics(devtools)
            await asyncio.sleep(SECONDS)
            after = await _metrics(devtools)
        finally:
            await browser.close()
    passed = after["Timestamp"] - before["Timestamp"]
    script, all_work = (100 * (after[name] - before[name]) / passed for name in ("ScriptDuration", "TaskDuration"))
    return script, all_work


async def _metrics(devtools: Any) -> dict[str, float]:
    told = await devtools.send("Performance.getMetrics")
    return {metric["name"]: metric["value"] for metric in told["metrics"]}


async def measure(options: Options) -> Result:
    rows: list[Row] = []
    notes = [
        f"The example page `plain`, {SECONDS:g} s of speech; what the main thread does, as Chromium counts it. Sound is decoded and measured in other threads."
    ]
    examples.ensure()
    with ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Quiet, directory=examples.PAGES)) as pages:
        threading.Thread(target=pages.serve_forever, daemon=True).start()
        for door in DOORS:
            try:
                script, all_work = await script_share(f"http://127.0.0.1:{pages.server_port}", door)
            except Unmeasured as error:
                notes.append(f"{NAMES[door]} was not measured: {str(error).splitlines()[0]}")
                continue
            rows += [
                Row(f"{NAMES[door]}: script", script, "% of a core", GOAL_PERCENT),
                Row(f"{NAMES[door]}: all of the main thread", all_work, "% of a core"),
            ]
        pages.shutdown()
    return Result("client_cost", "What the SDK costs a page", rows, notes, {})
