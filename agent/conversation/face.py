"""What a face is told of an answer: from the voice's times to shapes and lines on the script, and from the batches that are due to messages."""

from __future__ import annotations

from base64 import b64encode
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable, Collection, Iterator, Sequence

import numpy as np
from livekit import rtc

from agent.conversation.script import Action, Script
from agent.dialogue.pieces import Piece
from agent.dialogue.tags import Tag, TagScanner
from agent.media.driving import Batch, Line
from agent.media.fingerprint import Marks
from agent.media.loudness import LoudnessShapes
from agent.media.visemes import Viseme, visemes
from agent.protocol.messages import RATE, Control, MediaFp, Message, Subtitle, VisemeTimeline
from agent.providers.timing import SpokenWord, Timing, tidy


class Tags:
    """Takes moods and commands out of a text, and tells to which of its pieces they belong."""

    def __init__(self, commands: Collection[str]) -> None:
        self._scanner = TagScanner(commands)
        self._waiting: deque[tuple[int, Tag]] = deque()
        self._read = 0
        self._said = 0

    async def without(self, text: AsyncIterable[str]) -> AsyncGenerator[str, None]:
        """The text without its tags."""
        scanner = self._scanner
        async for delta in text:
            for part in scanner.feed(delta):
                if words := self._kept(part):
                    yield words
        for part in scanner.flush():
            if words := self._kept(part):
                yield words

    def _kept(self, part: str | Tag) -> str:
        if isinstance(part, str):
            self._read += len(part)
            return part
        self._waiting.append((self._read, part))
        return ""

    def within(self, written: str) -> list[tuple[int, Tag]]:
        """The tags in the next piece of the text, each with the characters of the piece that come before it."""
        begin = self._said
        self._said += len(written)
        found = []
        while self._waiting and self._waiting[0][0] < self._said:
            at, tag = self._waiting.popleft()
            found.append((at - begin, tag))
        return found

    def rest(self) -> list[Tag]:
        """Those behind all text."""
        found = [tag for _, tag in self._waiting]
        self._waiting.clear()
        return found


class FaceOf:
    """Of one piece of an answer, whose sound begins at content sample `offset`. A voice that tells no times moves the mouth by its loudness."""

    def __init__(self, piece: Piece, script: Script, offset: int) -> None:
        self._piece = piece
        self._script = script
        self._offset = offset
        self._shown = 0
        self._timed = self._told = False
        self._loudness: LoudnessShapes | None = None
        self._places: list[tuple[int, int]] = []
        """Character of the piece, and content sample, at which each word begins that is known."""

    def place(self, characters: int, end: int) -> int:
        """The content sample at which the word is said that `characters` of the piece come before; `end`: that at which the piece's sound ends."""
        for first, sample in self._places:
            if first >= characters:
                return sample
        if self._places:
            return end
        return self._offset + (end - self._offset) * characters // max(1, len(self._piece.written))

    def sounds(self, frame: rtc.AudioFrame, timings: Sequence[Timing]) -> None:
        """The next frame of sound, and what has become known of the times."""
        for timing in timings:
            self.timing(timing)
        if not self._told:
            self._script.line(self._offset, self._piece.written)
            self._told = True
        if self._timed:
            return
        if self._loudness is None:
            self._loudness = LoudnessShapes()
        pcm = np.frombuffer(frame.data, np.int16)
        if frame.num_channels > 1:
            pcm = pcm.reshape(-1, frame.num_channels)[:, 0]
        shapes = self._loudness.push(pcm, frame.sample_rate)
        self._script.shape(self._moved(shapes), self._offset + self._loudness.known, "energy")

    def end(self) -> None:
        """The piece's sound has ended."""
        if self._loudness is not None and not self._timed:
            self._script.shape(self._moved(self._loudness.end()), self._offset + self._loudness.known, "energy")

    def timing(self, timing: Timing) -> None:
        timing = tidy(timing)
        if timing.sounds:
            self._timed = True
            self._script.shape(self._moved(visemes(timing.sounds)), self._offset + round(timing.sounds[-1].end * RATE), timing.source)
        words = [word for word in timing.words if word.end_char <= len(self._piece.spoken)]
        if words and (self._shown or not self._told):
            self._told = True
            self._line(words)

    def _moved(self, shapes: Sequence[Viseme]) -> list[Viseme]:
        return [Viseme(self._offset + shape.at, shape.id, shape.weight) for shape in shapes]

    def _line(self, words: Sequence[SpokenWord]) -> None:
        """What is written for these words, with the marks and spaces behind them."""
        written = self._piece.written
        spans = [self._piece.span(word.start_char, word.end_char) for word in words]
        begin, end = self._shown, min(spans[-1][1], len(written))
        while end < len(written) and not written[end].isalnum():
            end += 1
        if end <= begin:
            return
        self._shown = end
        timed = [
            (self._offset + round(word.start * RATE), first - begin, last - first)
            for word, (first, last) in zip(words, spans, strict=True)
            if begin <= first < last <= end
        ]
        self._places += [(begin + first, sample) for sample, first, _ in timed]
        self._script.line(self._offset + round(words[0].start * RATE), written[begin:end], timed)


def messages_of(batch: Batch) -> Iterator[tuple[Message, int]]:
    """The messages that tell a batch, each with its media time."""
    events = [number for shape in batch.visemes for number in (shape.at - batch.t, shape.id, shape.weight)]
    yield VisemeTimeline(dur=batch.dur, ev=events, src=batch.source), batch.t
    for line in batch.lines:
        yield _subtitle(batch.gen, line), line.at


def _subtitle(gen: int, line: Line) -> Subtitle:
    return Subtitle(id=f"a{gen}.{line.number}", text=line.text, words=[[at - line.at, first, size] for at, first, size in line.words])


def control_message(command_id: str, action: Action) -> Control:
    """The message that tells a command."""
    spec = action.spec
    args = {**spec.args, **({"value": action.value} if action.value else {})}
    return Control(id=command_id, name=action.name, args=args, late=spec.late, max_late_ms=spec.max_late_ms, dur=spec.dur_ms * RATE // 1000)


def marks_message(marks: Marks) -> MediaFp:
    """The message that tells marks of loudness."""
    return MediaFp(i0=marks.first, b64=b64encode(marks.levels).decode())
