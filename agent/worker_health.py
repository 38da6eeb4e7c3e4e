"""The worker's own HTTP port: alive, ready, metrics. It names no user and takes no input."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import uvicorn
from fastapi import FastAPI, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from agent.serving import bind

NO_STORE = {"Cache-Control": "no-store"}


def health_app(
    missing: Callable[[], list[str]],
    progress: Callable[[], dict[str, Any] | None],
    registry: CollectorRegistry,
    answers: str | None = None,
    troubles: Callable[[], list[str]] = list,
) -> FastAPI:
    """`missing` tells what keeps the worker from taking a call, in plain words; nothing: it can. `answers`: where answers come from. `troubles`: what does not
    work, though calls can be taken."""
    app = FastAPI(title="Visavis worker", openapi_url=None)

    @app.get("/healthz")
    async def healthz() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/readyz", response_model=None)
    async def readyz() -> JSONResponse:
        lacks = missing()
        body = {"ready": not lacks, "missing": lacks, "progress": progress(), "answers": answers, "troubles": troubles()}
        return JSONResponse(body, 503 if lacks else 200, headers=NO_STORE)

    @app.get("/metrics", response_class=Response)
    async def metrics() -> Response:
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    return app


class HealthServer(uvicorn.Server):
    """Leaves the process's signals to the worker."""

    def __init__(self, app: FastAPI, host: str, port: int) -> None:
        """Raises `ConfigError` when the port is taken."""
        settings = uvicorn.Config(app, log_config=None, log_level="warning", access_log=False, lifespan="off", timeout_graceful_shutdown=1)
        super().__init__(settings)
        self._listener = bind(host, port)

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def run_until_stopped(self) -> None:
        """Serve until `should_exit` is set."""
        try:
            await self.serve([self._listener])
        finally:
            self._listener.close()
