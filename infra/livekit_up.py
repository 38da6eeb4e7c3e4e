"""`make livekit`: livekit-server (or the one that LIVEKIT_URL names), a worker and the token service with the page, until Ctrl-C or until one of them ends.

.venv/bin/python -m infra.livekit_up
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import aiohttp
import httpx
import yaml
from livekit import api

from agent import config as settings
from infra import livekit_install, livekit_server
from infra.children import Child
from infra.console import Failure, entry, say
from infra.livekit_server import Keys, Ports
from infra.paths import ROOT, VENV
from infra.ports import free_tcp_port, is_free

REPORT_SECONDS: Final = 15.0
"""How often the wait for `Ready` tells what is missing."""


@dataclass(frozen=True)
class Address:
    """Where the token service is: `page` for people, `probe` for us."""

    host: str
    port: int
    tls: bool

    @property
    def page(self) -> str:
        host = {"0.0.0.0": "127.0.0.1", "::": "[::1]", "::1": "[::1]"}.get(self.host, self.host)
        return f"{'https' if self.tls else 'http'}://{host}:{self.port}"


async def up(config: settings.Config, program: Path | None) -> int:
    """Start everything, in the order in which they need each other, and stop it in the opposite one. Returns the exit code.

    `program`: our own livekit-server, or None when the configuration names one.
    """
    address = Address(config.http.host, config.http.port or free_tcp_port(), config.http.tls_cert is not None)
    if not is_free(address.port, host=address.host):
        raise Failure(f"port {address.port} is in use; choose another one: make livekit PORT=8090")
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stop.set)
    stopped = asyncio.create_task(stop.wait())
    async with AsyncExitStack() as stack:
        found, server = await stack.enter_async_context(_livekit(config, program))
        worker_port = config.worker.port if config.worker.port and is_free(config.worker.port) else free_tcp_port()
        env = {**os.environ, **found, **child_settings(address.port, worker_port)}
        children = [server] if server else []
        for name in ("api", "worker"):
            child = await Child.start(name, [VENV / "bin" / "visavis", name], env=env, cwd=ROOT, on_line=_teller(name))
            # asked once, the worker would wait for its conversations to end
            stack.push_async_callback(child.stop, insist_after_seconds=1, kill_after_seconds=15)
            children.append(child)
        ends = {asyncio.create_task(child.wait()): child for child in children}
        ready = asyncio.create_task(_tell_when_ready(address))
        await asyncio.wait([stopped, ready, *ends], return_when=asyncio.FIRST_COMPLETED)
        if ready.done() and not stop.is_set():
            await ready
            await asyncio.wait([stopped, *ends], return_when=asyncio.FIRST_COMPLETED)
        ready.cancel()
        dead = [child for task, child in ends.items() if task.done()]
        if stop.is_set() or not dead:
            say("stopping")
            return 0
        for child in dead:
            print(f"\nerror: {obituary(child.name, child.returncode, list(child.last_words))}", file=sys.stderr, flush=True)
        return 1


def child_settings(port: int, worker_port: int) -> dict[str, str]:
    """What the worker and the token service are told beyond the person's own settings."""
    return {
        "PORT": str(port),
        "VISAVIS__WORKER__PORT": str(worker_port),
        "VISAVIS__WORKER__URL": f"http://127.0.0.1:{worker_port}",
        "PYTHONUNBUFFERED": "1",
    }


def obituary(name: str, code: int | None, last_words: list[str]) -> str:
    """How a child ended, and what it said last."""
    how = f"was ended by {signal.Signals(-code).name}" if code is not None and code < 0 else f"ended with exit code {code}"
    return f"the {name} {how}" + (". Its last words:\n  " + "\n  ".join(last_words[-12:]) if last_words else "; it said nothing")


@asynccontextmanager
async def _livekit(config: settings.Config, program: Path | None) -> AsyncIterator[tuple[Mapping[str, str], Child | None]]:
    """The variables by which livekit-server is found, and the server itself when it is ours."""
    if program is None:
        keys = Keys(config.livekit.api_key, config.livekit.api_secret.get_secret_value())
        await check_server(config.livekit.url, keys)
        yield {"LIVEKIT_URL": config.livekit.url, "LIVEKIT_API_KEY": keys.api_key, "LIVEKIT_API_SECRET": keys.api_secret}, None
        return
    base = base_configuration(ROOT / "livekit.yaml")
    usual = Ports.of(base)
    ports = usual if usual.are_free() else Ports.free()
    if ports != usual:
        say(f"• port {usual.http} or {usual.media} is in use: livekit-server takes {ports.http} and {ports.media} instead")
    wanted = livekit_server.configuration(base, ports)
    keys = stored_keys(settings.data_home() / "livekit.env")
    async with livekit_server.running(program, wanted, keys, on_line=_teller("livekit")) as server:
        yield server.environment, server.child


def base_configuration(file: Path) -> dict[str, Any]:
    """The content of livekit.yaml. Raises `Failure`."""
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise Failure(f"{file} cannot be read: {error}") from None
    if not isinstance(content, dict):
        raise Failure(f"{file}: expected settings of livekit-server, as `port: 7880`")
    return content


def stored_keys(file: Path) -> Keys:
    """The key and secret of our own livekit-server, made at the first start and kept in `file` (mode 0600), which a shell can source."""
    try:
        content = dict(line.split("=", 1) for line in file.read_text(encoding="utf-8").splitlines() if "=" in line)
        keys = Keys(content["LIVEKIT_API_KEY"], content["LIVEKIT_API_SECRET"])
        file.chmod(0o600)
        return keys
    except (OSError, UnicodeDecodeError, KeyError):
        keys = Keys.new()
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    file.unlink(missing_ok=True)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as out:
        out.write(f"LIVEKIT_API_KEY={keys.api_key}\nLIVEKIT_API_SECRET={keys.api_secret}\n")
    return keys


async def check_server(url: str, keys: Keys, *, timeout_seconds: float = 10) -> None:
    """Ask the server that the person named whether it is there and takes the keys. Raises `Failure`."""
    if not keys.api_key or not keys.api_secret:
        raise Failure("LIVEKIT_URL is set; LIVEKIT_API_KEY and LIVEKIT_API_SECRET are needed with it")
    if url.split("://", 1)[0] not in ("ws", "wss", "http", "https"):
        raise Failure(f"LIVEKIT_URL is {url!r}; expected an address like wss://livekit.example.org")
    try:
        timeout = aiohttp.ClientTimeout(total=timeout_seconds)
        async with api.LiveKitAPI(url, keys.api_key, keys.api_secret, timeout=timeout) as client:
            await client.room.list_rooms(api.ListRoomsRequest(names=["visavis-check"]))
    except api.ServerError as error:
        if error.status in (401, 403):
            raise Failure(f"the LiveKit server at {url} does not take the keys: check LIVEKIT_API_KEY and LIVEKIT_API_SECRET") from None
        raise Failure(f"the LiveKit server at {url} answers with an error: {error.message}") from None
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise Failure(
            f"no LiveKit server answers at {url} ({error or 'timeout'}); check LIVEKIT_URL, or unset it and one is started here"
        ) from None


async def _tell_when_ready(address: Address) -> None:
    """Print `Page:` once the page opens, and `Ready:` once a conversation can be held."""
    # our own service on this machine: its certificate may be for another name
    async with httpx.AsyncClient(base_url=address.page, trust_env=False, timeout=5, verify=False) as client:
        await _until_ok(client, "/healthz", silent=True)
        say(f"Page: {address.page}")
        await _until_ok(client, "/readyz")
        say(f"Ready: {address.page}")
        say(f"  through LiveKit: {address.page}/?door=livekit   (Ctrl-C stops everything)")


async def _until_ok(client: httpx.AsyncClient, path: str, *, silent: bool = False) -> None:
    """Ask `path` until it answers with 200, telling now and then what it says instead."""
    loop = asyncio.get_running_loop()
    told = loop.time()
    while True:
        try:
            answer = await client.get(path)
            if answer.status_code == 200:
                return
            text = what_is_missing(answer.text)
        except httpx.HTTPError as error:
            text = str(error)
        if not silent and loop.time() - told >= REPORT_SECONDS:
            told = loop.time()
            say(f"  not ready yet: {text}")
        await asyncio.sleep(0.1)


def what_is_missing(answer: str) -> str:
    """A line for people from the body of /readyz, `{missing: […], progress: {done_bytes, total_bytes, eta_s} or null}`, or the body itself."""
    try:
        content = json.loads(answer)
        parts = [str(part) for part in content.get("missing", ())]
        progress = content.get("progress")
        if progress and progress["total_bytes"]:
            parts.append(f"fetched {progress['done_bytes'] / 1e6:.0f} of {progress['total_bytes'] / 1e6:.0f} MB")
            if progress.get("eta_s") is not None:
                parts.append(f"about {max(1, round(progress['eta_s'] / 60))} min left")
        text = ", ".join(parts) or answer
    except (ValueError, AttributeError, KeyError, TypeError):
        text = answer
    return " ".join(text.split())[:300]


def _teller(name: str) -> Callable[[str], None]:
    def tell(line: str) -> None:
        if not line.startswith(("Page: ", "Ready: ")):  # those two are ours to say
            print(f"{name:<7} | {line}", flush=True)

    return tell


def main() -> int:
    if port := os.environ.get("PORT"):
        os.environ["VISAVIS__HTTP__PORT"] = port
    try:
        config = settings.load()
    except settings.ConfigError as error:
        raise Failure(str(error)) from None
    program = None if config.livekit.url else livekit_install.ensure()
    return asyncio.run(up(config, program))


if __name__ == "__main__":
    entry(main)
