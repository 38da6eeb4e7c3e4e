"""Sounds that are no plain speech, to the local ears: the conversation stays calm and goes on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import numpy as np
import pytest
import pytest_asyncio
import soxr

from agent.config import Config
from agent.conversation.host import ConversationHost
from agent.engines import ConfiguredEngines
from agent.media.block import Pcm
from agent.media.turn_taking import MICROPHONE_RATE
from agent.models.errors import ModelError
from agent.protocol.envelope import Envelope
from agent.protocol.messages import AsrFinal, AsrPartial, AssistantText, ErrorMessage, LanguageChoice, TextInput
from bench.local_engines import DeafenedEngines
from tests.conversation.client import Client, begin
from tests.fixtures.sounds import music, noise, whispered
from tests.fixtures.speech import SAMPLE_RATE, Speaker

pytestmark = [pytest.mark.models, pytest.mark.asyncio(loop_scope="module")]

STEP = MICROPHONE_RATE // 50
PACE = 4
"""Times real time: the detector and the turns count samples; only recognisers take their time."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ears() -> AsyncIterator[DeafenedEngines]:
    engines = ConfiguredEngines(Config.model_validate({"providers": {"llm": "local.faq"}}))
    try:
        await engines.prepare()
    except ModelError as error:
        pytest.skip(f"the models are not installed: {error}")
    yield DeafenedEngines(engines)
    await engines.aclose()


def said(speaker: Speaker, text: str) -> Pcm:
    """A sentence, at the microphone's rate."""
    return np.asarray(soxr.resample(speaker.say(text), SAMPLE_RATE, MICROPHONE_RATE), np.int16)


async def listen(client: Client, hear: object, sound: Pcm, pace: float = PACE) -> None:
    """Let the conversation hear half a second of silence, the sound, and as much silence again as ends any turn."""
    assert callable(hear)
    silence = np.zeros(MICROPHONE_RATE // 2, np.int16)
    whole = np.concatenate([silence, sound, silence, silence, silence])
    loop = asyncio.get_running_loop()
    origin = loop.time()
    for start in range(0, len(whole), STEP):
        hear(whole[start : start + STEP].tobytes())
        await asyncio.sleep(max(0.0, origin + start / MICROPHONE_RATE / pace - loop.time()))


async def heard(ears: DeafenedEngines, sound: Pcm, language: LanguageChoice = "auto", pace: float = PACE, *, words: bool = True) -> Client:
    """What comes of a sound; `words`: something is said in it. A typed question afterwards must be answered."""
    host = ConversationHost(Config(), ears)
    conversation, client = await begin(host, language=language)
    await listen(client, conversation.hear, sound, pace)
    if words or client.messages(AsrPartial):
        await client.until_count(AsrFinal, 1)
    conversation.receive(Envelope(TextInput(text="Hello?")))
    await client.until(lambda: any(m.text and not m.interrupted for m in client.messages(AssistantText)))
    assert client.messages(ErrorMessage) == []
    await host.aclose()
    return client


def spoken_finals(client: Client) -> list[str]:
    return [m.text for m in client.messages(AsrFinal) if m.via == "voice"]


@pytest.mark.parametrize(
    "sound", [np.zeros(5 * MICROPHONE_RATE, np.int16), noise(5), noise(5, 20_000), music(5)], ids=["nothing", "noise", "roar", "music"]
)
async def test_what_is_no_speech_is_no_question(ears: DeafenedEngines, sound: Pcm) -> None:
    client = await heard(ears, sound, words=False)
    assert spoken_finals(client) == []


async def test_a_whisper_is_understood(ears: DeafenedEngines, speaker: Speaker) -> None:
    client = await heard(ears, whispered(said(speaker, "What is the capital of France?")), "en")
    assert "france" in " ".join(spoken_finals(client)).lower()


@pytest.mark.parametrize(("question", "ending"), [("今天晚上吃什么好？", "好"), ("秋天树叶为什么会变黄？", "黄")])
async def test_a_last_word_that_creaks_is_heard(ears: DeafenedEngines, speaker: Speaker, question: str, ending: str) -> None:
    client = await heard(ears, said(speaker, question), "zh")
    assert spoken_finals(client)[-1].rstrip("。？！").endswith(ending)


async def test_two_languages_in_one_sentence(ears: DeafenedEngines, speaker: Speaker) -> None:
    parts = [said(speaker, text) for text in ("我想听", "Yesterday", "这首歌，谢谢。")]
    client = await heard(ears, np.concatenate(parts), "auto")
    words = "".join(spoken_finals(client))
    assert "这首歌" in words
    assert "yesterday" in words.lower()


@pytest.mark.soak
async def test_a_minute_without_a_break_is_one_question_and_understood(ears: DeafenedEngines, speaker: Speaker) -> None:
    sentences = ("我昨天去了北京，", "看了长城和故宫，", "天气非常好，", "我们中午吃了烤鸭，", "下午坐地铁去了公园，", "然后回酒店休息。")
    parts: list[Pcm] = []
    while sum(map(len, parts)) < 60 * MICROPHONE_RATE:
        for sentence in sentences:
            parts += [said(speaker, sentence), np.zeros(MICROPHONE_RATE * 3 // 10, np.int16)]
    client = await heard(ears, np.concatenate(parts), "zh", pace=1)
    words = spoken_finals(client)[-1]
    assert words.count("长城") > 3
    assert len(words) > 150
