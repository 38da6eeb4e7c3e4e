"""The user's own files and addresses in place of the pinned ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.config import ModelSource
from agent.models.errors import FetchFailed, ModelCorrupt, ModelMissing, UnknownModel, WrongHash
from agent.models.layout import default_root
from agent.models.model import Model
from tests.models.conftest import MakeStore
from tests.models.registry_server import RegistryServer, noise, sha256


def test_a_file_of_the_users_stands_for_a_model(server: RegistryServer, make_store: MakeStore, mouth: Model, tmp_path: Path) -> None:
    own = tmp_path / "my.onnx"
    own.write_bytes(noise(100, 5))
    store = make_store(mouth, overrides={"mouth": ModelSource(path=own, sha256=sha256(noise(100, 5)).upper())})
    store.ensure(["mouth"])
    assert store.path("mouth") == own
    assert store.status("mouth").given
    assert store.plan(["mouth"]).models == ()
    assert server.requests == []
    own.write_bytes(noise(100, 6))
    with pytest.raises(ModelCorrupt, match="check the file"):
        store.ensure(["mouth"])
    assert own.exists()
    own.unlink()
    with pytest.raises(ModelMissing, match="under `models:`"):
        store.ensure(["mouth"])


def test_a_folder_of_the_users_stands_for_a_model_of_several_files(make_store: MakeStore, ears: Model, tmp_path: Path) -> None:
    store = make_store(ears, overrides={"ears": ModelSource(path=tmp_path / "mine")})
    with pytest.raises(ModelMissing):
        store.path("ears")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "model.bin").write_bytes(b"other weights")
    with pytest.raises(ModelMissing, match="not complete"):
        store.ensure(["ears"])
    (tmp_path / "mine" / "config.json").write_text("{}")
    store.ensure(["ears"])
    assert store.path("ears") == tmp_path / "mine"


def test_an_address_of_the_users_is_fetched(server: RegistryServer, make_store: MakeStore, mouth: Model, root: Path) -> None:
    data = noise(50_000, 8)
    server.files["bigger model.gguf"] = data
    server.faults.cut_after["bigger%20model.gguf"] = [20_000]
    source = ModelSource(url=f"{server.url}/files/bigger%20model.gguf", sha256=sha256(data))
    server.files["bigger%20model.gguf"] = data
    totals = []
    store = make_store(mouth, overrides={"mouth": source})
    store.ensure(["mouth"], lambda reading: totals.append(reading.total_bytes))
    assert store.path("mouth").name == "bigger model.gguf"
    assert store.path("mouth").read_bytes() == data
    assert totals[-1] == len(data)
    assert list((root / "archives").iterdir()) == []
    store.verify("mouth")
    count = len(server.requests)
    make_store(mouth, overrides={"mouth": source}).ensure(["mouth"])
    assert len(server.requests) == count
    with pytest.raises(ModelMissing):
        make_store(mouth).path("mouth")  # the pinned one is another file


def test_an_address_with_other_bytes_is_refused(server: RegistryServer, make_store: MakeStore, mouth: Model) -> None:
    server.files["model.gguf"] = noise(50_000, 8)
    store = make_store(mouth, overrides={"mouth": ModelSource(url=f"{server.url}/files/model.gguf", sha256="0" * 64)})
    with pytest.raises(FetchFailed) as caught:
        store.ensure(["mouth"])
    assert isinstance(caught.value.failures["mouth"], WrongHash)


@pytest.mark.parametrize(
    ("name", "source", "message"),
    [
        ("nose", ModelSource(path=Path("x")), "no model called 'nose'"),
        ("mouth", ModelSource(), "either `path` or `url`"),
        ("mouth", ModelSource(path=Path("x"), url="https://x/y"), "either `path` or `url`"),
        ("mouth", ModelSource(url="https://x/y"), "needs the file's `sha256`"),
        ("mouth", ModelSource(url="ftp://x/y", sha256="0" * 64), "begins with https://"),
        ("mouth", ModelSource(url="file:///etc/passwd", sha256="0" * 64), "begins with https://"),
        ("ears", ModelSource(url="https://x/y", sha256="0" * 64), "give `path`, a folder"),
        ("ears", ModelSource(path=Path("x"), sha256="0" * 64), "has no `sha256`"),
    ],
)
def test_sources_that_make_no_sense_are_refused(
    make_store: MakeStore, mouth: Model, ears: Model, name: str, source: ModelSource, message: str
) -> None:
    with pytest.raises(UnknownModel, match=message):
        make_store(mouth, ears, overrides={name: source})


def test_an_unknown_name_lists_the_known_ones(make_store: MakeStore, mouth: Model) -> None:
    with pytest.raises(UnknownModel, match="known are mouth"):
        make_store(mouth).path("moth")


def test_the_cache_is_where_the_platform_wants_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("VISAVIS_CACHE", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr("sys.platform", "linux")
    assert default_root() == tmp_path / ".cache" / "visavis" / "models"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert default_root() == tmp_path / "xdg" / "visavis" / "models"
    monkeypatch.setattr("sys.platform", "darwin")
    assert default_root() == tmp_path / "Library" / "Caches" / "visavis" / "models"
    monkeypatch.setenv("VISAVIS_CACHE", str(tmp_path / "own"))
    assert default_root() == tmp_path / "own" / "models"
