"""What can go wrong with a model file. Every message says what to do."""

from __future__ import annotations

from collections.abc import Mapping


class ModelError(Exception):
    """Base of all errors of this package."""


class UnknownModel(ModelError):
    """No model bears this name, or its configured source makes no sense."""


class ModelMissing(ModelError):
    """The files are not there (yet)."""


class ModelCorrupt(ModelError):
    """The files are there, but not the pinned bytes."""


class NotEnoughMemory(ModelError):
    """The files are right, but memory ran out while they were loaded."""


class FetchError(ModelError):
    """A file could not be brought here."""


class Unreachable(FetchError):
    """The network or the server failed; trying again later may help."""


class SourceRefused(Unreachable):
    """The server wants something that our own downloader does not have: credentials, a client certificate, a proxy."""


class PackageMissing(FetchError):
    """The registry does not have the pinned package."""


class WrongHash(FetchError):
    """Other bytes came than the pinned ones."""


class BadArchive(FetchError):
    """An archive that had the right hash when it came cannot be unpacked (any more)."""


class NotEnoughSpace(FetchError):
    """The disk is full, or would be."""


class FetchFailed(ModelError):
    """Some models could not be fetched. Those not listed in `failures` are in place."""

    def __init__(self, failures: Mapping[str, ModelError], wanted: int) -> None:
        self.failures = dict(failures)
        reasons: dict[str, list[str]] = {}
        for name, error in failures.items():
            reasons.setdefault(str(error), []).append(name)
        lines = [f"  {', '.join(names)}: {reason}" for reason, names in reasons.items()]
        super().__init__(f"{len(failures)} of {wanted} models could not be fetched:\n" + "\n".join(lines))
