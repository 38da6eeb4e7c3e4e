"""The token service's FastAPI app. `gateway` mounts the doors of an embedded engine onto the same app."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from agent.config import Config
from agent.version import project_version
from token_service import reference, token_endpoint
from token_service.guard import Guard, check_binding
from token_service.page import page
from token_service.status import Status
from token_service.tokens import Tokens

logger = logging.getLogger("visavis.token_service")


def create_app(
    config: Config,
    tokens: Tokens,
    status: Status,
    *,
    doors: Sequence[str] = (),
    routers: Sequence[APIRouter] = (),
    registry: CollectorRegistry | None = None,
    on_stop: Callable[[], Any] | None = None,
) -> FastAPI:
    """`doors`: the doors that this process opens besides LiveKit; `routers`: their routes. Raises `ConfigError` when open mode would be reachable by others."""
    check_binding(config)
    metrics = registry or CollectorRegistry()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        if config.auth.mode == "open":
            logger.warning("open development mode: whoever reaches %s may talk; it listens on this machine only", config.http.host)
        yield
        if on_stop is not None:
            await on_stop()

    app = FastAPI(title="Visavis", version=project_version(), lifespan=lifespan, docs_url=None, redoc_url=None)
    app.include_router(token_endpoint.router(config, tokens, own_url))
    for routes in routers:
        app.include_router(routes)

    @app.get("/healthz", summary="Alive")
    async def healthz() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/readyz", summary="Can take a call; says what is missing", response_model=None)
    async def readyz() -> JSONResponse:
        readiness = await status.readiness()
        return JSONResponse(readiness.as_json(), 200 if readiness.ready else 503, headers=token_endpoint.NO_STORE)

    @app.get("/metrics", summary="Prometheus metrics", response_class=Response)
    async def prometheus() -> Response:
        return Response(generate_latest(metrics), media_type=CONTENT_TYPE_LATEST)

    @app.get("/api/info", summary="What this server offers", response_model=None)
    async def info() -> JSONResponse:
        readiness = await status.readiness()
        personas = [{"id": key, "name": p.name, "language": p.language} for key, p in config.personas.items()]
        body = {
            "name": "Visavis",
            "version": project_version(),
            "doors": list(doors),
            "livekit": bool(config.livekit.url),
            "personas": personas,
            "ready": readiness.ready,
            "missing": list(readiness.missing),
            "progress": readiness.progress,
            "answers": readiness.answers,
            "stored": config.journal.keeps_words,
            "recorded": config.journal.recording,
            "dev": config.auth.mode == "open",
        }
        return JSONResponse(body, headers=token_endpoint.NO_STORE)

    @app.get("/docs", include_in_schema=False)
    async def docs(request: Request) -> HTMLResponse:
        return HTMLResponse(reference.reference(app.openapi(), str(request.base_url).rstrip("/")), headers=reference.HEADERS)

    app.mount("/", page(config))
    app.add_middleware(Guard, config=config)
    return app


def own_url(request: Request) -> str:
    """This server as a WebSocket address."""
    scheme = "wss" if request.url.scheme == "https" else "ws"
    return f"{scheme}://{request.headers['host']}"
