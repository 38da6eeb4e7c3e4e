"""Interruption by voice at the page of the product itself: from the first sample that its microphone says to the silence of its sound card, by each door.

The SDK mutes as soon as it is told that the voice is held, so what is on the way is not heard any more.
"""

from __future__ import annotations

import asyncio
import os
from typing import Any, Final

import numpy as np
from playwright.async_api import Page, async_playwright

from agent.config import Persona
from agent.media.block import Pcm
from agent.media.turn_taking import MICROPHONE_RATE
from bench.barge_in import INTERRUPTIONS, p95
from bench.caller import AUDIBLE, audible
from bench.local_engines import local_engines
from bench.options import Options, Unmeasured
from bench.questions import VOICE, spoken
from bench.report import Result, Row, median
from bench.skew import DOORS, NAMES, PageDoor, page_of
from infra import chromium, sound_card
from infra.browser import MICROPHONE, as_wav, launch_arguments
from infra.console import Failure
from infra.sound_card import RATE, SoundCard

P95_GOAL_MS: Final = 120.0
QUIET_SECONDS: Final = 0.3
LISTEN_SECONDS: Final = 1.5
ANSWER_MS: Final = 30_000


async def interrupt(page: Page, card: SoundCard, sound: Pcm, turn: int) -> float | None:
    """Milliseconds to the silence, in an answer of its own; None if there was none."""
    await page.get_by_test_id("text-input").fill("Go on.")
    await page.get_by_test_id("send").click()
    await page.wait_for_function("() => window.visavis.outputLevel() > 0.05", timeout=ANSWER_MS)
    await asyncio.sleep(1.0 + 0.13 * (turn % 8))
    await page.evaluate("wav => window.say(wav)", as_wav(sound, MICROPHONE_RATE))
    bounds = audible(sound)
    assert bounds is not None
    said: float = await page.evaluate("window.saidAt")
    began = said / 1000 + bounds[0] / MICROPHONE_RATE
    await asyncio.sleep(LISTEN_SECONDS)
    played, first = card.recording()
    loud = np.flatnonzero(np.abs(played[max(0, round((began - first) * RATE)) :]) * 32768 >= AUDIBLE)
    if len(loud) == 0:
        return None
    gaps = np.flatnonzero(np.diff(loud) > QUIET_SECONDS * RATE)
    last = int(loud[gaps[0]] if len(gaps) else loud[-1])
    return last / RATE * 1000 if len(gaps) or last / RATE < LISTEN_SECONDS else None


async def times_at(door: PageDoor, sounds: list[Pcm]) -> list[float | None]:
    """One call. Raises `Unmeasured`."""
    path = chromium.find()
    if path is None:
        raise Unmeasured("there is no Chromium")
    try:
        async with sound_card.running() as card, page_of(door, "real-ears") as address, async_playwright() as playwright:
            env: dict[str, Any] = {**os.environ, **card.environment}
            browser = await playwright.chromium.launch(
                executable_path=path, args=launch_arguments(), ignore_default_args=["--mute-audio"], env=env
            )
            try:
                page = await (await browser.new_context(permissions=["microphone"], locale="en")).new_page()
                await page.add_init_script(MICROPHONE)
                await page.goto(f"{address}/?door={door}&lang=en")
                await page.get_by_test_id("start").click(timeout=ANSWER_MS)
                await page.wait_for_selector('[data-testid="connection"][data-status="connected"]', timeout=ANSWER_MS)
                await page.wait_for_function("window.say !== undefined")
                return [await interrupt(page, card, sound, turn) for turn, sound in enumerate(sounds)]
            finally:
                await browser.close()
    except Failure as error:
        raise Unmeasured(str(error)) from None


async def measure(options: Options) -> Result:
    async with local_engines() as engines:
        voice = engines.build(Persona(voice=VOICE)).tts
        sounds = [await spoken(INTERRUPTIONS[turn % len(INTERRUPTIONS)], voice) for turn in range(options.turns)]
    rows: list[Row] = []
    raw: dict[str, Any] = {}
    notes = [
        "The product's page in Chromium; its microphone is fed by Web Audio, what a virtual sound card plays is recorded. Instant model and voice, the local detector."
    ]
    for door in DOORS:
        try:
            found = await times_at(door, sounds)
        except Unmeasured as error:
            notes.append(f"{NAMES[door]} was not measured: {str(error).splitlines()[0]}")
            continue
        raw[door] = found
        times = [ms for ms in found if ms is not None]
        rows += [
            Row(f"{NAMES[door]}: first sample → silence, median", median(times), "ms", None, f"{len(times)} of {len(found)}"),
            Row(f"{NAMES[door]}: p95", p95(times), "ms", P95_GOAL_MS),
        ]
    return Result("silence", "Interruption by voice, at the page", rows, notes, raw)
