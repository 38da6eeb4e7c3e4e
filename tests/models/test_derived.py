from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from agent.config import ModelSource
from agent.models.derived import Derived
from agent.models.errors import ModelError, ModelMissing
from agent.models.model import Model
from agent.models.store import ModelStore
from tests.models.conftest import MakeStore


def reverse(inputs: Mapping[str, Path], out_path: Path) -> None:
    out_path.write_bytes(inputs["mouth"].read_bytes()[::-1])


def derived(version: str = "1", make: Callable[[Mapping[str, Path], Path], None] = reverse) -> Derived:
    return Derived("backwards", ("mouth",), version, make, "mouth-backwards.onnx")


@pytest.fixture
def store(make_store: MakeStore, mouth: Model) -> ModelStore:
    made = make_store(mouth)
    made.ensure(["mouth"])
    return made


def test_a_derived_file_is_made_once(store: ModelStore) -> None:
    calls: list[Path] = []
    inside = threading.Event()
    go_on = threading.Event()

    def slow(inputs: Mapping[str, Path], out_path: Path) -> None:
        calls.append(out_path)
        inside.set()
        assert go_on.wait(30)
        reverse(inputs, out_path)

    paths: list[Path] = []
    threads = [threading.Thread(target=lambda: paths.append(store.derive(derived(make=slow)))) for _ in range(2)]
    threads[0].start()
    assert inside.wait(30)
    threads[1].start()
    go_on.set()
    for thread in threads:
        thread.join(30)
    assert len(calls) == 1
    assert paths[0] == paths[1]
    assert paths[0].name == "mouth-backwards.onnx"
    assert paths[0].read_bytes() == store.path("mouth").read_bytes()[::-1]
    assert store.derive(derived(make=slow)) == paths[0]
    assert len(calls) == 1


async def test_another_version_or_input_is_another_file(store: ModelStore, make_store: MakeStore, mouth: Model, tmp_path: Path) -> None:
    first = await store.derive_async(derived())
    assert await store.derive_async(derived("2")) != first
    own = tmp_path / "own.onnx"
    own.write_bytes(b"abc")
    other = make_store(mouth, overrides={"mouth": ModelSource(path=own)})
    assert (await other.derive_async(derived())).read_bytes() == b"cba"
    own.write_bytes(b"xyz!")
    assert (await other.derive_async(derived())).read_bytes() == b"!zyx"
    assert first.exists()


def test_a_maker_that_fails_leaves_nothing(store: ModelStore, root: Path) -> None:
    def fail(inputs: Mapping[str, Path], out_path: Path) -> None:
        out_path.write_bytes(b"half")
        raise RuntimeError("the graph has no such output")

    with pytest.raises(RuntimeError, match="no such output"):
        store.derive(derived(make=fail))
    assert [path for path in (root / "derived").rglob("*") if path.is_file() and path.suffix != ".lock"] == []
    with pytest.raises(ModelError, match="wrote nothing"):
        store.derive(derived(make=lambda inputs, out_path: None))
    assert store.derive(derived()).is_file()


def test_a_missing_input_is_told(make_store: MakeStore, mouth: Model) -> None:
    with pytest.raises(ModelMissing, match="visavis models fetch mouth"):
        make_store(mouth).derive(derived())
