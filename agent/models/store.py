"""The cache of model files as the rest of the project sees it: where a model is, whether it is good, and bringing it here."""

from __future__ import annotations

import asyncio
import logging
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Literal
from urllib.parse import unquote, urlsplit

from agent.config import ModelSource
from agent.models.assemble import sha256_of
from agent.models.derived import Derived, derive, derived_path
from agent.models.download import Retry
from agent.models.errors import FetchFailed, ModelCorrupt, ModelMissing, UnknownModel
from agent.models.fetch import Fetch, Registries, free_bytes, need_bytes
from agent.models.layout import Layout, default_root
from agent.models.manifest import MODELS
from agent.models.model import Address, Model, ModelFile, Part, download_size
from agent.models.progress import FetchProgress, Observer
from agent.models.stamp import stamp_holds, write_stamp

logger = logging.getLogger("visavis.models")

State = Literal["ready", "unchecked", "damaged", "partial", "missing"]
"""`unchecked`: complete, but touched since it was last hashed; `damaged`: a file is absent or of the wrong size; `partial`: some of it was fetched."""


@dataclass(frozen=True, slots=True)
class ModelStatus:
    """One model; `given`: the user's own file."""

    model: Model
    state: State
    path: Path
    given: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """What `ensure` would do: bytes still to fetch, and bytes that the disk must have free meanwhile."""

    models: tuple[Model, ...]
    download_bytes: int
    disk_bytes: int


@dataclass(frozen=True, slots=True)
class _Given:
    """A file or folder of the user's that stands for a model."""

    path: Path
    sha256: str | None


class ModelStore:
    """Model files of one user. Cheap to make; holds nothing open.

    `overrides` are the configuration's `models:`: another file or address for a model. Raises `UnknownModel` if one makes no sense.
    """

    def __init__(
        self,
        root: Path | None = None,
        overrides: Mapping[str, ModelSource] | None = None,
        *,
        models: Mapping[str, Model] = MODELS,
        registries: Registries | None = None,
        retry: Retry | None = None,
        free: Callable[[Path], int] = free_bytes,
    ) -> None:
        self._layout = Layout(root or default_root())
        self._models = dict(models)
        self._given: dict[str, _Given] = {}
        self._registries = registries
        self._retry = retry
        self._free = free
        for name, source in (overrides or {}).items():
            self._override(self._model(name), source)

    @property
    def root(self) -> Path:
        return self._layout.root

    # looking

    def path(self, name: str) -> Path:
        """A model of one file: that file; of several: their folder. Looks, but reads nothing. Raises `ModelMissing`, `ModelCorrupt`, `UnknownModel`."""
        match self.status(name):
            case ModelStatus(state="ready" | "unchecked", path=path):
                return path
            case ModelStatus(given=True, path=path):
                raise ModelMissing(f"{name}: {path} is not there or not complete; it is named under `models:` in the configuration")
            case ModelStatus(state="damaged", path=path):
                raise ModelCorrupt(f"{name} in {path} is damaged; `visavis models fetch {name}` fetches it again")
            case ModelStatus(path=path):
                raise ModelMissing(f"{name} is not in {self.root}; `visavis models fetch {name}` brings it")

    def status(self, name: str) -> ModelStatus:
        """What is there of one model, told from names, sizes and times."""
        model = self._model(name)
        given = name in self._given
        return ModelStatus(model, self._state(model), self._entry(model), given)

    def statuses(self) -> list[ModelStatus]:
        return [self.status(name) for name in self._models]

    def verify(self, name: str) -> None:
        """Read and hash the files of a model. Raises `ModelMissing`, `ModelCorrupt`, after which `ensure` fetches it again. Blocks for seconds."""
        self.path(name)
        model = self._model(name)
        files = self._files(model)
        for file, expected in files.items():
            if expected is not None and (found := sha256_of(file)) != expected:
                self._stamp(model).unlink(missing_ok=True)
                again = "check the file or its `sha256`" if name in self._given else f"`visavis models fetch {name}` fetches it again"
                raise ModelCorrupt(f"{name}: {file} has SHA-256 {found}, expected {expected}; {again}")
        write_stamp(self._stamp(model), list(files))

    # fetching

    def plan(self, names: Iterable[str]) -> Plan:
        """What `ensure` would fetch."""
        missing = [model for model in self._with_siblings(names) if self._state(model) in {"missing", "partial", "damaged"}]
        here = sum(self._layout.bytes_here(archive) for archive in {archive for model in missing for archive in model.archives})
        return Plan(tuple(missing), max(0, download_size(missing) - here), need_bytes(self._layout, missing))

    def ensure(self, names: Iterable[str], progress: Observer = lambda reading: None) -> None:
        """Have all of `names` in place and checked; without the network if they are. Blocks; Ctrl-C stops it, and a later run goes on from there.

        `progress` is called a few times a second, in this thread. Raises `FetchFailed` (the models that it does not name are in place),
        `NotEnoughSpace`, `ModelCorrupt` and `ModelMissing` (for the user's own files), `FetchError`.
        """
        asyncio.run(self._ensure(list(names), progress))

    async def ensure_async(self, names: Iterable[str], progress: Observer = lambda reading: None) -> None:
        """`ensure` in a thread of its own: nothing blocks the caller's loop, on which `progress` is called. Cancelling stops it."""
        loop = asyncio.get_running_loop()
        wanted = list(names)
        inner: asyncio.Future[tuple[asyncio.AbstractEventLoop, asyncio.Task[None]]] = loop.create_future()

        def report(reading: FetchProgress) -> None:
            loop.call_soon_threadsafe(progress, reading)

        async def work() -> None:
            task = asyncio.current_task()
            assert task is not None
            loop.call_soon_threadsafe(inner.set_result, (asyncio.get_running_loop(), task))
            await self._ensure(wanted, report)

        thread = asyncio.ensure_future(asyncio.to_thread(lambda: asyncio.run(work())))
        try:
            await asyncio.shield(thread)
        except asyncio.CancelledError:
            if not thread.done():
                other_loop, task = await inner
                other_loop.call_soon_threadsafe(task.cancel)
                await asyncio.wait([thread])
            raise

    async def _ensure(self, names: Sequence[str], progress: Observer) -> None:
        models = self._with_siblings(names)
        fetch = Fetch(self._layout, progress, registries=self._registries, retry=self._retry, free=self._free)
        for model in models:
            if model.name in self._given and self._state(model) != "ready":
                await asyncio.to_thread(self.verify, model.name)

        async def find_missing() -> Sequence[Model]:
            return [model for model in models if model.name not in self._given and not await asyncio.to_thread(self._good, model)]

        if failures := await fetch.run(find_missing):
            raise FetchFailed(failures, len(models))

    def _good(self, model: Model) -> bool:
        state = self._state(model)
        if state == "unchecked":
            try:
                self.verify(model.name)
            except ModelCorrupt as error:
                logger.warning("%s", error)
                return False
            return True
        return state == "ready"

    # derived files

    def derive(self, derived: Derived) -> Path:
        """The file that `derived` describes, made now if it is not there. Blocks. Raises `ModelMissing` for an input, `ModelError`."""
        inputs = {name: self.path(name) for name in derived.inputs}
        return derive(derived, self._layout, inputs, {name: self._identity(name) for name in derived.inputs})

    def is_derived(self, derived: Derived) -> bool:
        """Whether that file is there. Raises `ModelMissing`, `UnknownModel` for an input."""
        for name in derived.inputs:
            self.path(name)
        return derived_path(derived, self._layout, {name: self._identity(name) for name in derived.inputs}).exists()

    def forget(self, derived: Derived) -> None:
        """Delete what was made of `derived`, in all versions."""
        shutil.rmtree(self._layout.derived / derived.name, ignore_errors=True)

    async def derive_async(self, derived: Derived) -> Path:
        """`derive` in a thread."""
        return await asyncio.to_thread(self.derive, derived)

    # inside

    def _model(self, name: str) -> Model:
        try:
            return self._models[name]
        except KeyError:
            raise UnknownModel(f"there is no model called {name!r}; known are {', '.join(self._models)}") from None

    def _override(self, model: Model, source: ModelSource) -> None:
        if (source.path is None) == (source.url is None):
            raise UnknownModel(f"models.{model.name}: expected either `path` or `url`")
        if source.path is not None:
            if source.sha256 and len(model.files) > 1:
                raise UnknownModel(
                    f"models.{model.name}: this model is a folder of {len(model.files)} files, which has no `sha256`; leave it out"
                )
            self._given[model.name] = _Given(source.path.expanduser().absolute(), source.sha256 and source.sha256.lower())
            return
        assert source.url is not None
        url = urlsplit(source.url)
        if url.scheme not in {"http", "https"} or not url.hostname:
            raise UnknownModel(f"models.{model.name}.url: expected an address that begins with https:// or http://")
        if source.sha256 is None:
            raise UnknownModel(
                f"models.{model.name}: `url` needs the file's `sha256` beside it, so that nothing else can come in its place"
            )
        if len(model.files) > 1:
            raise UnknownModel(
                f"models.{model.name}: this model has {len(model.files)} files; give `path`, a folder with them, instead of `url`"
            )
        name = PurePosixPath(unquote(url.path)).name or model.files[0].name
        address = Address(source.url, source.sha256.lower(), name)
        self._models[model.name] = replace(model, files=(ModelFile(name, 0, address.sha256, (Part(address, ""),)),))

    def _entry(self, model: Model) -> Path:
        if given := self._given.get(model.name):
            return given.path
        folder = self._layout.folder(model)
        return folder / model.files[0].name if len(model.files) == 1 else folder

    def _files(self, model: Model) -> dict[Path, str | None]:
        """Each file with the hash that it should have, if one is known."""
        entry = self._entry(model)
        if given := self._given.get(model.name):
            return {given.path: given.sha256} if len(model.files) == 1 else {entry / file.name: None for file in model.files}
        return {self._layout.folder(model) / file.name: file.sha256 for file in model.files}

    def _stamp(self, model: Model) -> Path:
        return self._layout.root / model.name / "given.stamp.json" if model.name in self._given else self._layout.stamp(model)

    def _state(self, model: Model) -> State:
        files = self._files(model)
        given = model.name in self._given
        try:
            sizes = [file.stat().st_size for file in files if file.is_file()]
        except OSError:
            sizes = []
        if len(sizes) < len(files):
            if given:
                return "missing"
            if self._layout.folder(model).exists():
                return "damaged"
            return "partial" if any(self._layout.bytes_here(archive) for archive in model.archives) else "missing"
        if not given and any(file.size not in (0, size) for file, size in zip(model.files, sizes, strict=True)):
            return "damaged"
        return "ready" if stamp_holds(self._stamp(model), list(files)) else "unchecked"

    def _with_siblings(self, names: Iterable[str]) -> list[Model]:
        """The named models in the manifest's order, and those that come out of the same archives: they cost nothing more, and would later."""
        named = {self._model(name).name for name in names}
        archives = {archive for name in named - self._given.keys() for archive in self._models[name].archives}
        return [model for model in self._models.values() if model.name in named or archives.intersection(model.archives)]

    def _identity(self, name: str) -> str:
        if given := self._given.get(name):
            if given.sha256:
                return given.sha256
            return " ".join(f"{file} {file.stat().st_size} {file.stat().st_mtime_ns}" for file in self._files(self._model(name)))
        return self._model(name).digest
