"""The tokenizer as livekit-agents' StreamAdapter uses it: each token is one synthesis."""

from __future__ import annotations

from typing import Any

import pytest
from livekit.agents import APIConnectOptions, tts
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS

from agent.dialogue.clause_tokenizer import ClauseTokenizer

RATE = 24_000


class RecordingTTS(tts.TTS[Any]):
    """Remembers what it was asked to say; each text sounds for 100 ms."""

    def __init__(self) -> None:
        super().__init__(capabilities=tts.TTSCapabilities(streaming=False), sample_rate=RATE, num_channels=1)
        self.said: list[str] = []

    def synthesize(self, text: str, *, conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS) -> tts.ChunkedStream:
        self.said.append(text)
        return _Tone(tts=self, input_text=text, conn_options=conn_options)


class _Tone(tts.ChunkedStream):
    async def _run(self, output_emitter: tts.AudioEmitter) -> None:
        output_emitter.initialize(request_id="1", sample_rate=RATE, num_channels=1, mime_type="audio/pcm")
        output_emitter.push(bytes(2 * RATE // 10))
        output_emitter.flush()


async def test_each_token_is_one_synthesis() -> None:
    voice = RecordingTTS()
    adapter = tts.StreamAdapter(tts=voice, sentence_tokenizer=ClauseTokenizer())
    async with adapter.stream() as stream:
        for delta in ["Sure", ",", " I", " can", " help", " you", " with", " that", ".", " What", " is", " it", "?"]:
            stream.push_text(delta)
        stream.end_input()
        frames = [event.frame async for event in stream]
    assert voice.said == ["Sure,", "I can help you with that.", "What is it?"]
    assert 0.3 <= sum(frame.duration for frame in frames) < 0.4


async def test_the_first_token_comes_before_the_text_is_complete() -> None:
    stream = ClauseTokenizer().stream()
    stream.push_text("好的，")
    assert (await anext(stream)).token == "好的，"
    await stream.aclose()
    with pytest.raises(StopAsyncIteration):
        await anext(stream)


async def test_a_flush_ends_a_segment() -> None:
    stream = ClauseTokenizer().stream()
    stream.push_text("First sentence here")
    stream.flush()
    stream.push_text("Second")
    stream.end_input()
    tokens = [token async for token in stream]
    assert [token.token for token in tokens] == ["First sentence here", "Second"]
    assert len({token.segment_id for token in tokens}) == 2
    with pytest.raises(RuntimeError, match="closed"):
        stream.push_text("more")


def test_tokens_join_to_the_text_and_hold_words() -> None:
    text = "Hello! How are you today, my friend? I am fine."
    assert "".join(ClauseTokenizer().tokenize(text)) == text
    assert ClauseTokenizer().tokenize(" … ") == []
