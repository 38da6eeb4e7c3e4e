"""The child process of `process.py`: `python -m agent.providers.llm.serve MODEL THREADS` loads the model and serves it on loopback.

It prints its address as a line of JSON and ends when its standard input does, that is, when its parent is gone. It imports little, so that it starts soon.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Final

CONTEXT_TOKENS: Final = 4_096
"""Of one request."""
SLOTS: Final = 2
"""Requests at once, each with the cached beginning of its conversation."""
BATCH_TOKENS: Final = 32
"""A prompt is read in batches of this size; an abort takes effect after one."""
KEY_VARIABLE: Final = "VISAVIS_LLM_PROCESS_KEY"


def serve(model: str, threads: int) -> None:
    """Load, tell the address, and serve until the parent is gone."""
    import xllamacpp

    parameters = xllamacpp.CommonParams()
    parameters.model.path = model
    parameters.n_ctx = CONTEXT_TOKENS * SLOTS
    parameters.n_parallel = SLOTS
    parameters.n_batch = parameters.n_ubatch = BATCH_TOKENS
    parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = threads
    parameters.cpuparams.poll = parameters.cpuparams_batch.poll = 0
    parameters.cache_ram_mib = 256
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = 0
    parameters.api_keys = [os.environ.pop(KEY_VARIABLE)]
    parameters.verbosity = 0
    server = xllamacpp.Server(parameters)
    print(json.dumps({"url": server.listening_address}), flush=True)
    sys.stdin.buffer.read()
    os._exit(0)


if __name__ == "__main__":
    serve(sys.argv[1], int(sys.argv[2]))
