"""Serves the page: its files, compressed, with headers that keep it to itself."""

from __future__ import annotations

from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import HTMLResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from agent.config import Config

DIST: Final = Path(__file__).resolve().parents[1] / "web_client" / "app" / "dist"

_MISSING: Final = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Visavis</title>
<body><h1>The page has not been built</h1><p>Run <code>make setup</code> in the project's folder, then start again. The doors of this server are open:
see <a href="/docs">/docs</a>.</p></body></html>"""


def content_security_policy(config: Config) -> str:
    """Nothing from elsewhere, but for LiveKit's own address where there is one."""
    livekit = urlsplit(config.livekit.public_url or config.livekit.url).netloc
    elsewhere = f" ws://{livekit} wss://{livekit} http://{livekit} https://{livekit}" if livekit else ""
    return "; ".join(
        (
            "default-src 'self'",
            f"connect-src 'self'{elsewhere}",
            "img-src 'self' data:",
            "media-src 'self' blob: mediastream:",
            "worker-src 'self'",
            "object-src 'none'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        )
    )


class PageHeaders:
    """Adds the page's headers: security for all, long caching for files whose name holds their hash."""

    def __init__(self, app: ASGIApp, *, policy: str) -> None:
        self._app = app
        self._policy = policy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["Content-Security-Policy"] = self._policy
                headers["X-Content-Type-Options"] = "nosniff"
                headers["Referrer-Policy"] = "no-referrer"
                headers["Cross-Origin-Opener-Policy"] = "same-origin"
                headers["Permissions-Policy"] = "microphone=(self), camera=()"
                hashed = "/assets/" in scope["path"] and message["status"] == 200
                headers["Cache-Control"] = "public, max-age=31536000, immutable" if hashed else "no-cache"
            await send(message)

        await self._app(scope, receive, with_headers)


def page(config: Config, dist: Path = DIST) -> ASGIApp:
    """The page as an ASGI app, to be mounted at `/`."""
    if (dist / "index.html").is_file():
        routes: list[Mount | Route] = [Mount("/", StaticFiles(directory=dist, html=True))]
    else:
        routes = [Route("/", lambda request: HTMLResponse(_MISSING, 503))]
    middleware = [Middleware(PageHeaders, policy=content_security_policy(config)), Middleware(GZipMiddleware, minimum_size=1_000)]
    return Starlette(routes=routes, middleware=middleware)
