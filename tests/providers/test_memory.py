"""What loading a model leaves behind goes back to the system."""

from __future__ import annotations

import mmap
from pathlib import Path

import pytest

from agent.providers.local.memory import give_back_mapped
from tests.fixtures.resident import resident

SIZE = 4 << 20


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
