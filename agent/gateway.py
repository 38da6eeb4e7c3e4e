"""The gateway: the embedded engine behind the WebRTC peer and the WebSocket, with the token service and the page, in one process."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from agent.aio import LoopWatch, Tasks
from agent.config import Config, ConfigError
from agent.conversation.host import ConversationHost
from agent.engines import ConfiguredEngines
from agent.metrics import Metrics
from agent.models.errors import ModelError
from agent.models.progress import Observer
from agent.serving import address, bind, server
from agent.sessions.chronicle import Chronicler
from agent.transports.credentials import Unauthorized, Verify
from agent.transports.webrtc_peer import peer_router
from agent.transports.websocket import UVICORN, websocket_router
from token_service.app import create_app
from token_service.status import AlwaysReady, Readiness, WorkerStatus
from token_service.tokens import InvalidToken, Tokens

logger = logging.getLogger("visavis.gateway")

POLL_SECONDS: Final = 0.25


def verifier(tokens: Tokens) -> Verify:
    """What the doors use to see who comes."""

    def verify(token: str) -> str:
        try:
            return tokens.verify(token).identity
        except InvalidToken as error:
            raise Unauthorized(str(error)) from None

    return verify


class EngineStatus:
    """Implements `token_service.status.Status` for engines in this process."""

    def __init__(self, engines: ConfiguredEngines, troubles: Callable[[], list[str]]) -> None:
        """`troubles`: what does not work, though calls can be taken."""
        self._engines = engines
        self._troubles = troubles

    async def readiness(self) -> Readiness:
        engines = self._engines
        return Readiness(engines.ready, tuple(engines.missing()), engines.progress, engines.answers, tuple(self._troubles()))


async def run_gateway(
    config: Config,
    engines: ConfiguredEngines,
    *,
    on_page: Callable[[str], None] = lambda url: None,
    on_ready: Callable[[str], None] = lambda url: None,
    observer: Observer = lambda reading: None,
) -> None:
    """Serve until a signal comes. `on_page` is told the address as soon as the page opens, `on_ready` when a conversation can be held.

    Raises `ConfigError` for what cannot be served, and `ModelError` when the models cannot be had.
    """
    tokens = Tokens.from_config(config)
    metrics = Metrics()
    chronicler = Chronicler(config.journal)
    host = ConversationHost(config, engines, metrics.event, chronicler)
    watch = LoopWatch(somebody=lambda: host.count > 0)
    metrics.watch_sessions(lambda: host.count, lambda: host.capacity)
    metrics.watch_loop(watch)
    if chronicler.journal is not None:
        metrics.watch_journal(chronicler.journal)
    verify = verifier(tokens)
    app = create_app(
        config,
        tokens,
        EngineStatus(engines, chronicler.problems),
        doors=("peer", "ws"),
        routers=(peer_router(host, verify, config), websocket_router(host, verify, config)),
        registry=metrics.registry,
        on_stop=host.aclose,
    )
    listener = bind(config.http.host, config.http.port)
    url = address(config.http, listener)
    failure: list[BaseException] = []

    def failed(error: BaseException) -> None:
        failure.append(error)
        http.should_exit = True

    tasks = Tasks("gateway", failed, told=(ConfigError, ModelError))

    async def prepare() -> None:
        await engines.prepare(observer)
        watch.start()  # until now, imports and loading held the loop up, and nobody was waiting
        on_ready(url)

    def started() -> None:
        on_page(url)
        tasks.start(prepare(), "prepare engines")

    http = server(app, config, started, **UVICORN)
    chronicler.start()
    try:
        await http.serve(sockets=[listener])
    finally:
        watch.stop()
        await tasks.aclose()
        await host.aclose()
        await chronicler.aclose()
        listener.close()
    if failure:
        raise failure[0]


async def run_api(config: Config, status_url: str, *, on_page: Callable[[str], None], on_ready: Callable[[str], None]) -> None:
    """The token service with the page alone, beside livekit-server and a worker whose health is at `status_url` (empty: not asked)."""
    status = WorkerStatus(status_url) if status_url else AlwaysReady()
    app = create_app(config, Tokens.from_config(config), status)
    listener = bind(config.http.host, config.http.port)
    url = address(config.http, listener)
    tasks = Tasks("api")

    async def wait_until_ready() -> None:
        while not (await status.readiness()).ready:  # noqa: ASYNC110 - another process becomes ready; it can only be asked
            await asyncio.sleep(POLL_SECONDS)
        on_ready(url)

    def started() -> None:
        on_page(url)
        tasks.start(wait_until_ready(), "readiness")

    http = server(app, config, started)
    try:
        await http.serve(sockets=[listener])
    finally:
        await tasks.aclose()
        if isinstance(status, WorkerStatus):
            await status.aclose()
        listener.close()
