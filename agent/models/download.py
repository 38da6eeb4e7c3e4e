"""One file from one URL: streamed, resumed, hashed while it is written, retried."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import hashlib
import os
import random
import re
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final
from urllib.parse import urlsplit
from urllib.request import url2pathname

import certifi
import httpx

from agent.models.errors import FetchError, NotEnoughSpace, PackageMissing, SourceRefused, Unreachable, WrongHash

CHUNK: Final = 1 << 18
TIMEOUT: Final = httpx.Timeout(connect=15.0, read=60.0, write=15.0, pool=None)
LONGEST_DELAY_SECONDS: Final = 30.0
_AGAIN: Final = "what has come is kept; try again with `visavis models fetch`"


@dataclass(frozen=True, slots=True)
class Retry:
    """How often a request that brings nothing is tried, and the first pause; each further pause is twice as long."""

    attempts: int = 5
    delay_seconds: float = 0.5


@dataclass(frozen=True, slots=True)
class Wanted:
    """The bytes to get. `size` 0: whatever has the right hash."""

    label: str
    size: int
    sha256: str


class _Transient(Exception):
    """Worth another attempt."""

    def __init__(self, error: FetchError, wait_seconds: float = 0.0) -> None:
        self.error = error
        self.wait_seconds = wait_seconds


def new_client() -> httpx.AsyncClient:
    """A client that honours the usual proxy and certificate variables. Raises `FetchError` for a certificate file that cannot be used."""
    context = ssl.create_default_context()  # the system's, SSL_CERT_FILE, SSL_CERT_DIR
    context.load_verify_locations(certifi.where())
    for name in ("SSL_CERT_FILE", "PIP_CERT", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"):
        if (file := os.environ.get(name)) and file not in {"0", "1"}:
            try:
                context.load_verify_locations(file) if os.path.isfile(file) else context.load_verify_locations(capath=file)
            except OSError as error:
                raise FetchError(f"{name} names {file}, which cannot be used as certificates: {error}") from error
    try:
        return httpx.AsyncClient(verify=context, timeout=TIMEOUT, follow_redirects=True)
    except (ValueError, ImportError) as error:
        raise FetchError(f"the proxy settings cannot be used: {error}; check HTTPS_PROXY, HTTP_PROXY and ALL_PROXY") from error


class PartFile:
    """What has come of a file, and its hash so far."""

    def __init__(self, path: Path, on_bytes: Callable[[int], None]) -> None:
        self._path = path
        self._on_bytes = on_bytes
        self._hash = hashlib.sha256()
        self.size = 0
        try:
            self._file = open(path, "a+b", buffering=0)  # noqa: SIM115
        except OSError as error:
            raise disk_error(error, path) from error

    def __enter__(self) -> PartFile:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self._file.close()

    def catch_up(self) -> None:
        """Hash what an earlier run left."""
        self._file.seek(0)
        while data := self._file.read(CHUNK):
            self._hash.update(data)
            self.size += len(data)

    def write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            try:
                count = self._file.write(view)
            except OSError as error:
                raise disk_error(error, self._path) from error
            self._hash.update(view[:count])
            self.size += count
            self._on_bytes(count)
            view = view[count:]

    def restart(self) -> None:
        self._on_bytes(-self.size)
        self._file.truncate(0)
        self._hash = hashlib.sha256()
        self.size = 0

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()


async def download(
    client: httpx.AsyncClient,
    url: str,
    wanted: Wanted,
    part: Path,
    *,
    on_bytes: Callable[[int], None] = lambda count: None,
    on_size: Callable[[int], None] = lambda size: None,
    retry: Retry | None = None,
) -> None:
    """Bring `wanted` from `url` into `part`, going on where `part` ends, and check its hash.

    `on_bytes` gets the change of the size, which is negative when a bad start is thrown away; `on_size` gets the whole size, perhaps more than
    once, where `wanted` does not tell it.
    Raises `Unreachable`, `SourceRefused`, `PackageMissing`, `WrongHash`, `NotEnoughSpace`.
    """
    retry = retry or Retry()
    with PartFile(part, on_bytes) as file:
        await asyncio.to_thread(file.catch_up)
        if wanted.size and file.size > wanted.size:
            file.restart()
        farthest = file.size
        idle_attempts = 0
        bad_copies = 0
        while True:
            try:
                if not (wanted.size and file.size == wanted.size):
                    await _transfer(client, url, wanted, file, on_size)
            except _Transient as failure:
                idle_attempts = 0 if file.size > farthest else idle_attempts + 1
                farthest = max(farthest, file.size)
                if idle_attempts >= retry.attempts:
                    raise failure.error from failure.__cause__
                pause = retry.delay_seconds * 2**idle_attempts * random.uniform(0.75, 1.25)
                await asyncio.sleep(min(max(pause, failure.wait_seconds), LONGEST_DELAY_SECONDS))
                continue
            if file.sha256 == wanted.sha256:
                return
            bad_copies += 1
            found = file.sha256
            file.restart()
            if bad_copies == 2:  # the first may have been a resumed part of something else
                raise WrongHash(
                    f"{wanted.label} from {_place(url)} has SHA-256 {found}, expected {wanted.sha256}: it is not the file that was tested. "
                    "Try again later, or name another source under `models:` in the configuration"
                )


async def _transfer(client: httpx.AsyncClient, url: str, wanted: Wanted, file: PartFile, on_size: Callable[[int], None]) -> None:
    """One request; appends to `file` until the end of the body."""
    if urlsplit(url).scheme == "file":
        await asyncio.to_thread(_copy, Path(url2pathname(urlsplit(url).path)), wanted, file)
        return
    headers = {"Accept-Encoding": "identity"}
    if file.size:
        headers["Range"] = f"bytes={file.size}-"
    try:
        async with client.stream("GET", url, headers=headers) as response:
            _check_status(response, url, wanted, file)
            length = response.headers.get("Content-Length", "")
            expected = wanted.size or (file.size + int(length) if length.isdecimal() else 0)
            if expected and not wanted.size:
                on_size(expected)
            async for chunk in response.aiter_raw():
                if expected and file.size + len(chunk) > expected:
                    file.restart()
                    raise WrongHash(
                        f"{wanted.label} from {_place(url)} is longer than the {expected} bytes expected: it is not the file that was tested"
                    )
                file.write(chunk)
    except httpx.InvalidURL as error:
        raise FetchError(f"{wanted.label}: the address is not a valid URL: {error}") from error
    except httpx.UnsupportedProtocol as error:
        raise FetchError(f"{wanted.label}: {error}; expected http:// or https://") from error
    except httpx.HTTPError as error:
        kind = SourceRefused if isinstance(error, httpx.ConnectError | httpx.ProxyError) else Unreachable
        raise _Transient(kind(f"{_place(url)} could not be reached or broke off ({type(error).__name__}: {error}); {_AGAIN}")) from error
    if file.size < expected:
        raise _Transient(Unreachable(f"{_place(url)} ended {wanted.label} after {file.size} of {expected} bytes; {_AGAIN}"))


def _check_status(response: httpx.Response, url: str, wanted: Wanted, file: PartFile) -> None:
    """Make `file` ready for the body that follows, or raise."""
    match response.status_code:
        case 200:
            file.restart() if file.size else None  # the server does not do ranges
        case 206:
            start = re.match(r"bytes (\d+)-", response.headers.get("Content-Range", ""))
            if start is None or int(start[1]) != file.size:
                file.restart()
                raise _Transient(Unreachable(f"{_place(url)} sent another range than the one asked for"))
        case 416:
            file.restart()
            raise _Transient(Unreachable(f"{_place(url)} has fewer bytes of {wanted.label} than were asked for"))
        case 401 | 403 | 407:
            raise SourceRefused(
                f"{_place(url)} refused {wanted.label} (HTTP {response.status_code}); check the credentials of your mirror or proxy"
            )
        case 404 | 410:
            raise PackageMissing(f"{_place(url)} does not have {wanted.label} any more (HTTP {response.status_code})")
        case 408 | 425 | 429 | 500 | 502 | 503 | 504 as status:
            later = response.headers.get("Retry-After", "")
            raise _Transient(Unreachable(f"{_place(url)} answered HTTP {status}; {_AGAIN}"), float(later) if later.isdecimal() else 0.0)
        case status:
            raise Unreachable(f"{_place(url)} answered HTTP {status} for {wanted.label}; expected 200 or 206")


def _copy(source: Path, wanted: Wanted, file: PartFile) -> None:
    """From a folder that stands in for a registry."""
    file.restart()
    try:
        with source.open("rb") as stream:
            while data := stream.read(CHUNK):
                file.write(data)
    except FileNotFoundError as error:
        raise PackageMissing(f"{source} does not exist") from error
    except OSError as error:
        raise FetchError(f"{source} could not be read: {error}") from error


def _place(url: str) -> str:
    """The host: a URL may carry credentials."""
    with contextlib.suppress(ValueError):
        return urlsplit(url).hostname or "the address"
    return "the address"


def disk_error(error: OSError, path: Path) -> FetchError:
    """What an error of writing `path` means."""
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return NotEnoughSpace(
            f"the disk with {path.parent} is full; make room or set VISAVIS_CACHE to a folder on another disk, then try again"
        )
    return FetchError(f"{path} could not be written: {error.strerror}; check the permissions, or set VISAVIS_CACHE to another folder")
