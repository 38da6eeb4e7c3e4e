"""Text made fit for speech, as it streams from a language model.

Markdown, HTML, emoji, addresses, stage directions and digits go in; words and single pauses come out, in English and Chinese, each item in the
language of its surroundings. However the text is cut into deltas, the result is the same, and each word leaves as soon as it is certain.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator

from agent.dialogue.markup import MarkupScanner
from agent.dialogue.spoken import SpokenScanner
from agent.protocol.messages import Language


class SpeakableStream:
    """`feed` deltas, `flush` at the end of each answer; both return text to be said. `language` is that of text without letters of its own."""

    def __init__(self, language: Language = "en") -> None:
        self._markup = MarkupScanner()
        self._spoken = SpokenScanner(language)

    def feed(self, delta: str) -> str:
        return self._spoken.feed(self._markup.feed(delta))

    def flush(self) -> str:
        """What was held back. The next delta begins a new text."""
        return self._spoken.feed(self._markup.flush()) + self._spoken.flush()


def speakable(text: str, language: Language = "en") -> str:
    """A whole text as it is said."""
    stream = SpeakableStream(language)
    return (stream.feed(text) + stream.flush()).rstrip()


async def speakable_stream(deltas: AsyncIterable[str], language: Language = "en") -> AsyncIterator[str]:
    """The same for an asynchronous stream; usable as one of livekit-agents' `tts_text_transforms`."""
    stream = SpeakableStream(language)
    async for delta in deltas:
        if words := stream.feed(delta):
            yield words
    if words := stream.flush():
        yield words
