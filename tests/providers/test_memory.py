"""What loading a model leaves behind goes back to the system; memory that runs out meanwhile is told."""

from __future__ import annotations

import mmap
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.providers.local.memory import give_back_mapped
from infra.paths import ROOT
from tests.fixtures.resident import resident

SIZE = 4 << 20
LOAD_WITH_TOO_LITTLE = """
import resource, sys
from pathlib import Path
import ctranslate2, psutil, tokenizers
from agent.models.errors import NotEnoughMemory
from agent.providers.asr.whisper import Whisper
from agent.providers.local.onnx import open_session

most = psutil.Process().memory_info().vms + (20 << 20)
resource.setrlimit(resource.RLIMIT_AS, (most, most))
try:
    {"whisper-base": Whisper, "kokoro-82m": open_session}[sys.argv[1]](Path(sys.argv[2]))
except NotEnoughMemory as error:
    print(error)
"""


@pytest.mark.skipif(not Path("/proc/self/smaps").is_file(), reason="Linux tells what is resident; elsewhere nothing is given back")
def test_a_mapped_file_is_let_go_and_can_still_be_read(tmp_path: Path) -> None:
    mapped, other = tmp_path / "a model with spaces.gguf", tmp_path / "another.gguf"
    content = bytes(range(256)) * (SIZE // 256)
    for file in (mapped, other):
        file.write_bytes(content)
    with (
        mapped.open("rb") as one,
        other.open("rb") as two,
        mmap.mmap(one.fileno(), 0, access=mmap.ACCESS_READ) as pages,
        mmap.mmap(two.fileno(), 0, access=mmap.ACCESS_READ) as others,
    ):
        assert pages[:] == others[:] == content
        assert resident(mapped) == resident(other) == SIZE
        assert give_back_mapped(mapped) == SIZE
        assert resident(mapped) == 0
        assert resident(other) == SIZE
        assert pages[:] == content


def test_what_is_not_mapped_is_left_alone(tmp_path: Path) -> None:
    assert give_back_mapped(tmp_path / "nothing.gguf") == 0


@pytest.mark.models
@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a process cannot be limited")
@pytest.mark.parametrize("name", ["whisper-base", "kokoro-82m"])
def test_memory_that_runs_out_while_a_model_is_loaded_is_not_called_a_broken_file(name: str, model_path: Callable[[str], Path]) -> None:
    command = [sys.executable, "-c", LOAD_WITH_TOO_LITTLE, name, str(model_path(name))]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    assert "does not fit into memory" in done.stdout
    assert "MODELS=lite" in done.stdout
    assert "verify" not in done.stdout
