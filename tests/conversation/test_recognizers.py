"""Asking recognisers for the words of an utterance."""

from __future__ import annotations

from typing import Any

import pytest
from livekit.agents import stt
from livekit.agents.language import LanguageCode
from livekit.agents.types import NOT_GIVEN, APIConnectOptions, NotGivenOr
from livekit.agents.utils import AudioBuffer

from agent.conversation.recognizers import SETTLED_BYTES, BufferRecognizer
from agent.media.turn_taking import MICROPHONE_RATE

SECOND = MICROPHONE_RATE * 2


class CountingSTT(stt.STT[Any]):
    """Understands each second of sound as the next word of a list; `taken` tells how many seconds it was given."""

    def __init__(self, words: list[str]) -> None:
        super().__init__(capabilities=stt.STTCapabilities(streaming=False, interim_results=False))
        self.words = words
        self.gap = " " if words[0][0].isascii() else ""
        self.taken: list[int] = []

    async def _recognize_impl(
        self, buffer: AudioBuffer, *, language: NotGivenOr[str] = NOT_GIVEN, conn_options: APIConnectOptions
    ) -> stt.SpeechEvent:
        assert not isinstance(buffer, list)
        pcm = bytes(buffer.data)
        self.taken.append(len(pcm) // SECOND)
        said = [self.words[pcm[i]] for i in range(0, len(pcm), SECOND)]
        data = stt.SpeechData(language=LanguageCode("en" if self.gap else "zh"), text=self.gap.join(said), confidence=1.0)
        return stt.SpeechEvent(type=stt.SpeechEventType.FINAL_TRANSCRIPT, alternatives=[data])


def sound(first: int, last: int) -> bytes:
    return b"".join(bytes([second]) * SECOND for second in range(first, last))


@pytest.mark.parametrize("words", [[f"w{i}" for i in range(60)], [f"it’s{i}" for i in range(60)], [chr(0x4E00 + i) for i in range(60)]])
async def test_a_long_utterance_is_settled_pause_by_pause(words: list[str]) -> None:
    engine = CountingSTT(words)
    recognizer = BufferRecognizer(engine, 5)
    recognizer.begin(b"")
    longest = SETTLED_BYTES // SECOND
    for second in range(4, 60, 4):
        heard = await recognizer.transcribe(sound(0, second), "auto", final=True)
        assert heard.text == engine.gap.join(words[:second]), "every word once"
    assert max(engine.taken) <= longest + 4
    recognizer.begin(b"")
    assert (await recognizer.transcribe(sound(0, 3), "auto", final=True)).text.replace(" ", "") == "".join(words[:3]), (
        "the next is another one"
    )


async def test_partial_words_settle_nothing() -> None:
    engine = CountingSTT([f"w{i}" for i in range(60)])
    recognizer = BufferRecognizer(engine, 5)
    recognizer.begin(b"")
    for second in (20, 21):
        assert len((await recognizer.transcribe(sound(0, second), "en", final=False)).text.split()) == second
    assert engine.taken == [20, 21]
