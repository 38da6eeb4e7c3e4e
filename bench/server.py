"""The product's own processes with instant engines: `python -m bench.server gateway|worker [real-ears|local-ears|quick-ears|chirps|few-chirps|marked]`. Prints `ready`, and for
the gateway its address.

`real-ears`: voice activity is detected by the local model, and answers are long enough to be interrupted. `local-ears`: the local recogniser and turn model
listen, too; `quick-ears`: an instant recogniser with the local turn model. `chirps`: the voice marks moments, see `bench.chirps`; `few-chirps`: in answers of five words. `marked`: each word
tells which answer it is of, see `bench.marked`.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Callable
from typing import Final, cast

from agent.config import load
from agent.conversation.ear_ports import VoiceActivity
from agent.engines import ConfiguredEngines, SileroDetector
from agent.gateway import run_gateway
from agent.models.progress import Observer
from agent.models.store import ModelStore
from agent.providers.vad.silero import SileroModel
from agent.worker import WorkerEngines, run_worker
from bench.chirps import ChirpTTS
from bench.instant import InstantEngines
from bench.local_engines import DeafenedEngines
from bench.marked import MarkedEngines

SETTINGS = {"VISAVIS__HTTP__PORT": "0", "VISAVIS__WORKER__PORT": "0", "VISAVIS__LIMITS__SESSIONS": "16"}
"""Environment for it: any free ports."""


class PreparedEngines(InstantEngines):
    """Implements `worker.WorkerEngines`: there is nothing to prepare."""

    progress = None
    answers = "language model"

    async def prepare(self, observer: Observer = lambda reading: None) -> None:
        pass


APART_SECONDS: Final = 0.9
"""Between two chirps where few are listened to: nobody takes one for its neighbour, however late it comes."""
LONG_WORDS: Final = 30
CHIRPING_WORDS: Final = 20


def silero() -> Callable[[], VoiceActivity]:
    """Detectors of one shared network."""
    model = SileroModel(ModelStore().path("silero-vad"))
    return lambda: SileroDetector(model)


def ears(kind: str) -> WorkerEngines:
    """What listens, and what answers at once."""
    if kind == "local-ears":
        return DeafenedEngines(ConfiguredEngines(load(), "lite"))
    if kind == "quick-ears":
        return DeafenedEngines(ConfiguredEngines(load(), "lite"), understood="What is the question?")
    if kind == "chirps":
        return PreparedEngines(voice=ChirpTTS, words=CHIRPING_WORDS)
    if kind == "marked":
        return MarkedEngines()
    if kind == "few-chirps":
        return PreparedEngines(voice=lambda: ChirpTTS(APART_SECONDS), answer=lambda context: "One two three four five.")
    return PreparedEngines(ears=silero(), words=LONG_WORDS) if kind == "real-ears" else PreparedEngines()


async def serve(role: str, kind: str) -> None:
    """Until a signal comes."""
    engines = ears(kind)
    if role == "worker":
        await run_worker(load(), engines, on_ready=lambda: print("ready", flush=True))
    else:
        await run_gateway(load(), cast(ConfiguredEngines, engines), on_ready=lambda url: print(f"ready {url}", flush=True))


class Stages(logging.Handler):
    """Prints what an agent says of its way into a room, with the Unix time: `stage 1700000000.123 job …`."""

    def emit(self, record: logging.LogRecord) -> None:
        print(f"stage {record.created:.3f} {record.getMessage()}", flush=True)


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING)
    for name in ("visavis.livekit", "visavis.adoption"):
        logging.getLogger(name).setLevel(logging.INFO)
        logging.getLogger(name).addHandler(Stages(logging.INFO))
    asyncio.run(serve(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else ""))
