"""The prepared Kokoro graph: made once, in a process of its own, from the published file."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from agent.models.derived import Derived
from agent.models.errors import ModelCorrupt, ModelError

SAMPLES_PER_FRAME: Final = 600
"""At 24 kHz: the durations that the graph gives are in frames of 25 ms."""
PREPARE_SECONDS: Final = 300


def make(inputs: Mapping[str, Path], out: Path) -> None:
    """Write the prepared graph of the published file `inputs["kokoro-82m"]` to `out`. Blocks for some seconds.

    Half a gigabyte of graph would stay in the server's memory, and Python code working on it hold up the server's threads: hence the process.
    """
    command = [sys.executable, "-m", "agent.providers.local.kokoro_graph", str(inputs["kokoro-82m"]), str(out)]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=PREPARE_SECONDS)  # noqa: S603 - our own module
    except subprocess.CalledProcessError as error:
        reason = (error.stderr.strip().splitlines() or [f"exit status {error.returncode}"])[-1]
        raise ModelCorrupt(f"kokoro-82m cannot be prepared: {reason}") from error
    except subprocess.TimeoutExpired as error:
        raise ModelError(f"preparing kokoro-82m took longer than {PREPARE_SECONDS} s; try again when the machine is less busy") from error


PREPARED: Final = Derived(name="kokoro-82m-prepared", inputs=("kokoro-82m",), version="3", make=make, filename="kokoro-82m-prepared.onnx")
"""For `ModelStore.derive`."""
