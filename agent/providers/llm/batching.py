"""Which tokens are computed next, when several conversations ask one model: a state machine over a network, without I/O.

Every step computes one batch: the next token of each answer that is being written and, in the room left, a part of the prompts that wait to be read.
Answers written side by side share the weights' way through memory, so two cost far less than twice one. What a finished request has left in the cache
serves the next one that begins with the same words; beginnings that many will share are kept for all.
"""

from __future__ import annotations

import codecs
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal, NamedTuple, Protocol

from agent.providers.llm.libllama import ABORTED, NO_ROOM, Entry

BATCH_TOKENS: Final = 32
"""The most that a step computes: some half a second on two cores."""
AHEAD_TOKENS: Final = 4
"""Of a request that only reads, so that whatever comes meanwhile need not wait: a tenth of a second."""
FAR_TOKENS: Final = 64
"""When so much is left to read, a whole history, the steps are longer: they take two thirds of the time in all."""
FAR_STEP: Final = 16
LEAST_MOVED: Final = 32
"""So many tokens, at least, are the same ones again, and not just like them."""
QUEUE: Final = 64
"""Requests that may wait."""

Ending = Literal["stop", "length", "taken back", "no room", "failed"]


class Network(Protocol):
    """What `libllama.Network` offers here."""

    def piece(self, token: int) -> bytes: ...
    def is_end(self, token: int) -> bool: ...
    def read(self, entries: Sequence[Entry]) -> int: ...
    def choose(self, index: int, sampler: int) -> int: ...
    def sampler(self, temperature: float, seed: int) -> int: ...
    def free_sampler(self, sampler: int) -> None: ...
    def cut(self, sequence: int, length: int) -> None: ...
    def close_gap(self, sequence: int, start: int, end: int) -> bool: ...
    def copy(self, source: int, target: int, length: int) -> None: ...
    def save(self, sequence: int, tokens: Sequence[int], file: Path) -> bool: ...
    def load(self, sequence: int, tokens: Sequence[int], file: Path) -> bool: ...


class Text(NamedTuple):
    """A piece of an answer."""

    request: int
    text: str


class End(NamedTuple):
    """The last of a request: why it ended, how many tokens of its prompt were read and how many had been in the cache, and how many were written."""

    request: int
    ending: Ending
    read: int
    cached: int
    written: int


Event = Text | End


@dataclass(slots=True)
class _Sequence:
    """A place in the cache."""

    number: int
    tokens: list[int] = field(default_factory=list)
    request: _Request | None = None
    last_used: int = 0


@dataclass(slots=True)
class _Request:
    number: int
    prompt: list[int]
    most: int
    sampler: int
    background: bool = False
    place: _Sequence | None = None
    cached: int = 0
    written: int = 0
    chosen: int | None = None
    text: codecs.IncrementalDecoder = field(default_factory=lambda: codecs.getincrementaldecoder("utf-8")("ignore"))


class Batching:
    """`sequences` conversations at once, and `kept` beginnings beside them."""

    def __init__(self, network: Network, *, sequences: int, kept: int, emit: Callable[[Event], None]) -> None:
        self._network = network
        self._emit = emit
        self._sequences = [_Sequence(number) for number in range(sequences)]
        self._kept = [_Sequence(number) for number in range(sequences, sequences + kept)]
        self._waiting: deque[_Request] = deque()
        self._clock = 0

    @property
    def busy(self) -> bool:
        """Whether a step would do anything."""
        return bool(self._waiting) or any(sequence.request for sequence in self._sequences)

    # ----------------------------------------------------------------------------------------------------------- requests

    def ask(self, number: int, prompt: list[int], *, most: int, temperature: float = 0.0, seed: int = 0, background: bool = False) -> None:
        """Write at most `most` tokens after `prompt`; 0 only reads it. `background`: only while nobody else wants anything."""
        if not prompt or len(self._waiting) >= QUEUE:
            self._emit(End(number, "no room", 0, 0, 0))
            return
        self._waiting.append(_Request(number, prompt, most, self._network.sampler(temperature, seed), background))

    def take_back(self, number: int) -> None:
        """End a request, whatever state it is in; unknown ones have ended already."""
        for request in [*self._waiting, *(sequence.request for sequence in self._sequences)]:
            if request is not None and request.number == number:
                self._end(request, "taken back")

    def keep(self, prompt: list[int], file: Path) -> bool:
        """Have `prompt` in the cache for all that begin with it: from `file`, or else from a conversation that has read it, and then in `file`, too.

        False when it has still to be read.
        """
        if any(kept.tokens == prompt for kept in self._kept):
            return True
        place = min(self._kept, key=lambda kept: kept.last_used)
        source = next((sequence for sequence in self._sequences if sequence.tokens[: len(prompt)] == prompt), None)
        if source is None and not file.is_file():
            return False
        self._forget(place)
        if source is not None:
            self._network.copy(source.number, place.number, len(prompt))
        elif not self._network.load(place.number, prompt, file):
            return False
        place.tokens = list(prompt)
        place.last_used = self._tick()
        if source is not None:
            self._network.save(place.number, prompt, file)
        return True

    # --------------------------------------------------------------------------------------------------------------- steps

    def step(self) -> None:
        """Compute one batch."""
        self._admit()
        entries, choosing = self._batch()
        if not entries:
            return
        before = {entry.sequence for entry in entries}
        result = self._network.read(entries)
        if result == 0:
            for entry in entries:
                self._sequences[entry.sequence].tokens.append(entry.token)
            for index, request in choosing:
                self._choose(index, request)
            return
        for number in before:
            self._network.cut(number, len(self._sequences[number].tokens))
        if result == NO_ROOM and self._make_room():
            return
        if result != ABORTED:
            for number in before:
                if (owner := self._sequences[number].request) is not None:
                    self._end(owner, "no room" if result == NO_ROOM else "failed")

    def _batch(self) -> tuple[list[Entry], list[tuple[int, _Request]]]:
        """Answers first, so that nobody's prompt stops the others' speech; then prompts in the order of their arrival."""
        entries: list[Entry] = []
        choosing: list[tuple[int, _Request]] = []
        active = [sequence.request for sequence in self._sequences if sequence.request is not None]
        if any(not request.background for request in active):
            active = [request for request in active if not request.background]
        for request in sorted(active, key=lambda request: (request.chosen is None, request.number)):
            place = request.place
            assert place is not None
            start = len(place.tokens)
            step = BATCH_TOKENS
            if not request.most and not request.background:
                step = FAR_STEP if len(request.prompt) - start >= FAR_TOKENS else AHEAD_TOKENS
            tokens = (
                [request.chosen] if request.chosen is not None else request.prompt[start : start + min(step, BATCH_TOKENS - len(entries))]
            )
            last = request.chosen is not None or start + len(tokens) == len(request.prompt)
            for offset, token in enumerate(tokens[: BATCH_TOKENS - len(entries)]):
                entries.append(Entry(token, start + offset, place.number, last and offset == len(tokens) - 1))
            if tokens and last:
                choosing.append((len(entries) - 1, request))
        return entries, choosing

    def _choose(self, index: int, request: _Request) -> None:
        if request.written >= request.most:
            self._end(request, "length")
            return
        token = self._network.choose(index, request.sampler)
        if self._network.is_end(token):
            self._end(request, "stop")
            return
        request.chosen = token
        request.written += 1
        if text := request.text.decode(self._network.piece(token)):
            self._emit(Text(request.number, text))
        if request.written >= request.most:
            self._end(request, "length")

    def _end(self, request: _Request, ending: Ending) -> None:
        if request in self._waiting:
            self._waiting.remove(request)
        read = 0
        if (place := request.place) is not None:
            place.request = None
            read = max(0, min(len(place.tokens), len(request.prompt)) - request.cached)
        self._network.free_sampler(request.sampler)
        self._emit(End(request.number, ending, read, request.cached, request.written))

    # --------------------------------------------------------------------------------------------------------------- places

    def _admit(self) -> None:
        while self._waiting and (free := [sequence for sequence in self._sequences if sequence.request is None]):
            self._seat(self._waiting.popleft(), free)

    def _seat(self, request: _Request, free: list[_Sequence]) -> None:
        """Give a request a place, and as much of its beginning as is known anywhere."""
        prompt = request.prompt

        def known(sequence: _Sequence) -> int:
            return min(_common(sequence.tokens, prompt), len(prompt) - 1)  # the last token is read again, for what follows it

        donor = max([*self._sequences, *self._kept], key=known)
        length = known(donor)
        others = [sequence for sequence in free if sequence is not donor]
        moved = self._moved_up(donor, prompt, length) if donor in free else length
        if moved > length or (donor in free and (2 * length >= len(donor.tokens) or not others)):  # its own conversation goes on
            place, length = donor, moved
            self._network.cut(place.number, length)
        else:
            place = min(others, key=lambda sequence: sequence.last_used)
            self._network.cut(place.number, 0)
            if length:
                self._network.copy(donor.number, place.number, length)
                donor.last_used = self._tick()
        place.tokens = prompt[:length]
        place.request, request.place = request, place
        place.last_used = self._tick()
        request.cached = length

    def _moved_up(self, place: _Sequence, prompt: list[int], length: int) -> int:
        """How much of `prompt` a place holds that holds `length` tokens of its beginning, when what follows a gap in it has moved up: the oldest turns of a
        conversation leave, the others need not be read again."""
        held = place.tokens
        behind = prompt[length : length + LEAST_MOVED]
        if len(behind) < LEAST_MOVED or any(
            _common(other.tokens, held) > length for other in [*self._sequences, *self._kept] if other is not place
        ):
            return length
        end = next((at for at in range(length + 1, len(held) - LEAST_MOVED + 1) if held[at : at + LEAST_MOVED] == behind), None)
        if end is None or not self._network.close_gap(place.number, length, end):
            return length
        return min(length + _common(held[end:], prompt[length:]), len(prompt) - 1)

    def _make_room(self) -> bool:
        """Forget the conversation that was silent longest."""
        idle = [sequence for sequence in self._sequences if sequence.request is None and sequence.tokens]
        if not idle:
            return False
        self._forget(min(idle, key=lambda sequence: sequence.last_used))
        return True

    def _forget(self, sequence: _Sequence) -> None:
        self._network.cut(sequence.number, 0)
        sequence.tokens = []

    def _tick(self) -> int:
        self._clock += 1
        return self._clock


def _common(one: Sequence[int], other: Sequence[int]) -> int:
    """The length of the beginning that both share."""
    for index, (a, b) in enumerate(zip(one, other, strict=False)):
        if a != b:
            return index
    return min(len(one), len(other))
