"""An Ollama on this machine: where it would be, and which models it has. It is asked at loopback addresses only, briefly."""

from __future__ import annotations

import asyncio
import ipaddress
import json
import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

import httpx

PORT: Final = 11434
LIMIT_SECONDS: Final = 2.0
MOST_BYTES: Final = 1_000_000
_NAME: Final = re.compile(r"[\w][\w.:/-]{0,199}", re.ASCII)


def address(environment: Mapping[str, str]) -> str:
    """Where Ollama is, without a path: OLLAMA_HOST in any form that Ollama itself takes, or else its usual port here."""
    given = environment.get("OLLAMA_HOST", "").strip()
    try:
        parts = urlsplit(given if "://" in given else f"http://{given}")
        host, port = (
            parts.hostname or "127.0.0.1",
            parts.port or (PORT if "://" not in given else {"http": 80, "https": 443}.get(parts.scheme, PORT)),
        )
    except ValueError:
        return f"http://127.0.0.1:{PORT}"
    if host in ("localhost", "0.0.0.0", "::"):  # noqa: S104 - where it listens, not where we do
        host = "127.0.0.1"
    return f"{parts.scheme}://{f'[{host}]' if ':' in host else host}:{port}"


def is_loopback(url: str) -> bool:
    try:
        return ipaddress.ip_address(urlsplit(url).hostname or "").is_loopback
    except ValueError:
        return False


async def models(url: str, limit: float = LIMIT_SECONDS) -> list[str]:
    """The names of the models that can hold a conversation; none where no Ollama answers within `limit` seconds, or where `url` is not this machine."""
    if not is_loopback(url):
        return []
    try:
        async with asyncio.timeout(limit), httpx.AsyncClient(timeout=limit, trust_env=False) as client:
            body = bytearray()
            async with client.stream("GET", f"{url}/api/tags") as answer:
                if answer.status_code != httpx.codes.OK:
                    return []
                async for piece in answer.aiter_bytes():
                    body += piece
                    if len(body) > MOST_BYTES:
                        return []
            return [name for model in json.loads(body)["models"] if _NAME.fullmatch(name := str(model["name"])) and not _embeds(model)]
    except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, ValueError, KeyError, TypeError):
        return []


def _embeds(model: Mapping[str, object]) -> bool:
    """Whether it makes vectors and no words."""
    details = model.get("details")
    family = str(details.get("family", "")) if isinstance(details, Mapping) else ""
    return "bert" in family or "embed" in str(model["name"])


def offer(names: list[str]) -> str:
    """The line that tells how to use what was found."""
    chosen = names[0].removesuffix(":latest")
    others = f" (also there: {', '.join(name.removesuffix(':latest') for name in names[1:6])})" if names[1:] else ""
    return f"An Ollama on this machine could answer. To talk with it: make demo LLM=ollama/{chosen}{others}"
