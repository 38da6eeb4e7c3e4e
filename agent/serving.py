"""One HTTP server of a process: its socket first, so that a port in use is an error with a name, then uvicorn."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable
from typing import Any

import uvicorn

from agent.config import Config, ConfigError, Http


def bind(host: str, port: int) -> socket.socket:
    """A listening socket (port 0: any). Raises `ConfigError` when the port is taken or not allowed."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(2048)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise ConfigError(f"port {port} of {host} is in use; stop what listens there, or choose another: PORT={port + 1}") from None
        if error.errno == errno.EACCES:
            raise ConfigError(f"port {port} needs privileges; choose one above 1023: PORT=8080") from None
        raise ConfigError(f"cannot listen on {host}, port {port}: {error.strerror}") from None
    listener.setblocking(False)
    return listener


def address(http: Http, listener: socket.socket) -> str:
    """The address that people open."""
    scheme = "https" if http.tls_cert else "http"
    host = f"[{http.host}]" if ":" in http.host else http.host
    return f"{scheme}://{host}:{listener.getsockname()[1]}"


class Server(uvicorn.Server):
    """uvicorn that tells when it listens."""

    def __init__(self, config: uvicorn.Config, on_started: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_started = on_started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._on_started()


def server(app: Any, config: Config, on_started: Callable[[], None] = lambda: None, **options: Any) -> Server:
    """A server for `app`; `options` are uvicorn's."""
    tls: dict[str, Any] = {}
    if config.http.tls_cert is not None:
        tls = {"ssl_certfile": str(config.http.tls_cert), "ssl_keyfile": None if config.http.tls_key is None else str(config.http.tls_key)}
    settings = uvicorn.Config(
        app, log_config=None, log_level="warning", access_log=False, server_header=False, timeout_graceful_shutdown=3, **tls, **options
    )
    return Server(settings, on_started)
