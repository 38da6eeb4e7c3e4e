"""Five hundred interruptions at random moments, by voice, button, text and page: nothing of what was cancelled is pushed or told afterwards."""

from __future__ import annotations

import asyncio
import random

import numpy as np
import pytest

from agent.config import Config
from agent.conversation.host import ConversationHost
from agent.protocol.envelope import Envelope
from agent.protocol.messages import RATE, ClientInterrupt, ContextUpdate, ServerInterrupt, TextInput
from bench.instant import InstantEngines
from tests.conversation.client import VOICE, begin, silence, speak

INTERRUPTS = 500


@pytest.mark.soak
@pytest.mark.timeout(1_800)
async def test_no_ghosts_in_five_hundred_interruptions() -> None:
    dice = random.Random(7)
    host = ConversationHost(Config(), InstantEngines(token_seconds=0.01))
    conversation, client = await begin(host)
    for number in range(INTERRUPTS):
        conversation.receive(Envelope(TextInput(text=f"question {number}")))
        await asyncio.sleep(dice.choice([0.0, 0.01, 0.05, 0.1, 0.3, 0.7, 1.5]) * dice.random())
        match dice.choice(["button", "text", "voice", "context", "twice", "during a hold"]):
            case "button":
                conversation.receive(Envelope(ClientInterrupt()))
            case "twice":
                conversation.receive(Envelope(ClientInterrupt()))
                conversation.receive(Envelope(ClientInterrupt()))
            case "text":
                conversation.receive(Envelope(TextInput(text="another")))
            case "context":
                conversation.receive(Envelope(ContextUpdate(version=number + 1, text="A page.", interrupt=True)))
            case "voice":
                speak(conversation)
                silence(conversation, 1.2)
            case _:
                speak(conversation, VOICE[:1_600])
                conversation.receive(Envelope(ClientInterrupt()))
                silence(conversation, 1.2)
    conversation.receive(Envelope(ClientInterrupt()))
    cut_t = client.messages(ServerInterrupt)[-1].cut_t
    await client.until(lambda: client.blocks[-1].t > cut_t + RATE)
    await host.aclose()

    cuts = [e for e in client.received if isinstance(e.message, ServerInterrupt)]
    assert len(cuts) > INTERRUPTS * 0.8
    newest = 0
    for envelope in client.received:
        if isinstance(envelope.message, ServerInterrupt):
            newest = envelope.gen
        assert envelope.gen >= newest, envelope
    for block in client.blocks:
        if not block.blank:
            assert all(block.t < cut.message.cut_t for cut in cuts if cut.gen > block.gen), block
    assert [b.t for b in client.blocks] == list(np.arange(len(client.blocks)) * 960), "the clock never skips"
