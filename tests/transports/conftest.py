"""Doors on a real server, an echoing engine behind them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import settings

from agent.config import Config, Limits
from tests.transports.echo import EchoHost

settings.register_profile("doors", deadline=None)
settings.load_profile("doors")


@pytest.fixture
def config() -> Config:
    return Config(limits=Limits(hello_seconds=2))


@pytest.fixture
async def host() -> AsyncIterator[EchoHost]:
    host = EchoHost()
    yield host
    for guest in list(host.guests):
        await guest.aclose("the test is over")


@pytest.fixture
async def connect(request: pytest.FixtureRequest, host: EchoHost, config: Config) -> AsyncIterator[Any]:
    """Makes clients of the door that the test's module is about: of its `door`."""
    async with request.module.door(host, config) as (connect, _):
        yield connect


@pytest.fixture
async def real_offer() -> AsyncIterator[str]:
    """Of a client that could talk with the peer door."""
    from tests.transports.peer_client import Browser  # aiortc takes a while

    browser = Browser()
    yield await browser.offer()
    await browser.connection.close()
