"""How far a shape of the mouth is from its sound, at the page of the product itself: chirps in the voice at the shapes, what the sound card plays recorded,
and the moments at which the page was told.

    skew = the shape fires − the chirp is played      (less the 25 ms by which shapes are told early)
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import math
import os
import statistics
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt
from playwright.async_api import Page, async_playwright

from agent.media.visemes import LEAD
from bench.chirps import RATE, found
from bench.impaired import JITTER_SECONDS, LOSS, impaired
from bench.livekit_rooms import livekit_server
from bench.options import Options, Unmeasured
from bench.processes import program
from bench.report import Result, Row
from bench.server import SETTINGS
from infra import chromium, sound_card
from infra.browser import launch_arguments
from infra.console import Failure
from infra.ports import free_tcp_port

PageDoor = Literal["peer", "ws", "livekit"]
DOORS: Final[tuple[PageDoor, ...]] = ("peer", "ws", "livekit")
NAMES: Final = {"peer": "WebRTC peer", "ws": "WebSocket", "livekit": "LiveKit room"}
FARTHEST_MS: Final = 200.0
"""A chirp further from a shape is another one's."""
MEDIAN_GOAL_MS: Final = 10.0
P95_GOAL_MS: Final = 20.0
CLOCK_GOAL_MS: Final = 1_500.0
ANSWER_SECONDS: Final = 25.0
CLOCK_SECONDS: Final = 25.0
SETTLE_SECONDS: Final = 3.0

LISTEN: Final = """
window.skew = { fires: [], faces: [], from: undefined };
let session;
Object.defineProperty(window, "visavis", {
  get: () => session,
  set(value) {
    session = value;
    session.on("viseme", ({ t, name }) => window.skew.fires.push([t, name, performance.now()]));
    window.watchClock("spoke", "known");
  },
});
window.watchClock = (spoke, known) => {
  const stop = session.on("message", ({ type }) => type === "generation_start" && (window.skew[spoke] ??= performance.now()));
  const looking = setInterval(() => {
    if (window.skew[spoke] === undefined || session.heardMedia() === null) return;
    window.skew[known] = performance.now();
    stop();
    clearInterval(looking);
  }, 20);
};
"""
"""In the page, before anything else: notes when shapes are told."""
CUT: Final = """
const sockets = [];
window.WebSocket = class extends WebSocket {
  constructor(...given) {
    super(...given);
    sockets.push(this);
  }
};
const peers = [];
window.RTCPeerConnection = class extends RTCPeerConnection {
  constructor(...given) {
    super(...given);
    peers.push(this);
  }
};
window.cut = () => new Promise((back) => {
  const stop = window.visavis.on("connection", ({ status }) => {
    if (status !== "connected") return;
    stop();
    back();
  });
  for (const peer of peers.splice(0)) peer.close();
  for (const socket of sockets.splice(0)) socket.close(4000);
});
"""
"""Likewise: `cut()` breaks all connections, and resolves when the page is connected again."""
WATCH_FACE: Final = """
new MutationObserver(() => window.skew.faces.push([document.querySelector('[data-testid="face"]').dataset.viseme, performance.now()]))
  .observe(document.querySelector('[data-testid="face"]'), { attributes: true, attributeFilter: ["data-viseme"] })
"""
"""And when they are shown."""


@dataclass(frozen=True)
class Skew:
    """Milliseconds of each chirp, positive where the shape comes late; and how many shapes had no chirp near them."""

    fires: list[float]
    unmatched: int

    @property
    def median(self) -> float:
        return statistics.median(self.fires)

    @property
    def p95(self) -> float:
        """Of the distances from zero."""
        return float(np.percentile(np.abs(self.fires), 95))


async def record(page: Page, address: str, door: PageDoor, seconds: float) -> dict[str, Any]:
    """Ask for an answer, and take down what is heard and shown for so long, once the page knows its clock."""
    await page.add_init_script(LISTEN + CUT)
    await page.goto(f"{address}/?door={door}&lang=en")
    await page.get_by_test_id("start").click(timeout=30_000)
    await page.wait_for_selector('[data-testid="connection"][data-status="connected"]', timeout=30_000)
    await page.get_by_test_id("mute").click()
    await page.evaluate(WATCH_FACE)
    await _ask(page)
    # the first answer gives clocks the time to find themselves
    await page.wait_for_function("() => window.visavis.heardMedia() !== null", timeout=CLOCK_SECONDS * 1000)
    await asyncio.sleep(SETTLE_SECONDS)
    await _ask(page)
    await page.evaluate("window.skew.from = performance.now()")
    await asyncio.sleep(seconds)
    if door == "livekit":
        await _reconnect(page)
    taken: dict[str, Any] = await page.evaluate(
        "() => ({ ...window.skew, origin: performance.timeOrigin, anchored: window.visavis.heardMedia() !== null })"
    )
    return taken


async def _reconnect(page: Page) -> None:
    """The room is entered anew, and the voice comes as another stream: how long it has to speak until the clock is known again."""
    await page.evaluate("window.skew.to = performance.now()")
    await asyncio.wait_for(page.evaluate("window.cut()"), CLOCK_SECONDS)
    await page.evaluate("window.watchClock('spokeAgain', 'knownAgain')")
    await _ask(page)
    await page.wait_for_function("() => window.skew.knownAgain !== undefined", timeout=CLOCK_SECONDS * 1000)


async def _ask(page: Page) -> None:
    await page.get_by_test_id("text-input").fill("Go on.")
    before = await page.evaluate("window.skew.fires.length")
    await page.get_by_test_id("send").click()
    await page.wait_for_function("before => window.skew.fires.length > before + 1", arg=before, timeout=30_000)


def skew_of(taken: dict[str, Any], sound: npt.NDArray[np.float64], begun: float) -> Skew:
    """From what the page noted and what was played from `begun` (seconds since the epoch) on. What fired in the first answer does not count."""
    played = begun * 1000 + np.array(found(sound), np.float64) / RATE * 1000 - taken["origin"]
    if len(played) == 0:
        raise Unmeasured("no chirp was heard")
    fires, unmatched = [], 0
    for _, name, at in taken["fires"]:
        if name != "PP" or not taken["from"] <= at < taken.get("to", math.inf):
            continue
        distance = at + LEAD * 1000 / RATE - played
        nearest = float(distance[np.argmin(np.abs(distance))])
        if abs(nearest) <= FARTHEST_MS:
            fires.append(nearest)
        else:
            unmatched += 1
    return Skew(fires, unmatched)


@contextlib.asynccontextmanager
async def page_of(door: PageDoor, kind: str = "chirps") -> AsyncIterator[str]:
    """The address of a page whose server has these engines (see `bench.server`)."""
    with tempfile.TemporaryDirectory(prefix="visavis-bench-") as home:
        env = {**SETTINGS, "VISAVIS_HOME": home}
        if door != "livekit":
            async with program("bench.server", "gateway", kind, env=env) as child:
                yield await child.line("ready")
            return
        async with livekit_server() as server:
            port, worker = str(free_tcp_port()), str(free_tcp_port())
            env |= dict(server.environment)
            env |= {"VISAVIS__WORKER__PORT": worker, "VISAVIS__WORKER__URL": f"http://127.0.0.1:{worker}", "VISAVIS__HTTP__PORT": port}
            async with program("bench.server", "worker", kind, env=env) as child:
                await child.line("ready")
                async with program("agent.cli", "api", env=env) as tokens:
                    yield (await tokens.line("Page: ")).strip()


async def skew_at(door: PageDoor, seconds: float, *, bad_network: bool = False) -> tuple[Skew, dict[str, Any]]:
    """Measured at one door, with what the page noted. Raises `Unmeasured`."""
    path = chromium.find()
    if path is None:
        raise Unmeasured("there is no Chromium")
    try:
        async with sound_card.running() as card, page_of(door) as address, async_playwright() as playwright:
            browser = await playwright.chromium.launch(
                executable_path=path, args=launch_arguments(), ignore_default_args=["--mute-audio"], env={**os.environ, **card.environment}
            )
            try:
                context = await browser.new_context(permissions=["microphone"], locale="en")
                page = await context.new_page()
                async with impaired(page) if bad_network else contextlib.nullcontext() as impairment:
                    taken = await record(page, address, door, seconds)
                    taken["lost"] = impairment.lost if impairment else 0
            finally:
                await browser.close()
            sound, begun = card.recording()
    except Failure as error:
        raise Unmeasured(str(error)) from None
    return skew_of(taken, sound, begun), taken


async def measure(options: Options) -> Result:
    rows: list[Row] = []
    raw: dict[str, Any] = {}
    notes: list[str] = []
    for door, bad_network in itertools.product(DOORS, (False, True)):
        name = NAMES[door] + (", bad network" if bad_network else "")
        try:
            skew, taken = await skew_at(door, ANSWER_SECONDS, bad_network=bad_network)
        except Unmeasured as error:
            notes.append(f"{name} was not measured: {str(error).splitlines()[0]}")
            continue
        raw[name] = {"ms": skew.fires, "unmatched": skew.unmatched, "lost packets": taken["lost"]}
        told = f"{skew.median:+.1f} ms, {len(skew.fires)} shapes"
        rows += [
            Row(f"{name}: median distance from zero", abs(skew.median), "ms", MEDIAN_GOAL_MS, told),
            Row(f"{name}: p95 of the distance", skew.p95, "ms", P95_GOAL_MS),
        ]
        if door == "livekit":
            rows += [
                Row(f"{name}: speech until the clock is known", taken["known"] - taken["spoke"], "ms", CLOCK_GOAL_MS),
                Row(f"{name}: and after a new connection", taken["knownAgain"] - taken["spokeAgain"], "ms", CLOCK_GOAL_MS),
            ]
    notes.append(
        "A chirp in each word at a closing of the lips; what a virtual sound card plays; the moment at which `viseme` fires. Positive: late."
    )
    notes.append(
        f"Bad network: {LOSS:.0%} of the sound packets to the page are lost, the others up to {JITTER_SECONDS * 1000:.0f} ms late and out of order; a lost"
        " packet of the WebSocket comes 200 ms later, and all behind it."
    )
    return Result("skew", "A shape and its sound, at the page", rows, notes, raw)
