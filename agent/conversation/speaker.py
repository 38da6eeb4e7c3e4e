"""The agent that AgentSession runs: what the language model is asked, and how its words become sound with their places on the timeline."""

from __future__ import annotations

import contextlib
import logging
import time
import weakref
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Collection, Iterator, Sequence
from typing import Any, Final, NamedTuple, Protocol, cast

from livekit import rtc
from livekit.agents import Agent, llm, tts
from livekit.agents.types import FlushSentinel
from livekit.agents.voice import ModelSettings
from livekit.agents.voice.speech_handle import SpeechHandle

from agent.config import Persona
from agent.conversation.aligning import Aligning
from agent.conversation.anticipation import ReadsAhead, SaysAhead
from agent.conversation.face import FaceOf, Tags
from agent.conversation.output import current_speech
from agent.conversation.script import Action, Script, Scripts
from agent.conversation.stages import AnswerStage
from agent.conversation.synthesis import synthesize
from agent.dialogue.going_on import continues
from agent.dialogue.language import script_language
from agent.dialogue.persona import GO_ON, chat_prefix, closed, cut_after
from agent.dialogue.pieces import Piece, SpeechPieces
from agent.dialogue.repetition import Repetition
from agent.dialogue.tags import Command, Felt, Tag
from agent.dialogue.tempo import Tempo
from agent.protocol.messages import RATE, Language, LanguageChoice

logger = logging.getLogger("visavis.speaker")

HISTORY_ITEMS: Final = 24
"""Messages of the conversation that the model is shown, at most."""
FORGOTTEN_AT_ONCE: Final = 12
"""Old messages leave in groups, so that the beginning of the prompt, which a model may have cached, stays the same from turn to turn."""
BLANK: Final = rtc.AudioFrame.create(RATE, 1, RATE // 50)
"""20 ms of silence."""


def forgotten(items: int) -> int:
    """How many of the oldest messages the model is not shown any more."""
    return -(-max(0, items - HISTORY_ITEMS) // FORGOTTEN_AT_ONCE) * FORGOTTEN_AT_ONCE


def _text_of(chunk: llm.ChatChunk | str | FlushSentinel) -> str:
    if isinstance(chunk, str):
        return chunk
    return (chunk.delta.content or "") if isinstance(chunk, llm.ChatChunk) and chunk.delta is not None else ""


def _calls_tools(chunk: llm.ChatChunk | str | FlushSentinel) -> bool:
    return isinstance(chunk, llm.ChatChunk) and chunk.delta is not None and bool(chunk.delta.tool_calls)


def _without(items: Sequence[llm.ChatItem], superseded: Collection[str]) -> Iterator[llm.ChatItem]:
    """The conversation without the questions of which the next one is a continuation, and what was begun as their answers; nor answers of which nothing was
    heard."""
    skipping = False
    for place, item in enumerate(items):
        if item.type != "message":
            yield item
        elif item.role == "user":
            after = next((i.text_content or "" for i in items[place + 1 :] if i.type == "message" and i.role == "user"), "")
            text = item.text_content or ""
            skipping = text in superseded and continues(after, text)
            if not skipping:
                yield item
        elif not skipping and (item.role != "assistant" or item.text_content):
            yield item


def _tell_cut(prompt: llm.ChatContext, answer: llm.ChatMessage, asked: int) -> None:
    """Add what was heard of an answer: behind its question, where it follows one of `prompt` after the first `asked` items, or as it is."""
    question = prompt.items[-1] if len(prompt.items) > asked else None
    if question is None or question.type != "message" or question.role != "user":
        prompt.items.append(answer)
        return
    prompt.items[-1] = llm.ChatMessage(role="user", content=[cut_after(question.text_content or "", answer.text_content or "")])


def _asked(message: llm.ChatMessage, page: str | None, *, going_on: bool) -> llm.ChatMessage:
    """A user's message as the model reads it, behind the page that it is about, if there is one."""
    text = message.text_content or ""
    words = text if going_on else closed(text)
    if page is None and words == text:
        return message
    return llm.ChatMessage(role="user", content=[words if page is None else f"{page}\n\n{words}"])


class _Begun(NamedTuple):
    """What is known of an answer that is given again."""

    text: str
    whole: bool


class Topic(Protocol):
    """What the speaker asks the conversation."""

    @property
    def language(self) -> LanguageChoice: ...

    def context(self) -> str | None:
        """The page on the user's screen, as a message for the model, or None."""

    def voice_failed(self, error: Exception) -> None: ...

    def nothing_said(self) -> None:
        """The model's answer holds no word."""

    def reached(self, speech: object, stage: AnswerStage) -> None:
        """An answer that is being prepared came so far."""

    def wrote(self, speech: object, text: str, *, whole: bool = False) -> None:
        """The model's next words of an answer; `whole`: they were its last."""


class Speaker(Agent):
    """Persona, memory and page context in; chunks of speech out."""

    def __init__(
        self,
        topic: Topic,
        persona: Persona,
        scripts: Scripts,
        longest: int,
        tools: Sequence[llm.Tool] = (),
        aligning: Aligning | None = None,
        memory: llm.ChatContext | None = None,
        *,
        local_model: bool = False,
    ) -> None:
        """`longest`: characters after which an answer is ended; `tools`: functions that the model may call; `aligning`: for voices that tell no times; `memory`: of a
        session that goes on; `local_model`: as `chat_prefix` takes it."""
        super().__init__(instructions="", tools=list(tools), chat_ctx=memory or llm.ChatContext.empty())
        self._longest = longest
        self._local_model = local_model
        self._topic = topic
        self._persona = persona
        self._scripts = scripts
        self._aligning = aligning
        self._tempo = Tempo()
        self._superseded: deque[str] = deque(maxlen=HISTORY_ITEMS)
        self._begun: weakref.WeakKeyDictionary[Any, _Begun] = weakref.WeakKeyDictionary()

    # -------------------------------------------------------------------------------------------------- what the model is asked

    async def llm_node(
        self, chat_ctx: llm.ChatContext, tools: list[llm.Tool], model_settings: ModelSettings
    ) -> AsyncGenerator[llm.ChatChunk | str | FlushSentinel, None]:
        """Ask the model with persona and page context around the conversation. The stored conversation is left as it is.

        An answer that has fallen into a loop ends there, and so does one that is longer than anybody would listen to. One that is complete is read at once as
        a part of the conversation, while it is still being spoken.
        """
        speech = current_speech()
        answer, calls, repetition = "", False, Repetition()
        prompt = self._prompt(chat_ctx.items)
        if (begun := self._begun.pop(speech, None)) is not None:
            answer = begun.text
            if answer:
                self._topic.reached(speech, "first_token")
                yield answer
            if begun.whole:
                return
            if answer:
                prompt.add_message(role="assistant", content=answer)
                prompt.add_message(role="system", content=GO_ON[script_language(answer, "en")])
        self._topic.reached(speech, "asked")
        node = cast(AsyncGenerator[Any, None], Agent.default.llm_node(self, prompt, tools, model_settings))
        async with contextlib.aclosing(node) as chunks:
            async for chunk in chunks:
                self._topic.reached(speech, "first_token")
                text = _text_of(chunk)
                self._topic.wrote(speech, text)
                yield chunk
                answer += text
                calls = calls or _calls_tools(chunk)
                if repetition.feed(text) or len(answer) > self._longest:
                    logger.info("an answer fell into a loop, or would not end, and was ended: %s", answer[-60:])
                    break
        self._topic.wrote(speech, "", whole=True)
        if not calls and not any(map(str.isalnum, answer)):
            self._topic.nothing_said()
        elif answer:
            self._read([*chat_ctx.items, llm.ChatMessage(role="assistant", content=[answer])], "")

    def go_on(self, speech: SpeechHandle, text: str, *, whole: bool) -> None:
        """This answer was begun before, with `text`; `whole`: that is all of it, and the model is not asked."""
        if text or whole:
            self._begun[speech] = _Begun(text, whole)

    def supersede(self, question: str) -> None:
        """A question that was answered too early: its speaker went on, and the next one holds it whole."""
        self._superseded.append(question)

    def read_ahead(self, said: str) -> None:
        """The user is saying `said` and goes on: a model that reads ahead for nothing does so.

        With nothing said yet, the conversation so far is read, as the next question will find it.
        """
        self._read(self.chat_ctx.items, said)

    def _read(self, conversation: Sequence[llm.ChatItem], said: str) -> None:
        model = self.session.llm
        if not isinstance(model, ReadsAhead):
            return
        question = llm.ChatMessage(role="user", content=[said])
        prompt = self._prompt([*conversation, question], going_on=bool(said))
        if not said:
            prompt.items.pop()
        model.read_ahead(prompt, "open" if said else "closed")

    def _prompt(self, conversation: Sequence[llm.ChatItem], *, going_on: bool = False) -> llm.ChatContext:
        """`going_on`: the user has not finished the last message."""
        items = [item for item in conversation if not (item.type == "message" and item.role in ("system", "developer"))]
        items = list(_without(items[forgotten(len(items)) :], self._superseded))
        said = next((i.text_content or "" for i in reversed(items) if i.type == "message" and i.role == "user"), "")
        prompt = llm.ChatContext.empty()
        for role, text in chat_prefix(self._persona, self._language_of(said), local_model=self._local_model):
            prompt.add_message(role=role, content=text)
        page = self._topic.context()
        asked = len(prompt.items)
        for place, item in enumerate(items):
            if item.type == "message" and item.role == "assistant" and item.interrupted:
                _tell_cut(prompt, item, asked)
            elif item.type == "message" and item.role == "user":
                last = place == len(items) - 1
                prompt.items.append(_asked(item, page if last else None, going_on=going_on and last))
            else:
                prompt.items.append(item)
        return prompt

    def _language_of(self, text: str) -> Language:
        choice = self._topic.language
        return script_language(text, "en") if choice == "auto" else choice

    # -------------------------------------------------------------------------------------------------- how it is said

    async def tts_node(self, text: AsyncIterable[str], model_settings: ModelSettings) -> AsyncGenerator[rtc.AudioFrame, None]:
        """Sound for a stream of text. Each chunk of text is written into the script at the sample where its sound begins."""
        speech = current_speech()
        self._tempo.begin()
        script = self._scripts.new(speech)
        voice = self._get_activity_or_raise().tts
        assert voice is not None
        options = self.session.conn_options.tts_conn_options
        samples = 0.0

        def ahead() -> float:
            return script.ahead(round(samples)) / RATE

        tags = Tags(self._persona.commands)
        pieces = self._pieces(tags.without(text), voice, lambda: self._tempo.room(ahead()))
        done, was_ahead = None, 0.0
        try:
            async for piece in pieces:
                if piece.written:
                    script.write(round(samples), piece.written)
                within = tags.within(piece.written)
                for _, tag in within:
                    if isinstance(tag, Felt):
                        script.feel(round(samples), tag.emotion)
                if not piece.spoken.strip():
                    self._act(script, [(round(samples), tag) for _, tag in within])
                    continue
                self._topic.reached(speech, "first_chunk")
                written = time.monotonic()
                face = FaceOf(piece, script, round(samples), self._aligning)
                async for frame, timings in synthesize(voice, piece.spoken, options):
                    self._topic.reached(speech, "first_sound")
                    if samples == 0:
                        self._tempo.began(piece.spoken, time.monotonic() - written)
                        script.wait = round(self._tempo.wait * RATE)
                    face.sounds(frame, timings)
                    samples += frame.samples_per_channel * RATE / frame.sample_rate
                    yield frame
                face.end()
                self._act(script, [(face.place(characters, round(samples)), tag) for characters, tag in within])
                now = time.monotonic()
                if done is not None:
                    self._tempo.made(piece.spoken, now - done, was_ahead)
                done, was_ahead = now, ahead()
            self._act(script, [(round(samples), tag) for tag in tags.rest()])
            if samples == 0 and script.acts:  # commands without a word need a place, too
                yield BLANK
                samples += BLANK.samples_per_channel * RATE / BLANK.sample_rate
            self._tempo.answered()
        except Exception as error:
            self._topic.voice_failed(error)
            async for piece in pieces:  # the answer goes on as text
                script.write(round(samples), piece.written)
        finally:
            if isinstance(voice, SaysAhead):
                voice.say_ahead(None)
            if samples == 0:
                self._scripts.discard(speech, script)

    def _act(self, script: Script, tags: Sequence[tuple[int, Tag]]) -> None:
        for at, tag in tags:
            if isinstance(tag, Command):
                script.act(at, Action(tag.name, tag.value, self._persona.commands[tag.name]))

    async def _pieces(self, text: AsyncIterable[str], voice: tts.TTS[Any], room: Callable[[], int]) -> AsyncGenerator[Piece, None]:
        """Pieces of the text, each as it was written and as it is spoken. The voice hears of the first one as soon as it can be guessed."""
        pieces = SpeechPieces("zh" if self._topic.language == "zh" else "en", room)
        async for delta in text:
            for piece in pieces.feed(delta):
                yield piece
            if isinstance(voice, SaysAhead) and (foreseen := pieces.foreseen()):
                voice.say_ahead(foreseen)
        for piece in pieces.flush():
            yield piece
