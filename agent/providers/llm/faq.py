"""`local.faq`: answers from a small list instead of a language model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Protocol

from livekit.agents import APIConnectionError, APITimeoutError, llm
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS, APIConnectOptions
from livekit.agents.utils import shortuuid

from agent.protocol.messages import Language
from agent.providers.llm.embeddings import QuestionIndex
from agent.providers.llm.llama_session import messages_of
from agent.providers.local.lane import LaneClosed, LaneFull

FIND_SECONDS: Final = 10.0
"""A search takes milliseconds; only a machine that is overloaded takes this long."""


class Talk(Protocol):
    """What the list has to say in one conversation. Messages are (role, text), oldest first."""

    def question(self, messages: Sequence[tuple[str, str]]) -> str:
        """What the user asked last."""

    def language(self, messages: Sequence[tuple[str, str]]) -> Language:
        """The language that it is in: what the wordings are filed under."""

    def answer(self, messages: Sequence[tuple[str, str]], entry: int | None) -> str:
        """The words for an entry; None: nothing is alike."""


class FaqLLM(llm.LLM[Any]):
    """One a session; the index is shared."""

    def __init__(self, index: QuestionIndex, talk: Talk) -> None:
        super().__init__()
        self.index = index
        self.talk = talk

    @property
    def model(self) -> str:
        return "faq"

    @property
    def provider(self) -> str:
        return "local"

    def chat(
        self,
        *,
        chat_ctx: llm.ChatContext,
        tools: list[llm.Tool] | None = None,
        conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS,
        **_: Any,
    ) -> llm.LLMStream:
        """Ask. A list knows no tools."""
        return _FaqStream(self, chat_ctx=chat_ctx, tools=[], conn_options=conn_options)


class _FaqStream(llm.LLMStream):
    def __init__(self, owner: FaqLLM, **options: Any) -> None:
        super().__init__(owner, **options)
        self._owner = owner

    async def _run(self) -> None:
        messages = messages_of(self._chat_ctx)
        talk = self._owner.talk
        try:
            entry = await self._owner.index.find(talk.question(messages), talk.language(messages), self._owner, timeout=FIND_SECONDS)
        except TimeoutError:
            raise APITimeoutError(f"the list of answers was not searched within {FIND_SECONDS:g} s; the machine is overloaded") from None
        except (LaneFull, LaneClosed) as error:
            raise APIConnectionError(str(error), retryable=False) from None
        delta = llm.ChoiceDelta(role="assistant", content=talk.answer(messages, entry))
        self._event_ch.send_nowait(llm.ChatChunk(id=shortuuid("faq_"), delta=delta))
