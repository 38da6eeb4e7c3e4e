"""From a cold process to the page and to the first conversation: `visavis demo`, with the models in the cache."""

from __future__ import annotations

import tempfile
import time
from typing import Final

from bench.options import Options
from bench.processes import Cost, program
from bench.report import Result, Row, median
from infra.paths import VENV

RUNS: Final = 3
READY_GOAL_SECONDS: Final = 15.0
LIMIT_SECONDS: Final = 180.0


async def start_once() -> tuple[float, float, Cost]:
    """Seconds until the page opens, seconds until a conversation can be held, and what it cost until then."""
    with tempfile.TemporaryDirectory(prefix="visavis-bench-") as home:
        began = time.monotonic()
        env = {"PORT": "0", "VISAVIS_HOME": home}
        async with program("visavis demo", command=[str(VENV / "bin" / "visavis"), "demo"], env=env) as demo:
            await demo.line("Page:", LIMIT_SECONDS)
            page = time.monotonic() - began
            await demo.line("Ready:", LIMIT_SECONDS)
            return page, time.monotonic() - began, Cost.of(demo.child.pid)


def rows(runs: list[tuple[float, float, Cost]]) -> list[Row]:
    """The table of several starts."""
    return [
        Row("until the page opens", median([page for page, _, _ in runs]), "s"),
        Row("until a conversation can be held", median([ready for _, ready, _ in runs]), "s", READY_GOAL_SECONDS, f"starts: {len(runs)}"),
        Row("processor time until then", median([cost.cpu_seconds for _, _, cost in runs]), "s"),
        Row("memory then, all processes", median([cost.rss_bytes / 1e6 for _, _, cost in runs]), "MB"),
    ]


async def measure(options: Options) -> Result:
    runs = [await start_once() for _ in range(min(RUNS, options.turns))]
    notes = ["Files are in the system's cache from the second start on; the model cache is warm, English and Chinese are loaded."]
    raw = {"runs": [{"page": page, "ready": ready, "cpu_seconds": cost.cpu_seconds} for page, ready, cost in runs]}
    return Result("start", "From a cold process to Ready", rows(runs), notes, raw)
