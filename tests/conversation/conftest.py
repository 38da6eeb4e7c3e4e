"""Conversations with instant engines."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from agent.config import Config
from agent.conversation.host import ConversationHost
from bench.instant import InstantEngines


@pytest.fixture
def engines() -> InstantEngines:
    return InstantEngines()


@pytest.fixture
async def host(engines: InstantEngines) -> AsyncIterator[ConversationHost]:
    host = ConversationHost(Config.model_validate({"limits": {"sessions": 3}}), engines)
    yield host
    await host.aclose()
