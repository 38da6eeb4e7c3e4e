"""The product's own processes with instant engines: `python -m bench.server gateway|worker`. Prints `ready`, and for the gateway its address."""

from __future__ import annotations

import asyncio
import logging
import sys
from typing import cast

from agent.config import load
from agent.engines import ConfiguredEngines
from agent.gateway import run_gateway
from agent.models.progress import Observer
from agent.worker import run_worker
from bench.instant import InstantEngines

SETTINGS = {"VISAVIS__HTTP__PORT": "0", "VISAVIS__WORKER__PORT": "0", "VISAVIS__LIMITS__SESSIONS": "16"}
"""Environment for it: any free ports."""


class PreparedEngines(InstantEngines):
    """Implements `worker.WorkerEngines`: there is nothing to prepare."""

    progress = None
    answers = "language model"

    async def prepare(self, observer: Observer = lambda reading: None) -> None:
        pass


async def serve(role: str) -> None:
    """Until a signal comes."""
    engines = PreparedEngines()
    if role == "worker":
        await run_worker(load(), engines, on_ready=lambda: print("ready", flush=True))
    else:
        await run_gateway(load(), cast(ConfiguredEngines, engines), on_ready=lambda url: print(f"ready {url}", flush=True))


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING)
    asyncio.run(serve(sys.argv[1]))
