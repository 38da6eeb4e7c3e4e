"""Engines whose answers are known word by word and can be read from the sound: `Question 7, 20 words.` is answered by the marks of loop 7, words 0 to 19.

The model knows nothing but the chat context: words of this loop that are in it already are gone on from, with a new call. Some words are written before the first is
spoken, the others while it is. `Question 7, look, 20 words.` is answered after a function that takes its time.
"""

from __future__ import annotations

import asyncio
import re
import secrets
from dataclasses import replace
from typing import Any, Final

import numpy as np
from livekit.agents import llm, tts
from livekit.agents.llm import function_tool
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS, APIConnectOptions

from agent.config import Persona
from agent.conversation.parts import Parts
from agent.providers.timing import Sound, SpokenWord, Timing
from agent.providers.tts.timed import TimedStream
from bench.instant import InstantEngines, tone
from bench.mark_tones import RATE, WORD_SECONDS, say
from bench.marks import CALLS, Mark, marks_in

THINK_SECONDS: Final = 0.4
"""From the question to the first word."""
AT_ONCE: Final = 4
"""Words that come together then."""
WRITE_SECONDS: Final = 0.18
"""Between two of the others: about half of what it takes to say one."""
LOOK_SECONDS: Final = 0.8
SENTENCE: Final = 6
WORDS_USUALLY: Final = 24
_QUESTION: Final = re.compile(r"question (\d+)(, look)?(?:, (\d+) words)?", re.IGNORECASE)
_OTHER_HZ: Final = 300
_OTHER_SECONDS: Final = 0.1


def question(loop: int, words: int = WORDS_USUALLY, *, look: bool = False) -> str:
    """The text to ask for `words` words (below 64) of loop `loop` (below 64)."""
    return f"Question {loop}{', look' if look else ''}, {words} words."


def asked(text: str) -> tuple[int, int, bool] | None:
    """Loop, number of words and whether to look first, of the last question in a text."""
    found = list(_QUESTION.finditer(text))
    return None if not found else (int(found[-1][1]), int(found[-1][3] or WORDS_USUALLY), found[-1][2] is not None)


class MarkedLLM(llm.LLM[Any]):
    """Answers as the module says."""

    def __init__(self, think_seconds: float = THINK_SECONDS, write_seconds: float = WRITE_SECONDS) -> None:
        super().__init__()
        self.think_seconds = think_seconds
        self.write_seconds = write_seconds

    def chat(
        self, *, chat_ctx: llm.ChatContext, tools: Any = None, conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS, **_: Any
    ) -> llm.LLMStream:
        return _Answering(self, chat_ctx=chat_ctx, tools=tools or [], conn_options=conn_options)


class _Answering(llm.LLMStream):
    async def _run(self) -> None:
        engine = self._llm
        assert isinstance(engine, MarkedLLM)
        await asyncio.sleep(engine.think_seconds)
        items = self._chat_ctx.items
        texts = [item.text_content or "" for item in items if item.type == "message"]
        users = [item.text_content or "" for item in items if item.type == "message" and item.role == "user"]
        what = next((found for text in reversed(users) if (found := asked(text))), None)
        if what is None:
            self._tell(llm.ChoiceDelta(role="assistant", content="Nothing was asked."))
            return
        loop, words, look = what
        if look and items[-1].type != "function_call_output":
            calls = [llm.FunctionToolCall(name="look", arguments="{}", call_id=f"look-{secrets.token_hex(4)}")]
            self._tell(llm.ChoiceDelta(role="assistant", tool_calls=calls))
            return
        said = max((mark.word for text in texts for mark in marks_in(text) if mark.loop == loop), default=-1)
        call = secrets.randbelow(CALLS)
        for count, word in enumerate(range(said + 1, words)):
            if count >= AT_ONCE:
                await asyncio.sleep(engine.write_seconds)
            end = "." if word % SENTENCE == SENTENCE - 1 or word == words - 1 else ""
            self._tell(llm.ChoiceDelta(role="assistant", content=f"{'' if word == 0 else ' '}{Mark(loop, word, call).text}{end}"))

    def _tell(self, delta: llm.ChoiceDelta) -> None:
        self._event_ch.send_nowait(llm.ChatChunk(id="marked", delta=delta))


class MarkedTTS(tts.TTS[Any]):
    """Says marks by their tones, any other word by a hum, and tells the times of both."""

    def __init__(self) -> None:
        super().__init__(capabilities=tts.TTSCapabilities(streaming=False), sample_rate=RATE, num_channels=1)

    def synthesize(self, text: str, *, conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS) -> tts.ChunkedStream:
        return _Speaking(tts=self, input_text=text, conn_options=conn_options)


class _Speaking(TimedStream):
    async def _run(self, output_emitter: tts.AudioEmitter) -> None:
        output_emitter.initialize(request_id="marked", sample_rate=RATE, num_channels=1, mime_type="audio/pcm")
        parts, words, sounds, at = [np.zeros(0, np.int16)], list[SpokenWord](), list[Sound](), 0.0
        for word in re.finditer(r"\S+", self._input_text):
            marks = marks_in(word[0])
            parts.append(say(marks[0]) if marks else tone(_OTHER_HZ, _OTHER_SECONDS, RATE))
            end = at + (WORD_SECONDS if marks else _OTHER_SECONDS)
            words.append(SpokenWord(word.start(), word.end(), at, end))
            sounds.append(Sound("a", at, end))
            at = end
        self._tell(Timing(tuple(sounds), tuple(words)))
        output_emitter.push(np.concatenate(parts).tobytes() or bytes(RATE // 10))
        output_emitter.flush()


async def _look() -> str:
    """Look at something."""
    await asyncio.sleep(LOOK_SECONDS)
    return "seen"


class MarkedEngines(InstantEngines):
    """Implements `parts.Engines` and `worker.WorkerEngines`: nothing is prepared."""

    progress = None
    answers = "language model"

    async def prepare(self, observer: Any = None) -> None:
        pass

    def build(self, persona: Persona) -> Parts:
        return replace(super().build(persona), llm=MarkedLLM(), tts=MarkedTTS(), tools=(function_tool(_look, name="look"),))
