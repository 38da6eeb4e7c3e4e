"""A sound card for machines that have none: a PulseAudio of our own with a sink that leads nowhere, and what is played there, recorded with its times."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import tempfile
import time
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from infra.console import Failure

RATE: Final = 48_000
START_SECONDS: Final = 10.0


def is_there() -> bool:
    """Whether the programs are installed (Debian's packages pulseaudio and pulseaudio-utils)."""
    return all(shutil.which(name) for name in ("pulseaudio", "parec"))


@dataclass
class SoundCard:
    """`environment` is for the program whose sound it plays."""

    environment: dict[str, str]
    _parts: list[bytes] = field(default_factory=list)
    _ends: list[tuple[float, int]] = field(default_factory=list)
    """When (seconds since the epoch) how many samples had come."""

    def take(self, data: bytes) -> None:
        """What came from the recorder."""
        self._parts.append(data)
        before = self._ends[-1][1] if self._ends else 0
        self._ends.append((time.time(), before + len(data) // 2))

    def recording(self) -> tuple[npt.NDArray[np.float64], float]:
        """All that was played so far, mono, −1 … 1, and when its first sample was, in seconds since the epoch."""
        data = b"".join(self._parts)
        sound = np.frombuffer(data[: len(data) // 2 * 2], np.int16) / 32768
        starts = [at - samples / RATE for at, samples in self._ends]
        return sound, float(np.percentile(starts, 1)) if starts else 0.0


@contextlib.asynccontextmanager
async def running() -> AsyncIterator[SoundCard]:
    """Plays and records until the block ends. Raises `Failure`."""
    if not is_there():
        raise Failure("there is no PulseAudio; install it with: apt-get install pulseaudio pulseaudio-utils")
    with tempfile.TemporaryDirectory(prefix="visavis-sound-", ignore_cleanup_errors=True) as home:
        socket = Path(home) / "native"
        env = {**os.environ, "HOME": home, "XDG_RUNTIME_DIR": home, "PULSE_SERVER": f"unix:{socket}"}
        loads = (f"module-null-sink sink_name=card rate={RATE} channels=1", f"module-native-protocol-unix socket={socket} auth-anonymous=1")
        recorder = None
        try:
            async with asyncio.timeout(START_SECONDS):
                # it returns when the server, in the background, can be used
                command = ("pulseaudio", "-n", "--daemonize=yes", "--exit-idle-time=-1", *(f"--load={load}" for load in loads))
                starting = await asyncio.create_subprocess_exec(*command, env=env, stdout=DEVNULL, stderr=DEVNULL)
                if await starting.wait() != 0:
                    raise Failure("PulseAudio did not start")
            command = ("parec", "--device=card.monitor", "--format=s16le", f"--rate={RATE}", "--channels=1", "--latency-msec=5", "--raw")
            recorder = await asyncio.create_subprocess_exec(*command, env=env, stdout=PIPE, stderr=DEVNULL)
            card = SoundCard({"PULSE_SERVER": env["PULSE_SERVER"]})
            reading = asyncio.create_task(_read(recorder, card))
            try:
                yield card
            finally:
                reading.cancel()
        except TimeoutError:
            raise Failure(f"PulseAudio did not start within {START_SECONDS:g} s") from None
        finally:
            if recorder is not None and recorder.returncode is None:
                recorder.terminate()
                await recorder.wait()
            _end_server(Path(home))


async def _read(recorder: asyncio.subprocess.Process, card: SoundCard) -> None:
    assert recorder.stdout is not None
    while data := await recorder.stdout.read(65_536):
        card.take(data)


def _end_server(home: Path) -> None:
    """It wrote down its process id; it removes its own files."""
    for pid in home.glob("**/pid"):
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(pid.read_text()), signal.SIGTERM)
