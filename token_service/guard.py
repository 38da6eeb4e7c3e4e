"""Which hosts and origins may speak to us: an ASGI middleware before every route and WebSocket.

A page on a foreign site must not reach a server on the user's machine: neither by its origin, nor by a name that it lets resolve to 127.0.0.1.
"""

from __future__ import annotations

import ipaddress
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocketClose

from agent.config import Config, ConfigError

ALLOWED_HEADERS: Final = "Content-Type, Authorization, X-Sandbox-Id"
ALLOWED_METHODS: Final = "GET, POST, DELETE, OPTIONS"


def is_loopback(host: str) -> bool:
    """Whether a host name (without port) is this machine by itself."""
    name = host.strip("[]").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def check_binding(config: Config) -> None:
    """Open mode is for one's own machine. Raises `ConfigError` when it would be open to others."""
    if config.auth.mode == "open" and not is_loopback(config.http.host):
        raise ConfigError(
            f"http.host is {config.http.host}, but auth.mode is open: anyone who reaches the address could talk. "
            "Set auth.mode to token (and auth.api_keys), or http.host to 127.0.0.1"
        )


def _host_name(value: str) -> str:
    return urlsplit(f"//{value}").hostname or ""


class Guard:
    """Refuses what does not come from loopback or a listed origin, and answers CORS for what does."""

    def __init__(self, app: ASGIApp, *, config: Config) -> None:
        self._app = app
        self._origins = {origin.rstrip("/").lower() for origin in config.http.origins}
        self._hosts = {name for origin in self._origins if (name := urlsplit(origin).hostname)}
        if config.http.host not in ("0.0.0.0", "::"):  # noqa: S104 - compared, not bound
            self._hosts.add(config.http.host.lower())

    def allows_host(self, host: str) -> bool:
        name = _host_name(host).lower()
        return bool(name) and (is_loopback(name) or name in self._hosts)

    def allows_origin(self, origin: str) -> bool:
        if origin.rstrip("/").lower() in self._origins:
            return True
        parts = urlsplit(origin)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and is_loopback(parts.hostname or "")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        host, origin = headers.get("host", ""), headers.get("origin")
        if len(headers.getlist("host")) != 1 or not self.allows_host(host):
            await self._refuse(scope, receive, send, 421, f"host {host[:80]!r} is not served here; list its origin in http.origins")
        elif origin is not None and not self.allows_origin(origin):
            await self._refuse(scope, receive, send, 403, f"origin {origin[:80]!r} may not use this server; list it in http.origins")
        elif origin is not None and scope["type"] == "http":
            await self._with_cors(scope, receive, send, origin)
        else:
            await self._app(scope, receive, send)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send, status: int, message: str) -> None:
        if scope["type"] == "websocket":
            await WebSocketClose(1008, message)(scope, receive, send)
        else:
            body = {"error": {"code": "forbidden", "message": message}}
            await JSONResponse(body, status)(scope, receive, send)

    async def _with_cors(self, scope: Scope, receive: Receive, send: Send, origin: str) -> None:
        extra = [(b"access-control-allow-origin", origin.encode("latin-1")), (b"vary", b"Origin")]
        if scope["method"] == "OPTIONS":
            headers = {
                "Access-Control-Allow-Origin": origin,
                "Access-Control-Allow-Methods": ALLOWED_METHODS,
                "Access-Control-Allow-Headers": ALLOWED_HEADERS,
                "Access-Control-Max-Age": "600",
                "Vary": "Origin",
            }
            await JSONResponse(None, 204, headers)(scope, receive, send)
            return

        async def with_headers(message: dict[str, object]) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", []), *extra]}  # type: ignore[misc]
            await send(message)

        await self._app(scope, receive, with_headers)  # type: ignore[arg-type]
