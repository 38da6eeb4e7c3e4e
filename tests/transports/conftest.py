"""Doors on a real server, an echoing engine behind them."""

from __future__ import annotations

from collections.abc import AsyncIterator

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
