"""From the stream of a language model to pieces for synthesis, each with the stretch of the model's own text that it says."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Final, NamedTuple

from agent.dialogue.alignment import Alignment
from agent.dialogue.characters import plain_characters
from agent.dialogue.chunker import Chunker
from agent.dialogue.language import is_han
from agent.dialogue.markup import MarkupScanner
from agent.dialogue.spoken import SpokenScanner
from agent.protocol.messages import Language

_BLOCK: Final = 1_000
"""Characters worked on at once, so that the books on them stay small however long a delta is."""
FOLLOWING: Final = " so on"
"""What may follow a word."""
FORESEEN: Final = 80
"""Characters: no first piece that begins an answer early is longer."""


class Piece(NamedTuple):
    """`written`: as the model wrote it, Markdown and all; `spoken`: as it is said, perhaps nothing."""

    written: str
    spoken: str
    places: tuple[int, ...] = (0,)
    """For each place in what is spoken, from 0 to its length: how many characters of what is written come before it."""

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The characters written for those spoken from `start` to `end`; of what is read as several words (a number), all of it for each of them."""
        first, last = self.places[start], self.places[end]
        if last <= first:
            last = next((place for place in self.places[end:] if place > first), first)
        return first, last


class SpeechPieces:
    """`feed` deltas, `flush` at the end of each answer. What was written, joined, is the answer; what is spoken, joined, is `speakable(answer)`."""

    def __init__(self, language: Language = "en", room: Callable[[], int] | None = None) -> None:
        """`room`: see `Chunker`."""
        self._language: Language = language
        self._room = room
        self._begin()

    def _begin(self) -> None:
        self._markup = MarkupScanner()
        self._reader = SpokenScanner(self._language)
        self._chunker = Chunker(self._room)
        self._characters = Alignment()
        self._markup.alignment = Alignment()
        self._reader.alignment = Alignment()
        self._written = ""
        self._written_before = 0
        self._spoken = 0

    def feed(self, delta: str) -> list[Piece]:
        pieces: list[Piece] = []
        for start in range(0, len(delta), _BLOCK):
            block = delta[start : start + _BLOCK]
            self._written += block
            pieces += map(self._piece, self._chunker.feed(self._reader.feed(self._markup.feed(self._plain(block)))))
        return pieces

    def foreseen(self) -> str | None:
        """What the answer's first piece will say if the word that was written last is complete, and another follows without a mark: three times of four in English. None
        where it would not end there, and in Chinese, where too many guesses are wrong."""
        written = self._written
        if self._written_before or not 0 < len(written) <= FORESEEN or is_han(written[-1]):
            return None
        pieces = copy.deepcopy(self).feed(FOLLOWING)
        return pieces[0].spoken if pieces and pieces[0].written == written else None

    def flush(self) -> list[Piece]:
        """The rest of the answer; the next delta begins another."""
        spoken = self._reader.feed(self._markup.flush()) + self._reader.flush()
        pieces = [self._piece(chunk) for chunk in self._chunker.flush(spoken)]
        if self._written:
            last = pieces.pop() if pieces else Piece("", "")
            pieces.append(last._replace(written=last.written + self._written))
        self._begin()
        return pieces

    def _plain(self, block: str) -> str:
        plain = plain_characters(block)
        if plain == block:
            self._characters.note(len(block), len(block))
        else:
            for character in block:
                self._characters.note(1, len(plain_characters(character)))
        return plain

    def _piece(self, chunk: str) -> Piece:
        assert self._markup.alignment is not None
        assert self._reader.alignment is not None
        places = [0]
        for spoken in range(self._spoken + 1, self._spoken + len(chunk) + 1):
            read = self._characters.source(self._markup.alignment.source(self._reader.alignment.source(spoken)))
            places.append(max(places[-1], read - self._written_before))
        self._spoken += len(chunk)
        length = places[-1]
        written, self._written = self._written[:length], self._written[length:]
        self._written_before += length
        return Piece(written, chunk, tuple(places))
