"""Running livekit-server: its configuration, its keys, and the wait until it answers.

async with running(program, configuration(base, Ports.free()), Keys.new()) as server:
    server.url, server.keys
"""

from __future__ import annotations

import asyncio
import copy
import json
import os
import secrets
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx

from infra.children import Child
from infra.console import Failure
from infra.ports import free_tcp_port, free_udp_port, is_free

READY_SECONDS: Final = 20.0
"""How long the server may take to answer; it needs 0.2 s where nothing else is going on."""


@dataclass(frozen=True)
class Keys:
    """An API key and its secret."""

    api_key: str
    api_secret: str = field(repr=False)

    @classmethod
    def new(cls) -> Keys:
        return cls("API" + secrets.token_hex(6), secrets.token_urlsafe(36))


@dataclass(frozen=True)
class Ports:
    """`http`: signalling and API, TCP. `media`: UDP."""

    http: int
    media: int

    @classmethod
    def free(cls) -> Ports:
        return cls(free_tcp_port(), free_udp_port())

    @classmethod
    def of(cls, base: Mapping[str, Any]) -> Ports:
        """Those that the configuration `base` names, or livekit-server's usual ones."""
        return cls(int(base.get("port", 7880)), int(base.get("rtc", {}).get("udp_port", 7882)))

    def are_free(self) -> bool:
        return is_free(self.http) and is_free(self.media, socket.SOCK_DGRAM, "")


@dataclass(frozen=True)
class LiveKitServer:
    """A server that answers."""

    url: str
    keys: Keys
    child: Child = field(repr=False)

    @property
    def environment(self) -> dict[str, str]:
        """The variables by which every LiveKit program finds it."""
        return {"LIVEKIT_URL": self.url, "LIVEKIT_API_KEY": self.keys.api_key, "LIVEKIT_API_SECRET": self.keys.api_secret}


def configuration(base: Mapping[str, Any], ports: Ports) -> dict[str, Any]:
    """`base` (the content of livekit.yaml) with other ports, on loopback whatever it says."""
    result = copy.deepcopy(dict(base))
    result["port"] = ports.http
    result["bind_addresses"] = ["127.0.0.1"]
    rtc = result.setdefault("rtc", {})
    rtc["udp_port"] = ports.media
    if "stun_servers" in rtc:
        rtc["stun_servers"] = [f"127.0.0.1:{ports.media}"]
    return result


def environment(environ: Mapping[str, str], config: Mapping[str, Any], keys: Keys) -> dict[str, str]:
    """Configuration and keys go through the environment: a command line can be read by everyone on the machine."""
    return {**environ, "LIVEKIT_CONFIG": json.dumps(config), "LIVEKIT_KEYS": f"{keys.api_key}: {keys.api_secret}"}


@asynccontextmanager
async def running(
    program: Path,
    config: Mapping[str, Any],
    keys: Keys,
    *,
    on_line: Callable[[str], None] | None = None,
    ready_seconds: float = READY_SECONDS,
) -> AsyncIterator[LiveKitServer]:
    """A livekit-server that answers, stopped at the end. Raises `Failure` with its last words when it does not come up."""
    ports = Ports.of(config)
    if not ports.are_free():
        raise Failure(f"livekit-server cannot start: TCP port {ports.http} or UDP port {ports.media} is in use")
    child = await Child.start("livekit-server", [program], env=environment(os.environ, config, keys), on_line=on_line)
    try:
        await _until_ready(child, ports.http, ready_seconds)
        yield LiveKitServer(f"ws://127.0.0.1:{ports.http}", keys, child)
    finally:
        # it waits for its participants to leave; those who are still here have lost their agent already
        await child.stop(insist_after_seconds=1, kill_after_seconds=8)


async def _until_ready(child: Child, port: int, ready_seconds: float) -> None:
    ended = asyncio.create_task(child.wait())
    try:
        async with asyncio.timeout(ready_seconds), httpx.AsyncClient(trust_env=False, timeout=2) as client:
            while not ended.done():
                if await _answers(client, f"http://127.0.0.1:{port}/") and child.returncode is None:
                    return
                await asyncio.wait([ended], timeout=0.05)
    except TimeoutError:
        raise Failure(f"livekit-server does not answer on port {port} after {ready_seconds:.0f} s{_words(child)}") from None
    finally:
        ended.cancel()
    # it ends with 0 also when it could not start
    raise Failure(f"livekit-server ended at its start (exit code {child.returncode}){_words(child)}")


async def _answers(client: httpx.AsyncClient, url: str) -> bool:
    try:
        return (await client.get(url)).status_code == 200
    except httpx.HTTPError:
        return False


def _words(child: Child) -> str:
    return ":\n  " + "\n  ".join(child.last_words) if child.last_words else "; it said nothing"
