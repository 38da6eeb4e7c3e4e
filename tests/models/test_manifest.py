"""The pinned list, and the choice among its sets."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from agent.models.errors import ModelMissing
from agent.models.manifest import MODELS, SETS, select
from agent.models.model import download_size
from agent.models.resources import FULL_MEMORY_BYTES, available_memory, choose
from agent.models.store import ModelStore


def test_everything_is_pinned() -> None:
    archives = {archive for model in MODELS.values() for archive in model.archives}
    hashes = [archive.sha256 for archive in archives]
    assert len(set(hashes)) == len(hashes)
    assert len({archive.filename for archive in archives}) == len(archives)
    for model in MODELS.values():
        assert len({file.name for file in model.files}) == len(model.files)
        for file in model.files:
            assert file.parts
            assert file.size > 0
            hashes.append(file.sha256)
    assert all(re.fullmatch("[0-9a-f]{64}", value) for value in hashes)
    assert all(archive.size > 0 and re.fullmatch(r"\d+(\.\d+)+", archive.version) for archive in archives)  # type: ignore[union-attr]


def test_the_sets_cost_what_the_documentation_says() -> None:
    def megabytes(names: tuple[str, ...]) -> tuple[int, int]:
        models = [MODELS[name] for name in names]
        return round(download_size(models) / 1e6), round(sum(model.size for model in models) / 1e6)

    assert megabytes(SETS["lite"]) == (292, 299)
    assert megabytes(select("lite", ["en"])) == (68, 55)
    assert megabytes(tuple(name for name in SETS["full"] if MODELS[name].purpose != "runtime")) == (1385, 1417)
    assert set(SETS["lite"]) < set(SETS["full"]) == set(MODELS)
    assert not any(MODELS[name].purpose == "llm" for name in SETS["lite"])
    assert select("full") == SETS["full"]
    assert "moonshine-tiny-en" not in select("lite", ["zh"])


def test_the_full_set_needs_memory_and_disk(tmp_path: Path) -> None:
    store = ModelStore(tmp_path)
    assert choose(store, FULL_MEMORY_BYTES, 3_100_000_000).set == "full"
    assert choose(store, FULL_MEMORY_BYTES - 1, 3_100_000_000).set == "lite"
    small = choose(store, FULL_MEMORY_BYTES, 2_900_000_000)
    assert small.set == "lite"
    assert "2.9 GB of disk (3.0 GB needed)" in small.reason
    assert "MODELS=full" in small.reason


def test_a_container_allows_less_memory_than_the_machine_has(tmp_path: Path) -> None:
    groups = tmp_path / "cgroup"
    own = groups / "outer" / "inner"
    own.mkdir(parents=True)
    proc = tmp_path / "proc"
    proc.write_text("1:name=systemd:/x\n0::/outer/inner\n")
    unlimited = available_memory(tmp_path / "nothing", groups)
    assert available_memory(proc, groups) == pytest.approx(unlimited, rel=0.2)
    (groups / "outer" / "memory.max").write_text("1000000\n")
    (groups / "outer" / "memory.current").write_text("700000\n")
    (groups / "outer" / "memory.stat").write_text("anon 400000\ninactive_file 200000\n")
    (own / "memory.max").write_text("max\n")
    assert available_memory(proc, groups) == 500_000
    (groups / "outer" / "memory.current").write_text("9000000\n")
    assert available_memory(proc, groups) == 0


@pytest.mark.models
@pytest.mark.parametrize("name", SETS["full"])
def test_the_models_on_this_machine_are_the_pinned_ones(name: str) -> None:
    store = ModelStore()
    try:
        store.path(name)
    except ModelMissing as error:
        pytest.skip(str(error))
    store.verify(name)
