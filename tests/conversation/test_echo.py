"""A client whose loudspeaker is heard by its microphone, and which has no echo canceller of its own."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from livekit.agents import tts
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS, APIConnectOptions

from agent.config import Config, Persona
from agent.conversation.conversation import Conversation
from agent.conversation.echo import WANT, EchoCanceller
from agent.conversation.host import ConversationHost
from agent.conversation.parts import Parts
from agent.media.block import BLOCK_SAMPLES, Block, Pcm
from agent.protocol.envelope import Envelope
from agent.protocol.messages import ClientHello, GenerationEnd, Hold, ServerInterrupt, TextInput
from bench.instant import VOICE_RATE, InstantEngines, InstantTTS
from tests.conversation.client import Client, begin, silence, speak

MICROPHONE_BLOCK = 320


def chatter(seconds: float, seed: int) -> Pcm:
    """Bursts of noise at 16 kHz, as loud and as uneven as speech."""
    dice = np.random.default_rng(seed)
    steps = int(seconds * 20)
    envelope = np.repeat(np.convolve(dice.random(steps) ** 2, [0.25, 0.5, 0.25], "same"), 800)
    return (dice.normal(0, 5_000, len(envelope)) * envelope).clip(-32_000, 32_000).astype(np.int16)


def decibels(pcm: np.ndarray) -> float:
    return float(10 * np.log10(np.mean(pcm.astype(float) ** 2) + 1e-9))


@pytest.mark.parametrize("delay_ms", [60, 250, 400])
def test_the_own_voice_is_taken_out_and_the_users_stays(delay_ms: int) -> None:
    played, user = chatter(8, 1), chatter(1, 2)
    delay, talk = delay_ms * 16, 7 * 16_000
    microphone = np.zeros(len(played), float)
    microphone[delay:] = 0.4 * played[: len(played) - delay]
    microphone[talk : talk + len(user)] += user
    due = 0
    canceller = EchoCanceller(lambda: due)
    cleaned = b""
    for index in range(len(played) // MICROPHONE_BLOCK):
        part = slice(index * MICROPHONE_BLOCK, (index + 1) * MICROPHONE_BLOCK)
        canceller.played(Block(due, np.repeat(played[part], 3), 1, blank=False))
        due += BLOCK_SAMPLES
        cleaned += canceller.clean(microphone[part].astype(np.int16).tobytes())
    heard = np.frombuffer(cleaned, np.int16)
    before = slice(4 * 16_000, talk)
    assert decibels(heard[before]) < decibels(microphone[before]) - 20
    assert abs(decibels(heard[talk : talk + len(user)]) - decibels(user)) < 8, "both speak in this second"


def test_silence_is_handed_through_untouched() -> None:
    canceller = EchoCanceller(lambda: 0)
    sound = chatter(0.1, 3).tobytes()
    assert canceller.clean(sound) == sound


class Loudspeaker(Client):
    """Its microphone hears what it plays, 100 ms later."""

    conversation: Conversation | None = None

    def __init__(self) -> None:
        super().__init__()
        self._air = [np.zeros(MICROPHONE_BLOCK, np.int16)] * 5

    async def play(self, block: Block) -> None:
        await super().play(block)
        self._air.append((block.pcm[::3] * 0.4).astype(np.int16))
        assert self.conversation is not None
        self.conversation.hear(self._air.pop(0).tobytes())


class ChatteringTTS(InstantTTS):
    """Speaks as unevenly as people do; tones tell a canceller nothing about delays."""

    def synthesize(self, text: str, *, conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS) -> tts.ChunkedStream:
        return _Chatter(tts=self, input_text=text, conn_options=conn_options)


class _Chatter(tts.ChunkedStream):
    async def _run(self, output_emitter: tts.AudioEmitter) -> None:
        output_emitter.initialize(request_id="chatter", sample_rate=VOICE_RATE, num_channels=1, mime_type="audio/pcm")
        output_emitter.push(chatter(4, len(self._input_text)).tobytes())
        output_emitter.flush()


class ChatteringEngines(InstantEngines):
    def build(self, persona: Persona) -> Parts:
        return replace(super().build(persona), tts=ChatteringTTS())


@pytest.mark.parametrize("wants", [[WANT], []])
async def test_an_answer_is_not_interrupted_by_itself(wants: list[str]) -> None:
    host = ConversationHost(Config(), ChatteringEngines())
    client = Loudspeaker()
    client.conversation = conversation = await host.open(client, ClientHello(wants=wants))
    conversation.receive(Envelope(TextInput(text="first")))
    await client.until(lambda: client.messages(GenerationEnd) or client.messages(ServerInterrupt))
    assert bool(client.messages(ServerInterrupt)) == (not wants)
    if wants:
        held = len(client.messages(Hold))
        conversation.receive(Envelope(TextInput(text="second")))
        await client.until_count(GenerationEnd, 2)
        assert len(client.messages(Hold)) == held, "it has learnt how the room answers"
    await host.aclose()


async def test_a_user_is_heard_through_it(host: ConversationHost) -> None:
    conversation, client = await begin(host, wants=[WANT])
    conversation.receive(Envelope(TextInput(text="first")))
    await client.until(lambda: len(client.pitches()) > 20)
    speak(conversation)
    silence(conversation, 1.5)
    await client.until_count(ServerInterrupt, 1)
    assert client.messages(ServerInterrupt)[0].reason == "voice"
