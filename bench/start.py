"""From a cold process to the page and to the first conversation: `visavis demo`, with the models in the cache."""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from dataclasses import dataclass
from typing import Final

from agent.protocol.messages import LanguageChoice
from bench.options import Options
from bench.processes import Cost, program
from bench.report import Result, Row, median
from infra.paths import VENV

RUNS: Final = 3
READY_GOAL_SECONDS: Final = 15.0
LIMIT_SECONDS: Final = 180.0
SETTLE_SECONDS: Final = 5.0
"""After Ready, what is still read ahead."""
IDLE_SECONDS: Final = 10.0
ONE_LANGUAGE: Final[dict[LanguageChoice, tuple[str, float, float]]] = {"en": ("English", 5.0, 2_600.0), "zh": ("Chinese", 9.0, 3_200.0)}
"""Its name, and the goals: seconds until Ready, megabytes."""
IDLE_GOAL: Final = 2.0
"""Per cent of a core."""


@dataclass(frozen=True)
class Start:
    """Seconds until the page opens and until a conversation can be held, what it cost until then, and the share of a core that waiting takes."""

    page: float
    ready: float
    cost: Cost
    idle: float | None = None


async def start_once(language: LanguageChoice = "auto", *, idle: bool = False) -> Start:
    """One start of the demo with a persona of that language."""
    with tempfile.TemporaryDirectory(prefix="visavis-bench-") as home:
        began = time.monotonic()
        env = {"PORT": "0", "VISAVIS_HOME": home, "VISAVIS__PERSONAS": json.dumps({"default": {"language": language}})}
        async with program("visavis demo", command=[str(VENV / "bin" / "visavis"), "demo"], env=env) as demo:
            await demo.line("Page:", LIMIT_SECONDS)
            page = time.monotonic() - began
            await demo.line("Ready:", LIMIT_SECONDS)
            ready, cost = time.monotonic() - began, Cost.of(demo.child.pid)
            if not idle:
                return Start(page, ready, cost)
            await asyncio.sleep(SETTLE_SECONDS)
            before = Cost.of(demo.child.pid)
            await asyncio.sleep(IDLE_SECONDS)
            after = Cost.of(demo.child.pid)
            return Start(page, ready, after, (after.cpu_seconds - before.cpu_seconds) / IDLE_SECONDS)


def rows(runs: list[Start]) -> list[Row]:
    """The table of several starts."""
    return [
        Row("until the page opens", median([run.page for run in runs]), "s"),
        Row("until a conversation can be held", median([run.ready for run in runs]), "s", READY_GOAL_SECONDS, f"starts: {len(runs)}"),
        Row("processor time until then", median([run.cost.cpu_seconds for run in runs]), "s"),
        Row("memory then, all processes", median([run.cost.rss_bytes / 1e6 for run in runs]), "MB"),
    ]


def rows_of_one_language(language: LanguageChoice, runs: list[Start]) -> list[Row]:
    """The same for a persona that speaks one language."""
    name, ready_goal, memory_goal = ONE_LANGUAGE[language]
    idle = median([run.idle for run in runs if run.idle is not None])
    return [
        Row(f"{name} only: until a conversation can be held", median([run.ready for run in runs]), "s", ready_goal, f"starts: {len(runs)}"),
        Row(f"{name} only: memory, all processes", median([run.cost.rss_bytes / 1e6 for run in runs]), "MB", memory_goal),
        Row(f"{name} only: processor while nobody talks", None if idle is None else idle * 100, "% of a core", IDLE_GOAL),
    ]


async def measure(options: Options) -> Result:
    count = min(RUNS, options.turns)
    runs = [await start_once() for _ in range(count)]
    notes = ["Medians. Files are in the system's cache from the second start on; the model cache is warm, English and Chinese are loaded."]
    raw = {"runs": [{"page": run.page, "ready": run.ready, "cpu_seconds": run.cost.cpu_seconds} for run in runs]}
    table = rows(runs)
    for language in ONE_LANGUAGE:
        table += rows_of_one_language(language, [await start_once(language, idle=True) for _ in range(count)])
    return Result("start", "From a cold process to Ready", table, notes, raw)
