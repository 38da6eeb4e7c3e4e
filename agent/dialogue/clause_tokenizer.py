"""The chunker as livekit-agents knows such things: a sentence tokenizer, each token of which is one synthesis."""

from __future__ import annotations

from livekit.agents import tokenize, utils
from livekit.agents.tokenize.tokenizer import SentenceStream

from agent.dialogue.chunker import Chunker


class ClauseTokenizer(tokenize.SentenceTokenizer):
    """For `tts.StreamAdapter(tts=…, sentence_tokenizer=ClauseTokenizer())`: the first token is a few words, the later ones are clauses and sentences.

    Tokens keep their blanks, so that they make a transcript when joined; what holds no word is left out.
    """

    def tokenize(self, text: str, *, language: str | None = None) -> list[str]:
        chunker = Chunker()
        return [piece for piece in (*chunker.feed(text), *chunker.flush()) if _holds_word(piece)]

    def stream(self, *, language: str | None = None) -> SentenceStream:
        return ClauseStream()


class ClauseStream(SentenceStream):
    """Each `flush` ends a segment; the next one begins with a short token again."""

    def __init__(self) -> None:
        super().__init__()
        self._chunker = Chunker()
        self._segment_id = utils.shortuuid()

    def push_text(self, text: str) -> None:
        self._check_not_closed()
        self._emit(self._chunker.feed(text))

    def flush(self) -> None:
        self._check_not_closed()
        self._emit(self._chunker.flush())
        self._segment_id = utils.shortuuid()

    def end_input(self) -> None:
        self.flush()
        self._do_close()

    async def aclose(self) -> None:
        self._do_close()

    def _emit(self, pieces: list[str]) -> None:
        for piece in pieces:
            if _holds_word(piece):
                self._event_ch.send_nowait(tokenize.TokenData(segment_id=self._segment_id, token=piece))


def _holds_word(text: str) -> bool:
    return any(character.isalnum() for character in text)
