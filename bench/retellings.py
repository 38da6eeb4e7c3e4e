"""What somebody heard of a conversation that was broken off, against its journal: nothing twice that was reported as heard, the rest from its first word on, and with the
words that were written down. Pure: marks with the times at which they came, and the journal's events.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Final, NamedTuple, Protocol

from bench.mark_tones import WORD_SECONDS
from bench.marks import Mark, marks_in

CAME: Final = "round_came"
"""The journal's event of a front end that has come, for the first time or back; everything that is written behind it knows all that is before."""


SPOILT_SECONDS: Final = WORD_SECONDS / 2
"""Between two words that were heard lies the time of those that were not, if these were spoken and spoilt on their way: on a busy machine some are. A jitter buffer takes a
little of it away; a word that was left out takes all of its time."""
GRAIN_SECONDS: Final = 0.02
AUDIBLE: Final = 0.5
"""The share of its time in which something was heard of a word that was spoilt."""
Sounding = Sequence[tuple[float, int]]
"""Each 20 ms in which anything could be heard: when, and on which track."""
NEVER_LATE: Final[Mapping[int, float]] = {}
"""Since when each track is listened to, where all of them are from their first sound on."""


class Record(Protocol):
    """An event of a journal."""

    @property
    def seq(self) -> int: ...
    @property
    def wall_ms(self) -> int: ...
    @property
    def type(self) -> str: ...
    @property
    def d(self) -> Mapping[str, Any]: ...


class Told(NamedTuple):
    """A word that was heard. `at`: Unix time, in seconds, when it began; `stream`: which of the tracks that were heard one after the other; `place`: where on that track, in
    seconds of sound."""

    mark: Mark
    at: float
    stream: int
    place: float


@dataclass
class Telling:
    """An answer, or as much as came of it without a break."""

    loop: int
    at: float
    stream: int
    words: list[Mark] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    places: list[float] = field(default_factory=list)

    @property
    def gaps(self) -> list[tuple[int, int, float]]:
        """Words between which others were left out, and the seconds of sound from one to the other: not even their time has passed on the track. The clock does not tell: the
        ear of a busy client takes sound late."""
        return [
            (now.word, then.word, round(later - place, 3))
            for (now, place), (then, later) in pairwise(zip(self.words, self.places, strict=True))
            if then.word != now.word + 1 and later - place < (then.word - now.word) * WORD_SECONDS - SPOILT_SECONDS
        ]

    def heard_before(self, sounding: Sounding, opened: Mapping[int, float] = NEVER_LATE) -> int:
        """How many words at most came on its track before its first: they sounded, and were spoilt; those before them came when the ear was not open yet."""
        missing = self.words[0].word
        since = opened.get(self.stream, -math.inf)
        spoilt = behind = sum(self.at - words * WORD_SECONDS >= since for words in range(1, missing + 1))
        while spoilt and not _audible(sounding, self.stream, self.at - spoilt * WORD_SECONDS, self.at, spoilt):
            spoilt -= 1
        return missing if spoilt == behind else spoilt

    def heard_behind(self, sounding: Sounding, missing: int) -> bool:
        """Whether so many words sounded behind its last, and were spoilt."""
        end = self.times[-1] + WORD_SECONDS
        return not missing or _audible(sounding, self.stream, end, end + missing * WORD_SECONDS + SPOILT_SECONDS, missing)

    def differs(self, held: Sequence[Mark]) -> bool:
        """Whether a word of it is another than the one that was written down in its place."""
        by_word = {mark.word: mark for mark in held}
        return any(by_word.get(mark.word, mark) != mark for mark in self.words)


def _audible(sounding: Sounding, stream: int, begin: float, end: float, words: int) -> bool:
    count = sum(its == stream and begin - GRAIN_SECONDS <= at <= end + GRAIN_SECONDS for at, its in sounding)
    return count * GRAIN_SECONDS >= AUDIBLE * words * WORD_SECONDS


def tellings(told: Iterable[Told]) -> list[Telling]:
    """In the order in which they were heard. A word that is not behind the one before, another loop or another track begins the next."""
    found: list[Telling] = []
    stream = -1
    for mark, at, its_stream, place in told:
        if not found or found[-1].loop != mark.loop or mark.word <= found[-1].words[-1].word or its_stream != stream:
            found.append(Telling(mark.loop, at, its_stream))
        found[-1].words.append(mark)
        found[-1].times.append(at)
        found[-1].places.append(place)
        stream = its_stream
    return found


def written(records: Iterable[Record]) -> dict[int, list[Mark]]:
    """The words of each loop that a journal holds, in order. One that is written again counts as it was written first."""
    words: dict[int, dict[int, Mark]] = {}
    texts: dict[int, str] = {}
    for record in records:
        if record.type == "llm_delta":
            answer = int(record.d["answer"])
            texts[answer] = texts.get(answer, "") + str(record.d["text"])
    for text in texts.values():
        for mark in marks_in(text):
            words.setdefault(mark.loop, {}).setdefault(mark.word, mark)
    return {loop: [its[word] for word in sorted(its)] for loop, its in words.items()}


def faults(
    told: Sequence[Told],
    records: Sequence[Record],
    asked: Mapping[int, int],
    heard: Mapping[int, float],
    sounding: Sounding = (),
    opened: Mapping[int, float] = NEVER_LATE,
) -> list[str]:
    """What is wrong, in words; empty when all is right. `asked`: the loops and how many words each has; `heard`: when the client was told that a loop counts as heard;
    `sounding`: when there was sound; `opened`: since when each track is listened to. What a track carried before is not the agent's fault, which was told that somebody
    listens; that it waits for this has a test of its own."""
    found = []
    all_tellings = tellings(told)
    for telling in all_tellings:
        if telling.words[0].word != telling.heard_before(sounding, opened):
            found.append(f"loop {telling.loop} begins at word {telling.words[0].word}")
        if telling.gaps:
            found.append(f"loop {telling.loop} has gaps: {telling.gaps}")
        if telling.loop not in asked:
            found.append(f"loop {telling.loop} was not asked for")
        if telling.loop in heard and telling.at > heard[telling.loop]:
            found.append(f"loop {telling.loop} is heard again after it was heard")
    for loop, count in asked.items():
        its = [telling for telling in all_tellings if telling.loop == loop]
        if not its or not its[-1].heard_behind(sounding, count - 1 - its[-1].words[-1].word):
            found.append(f"loop {loop} is not heard to its end: {[telling.words[-1].word + 1 for telling in its]} of {count} words")
    seqs = [record.seq for record in records]
    if seqs != list(range(1, len(seqs) + 1)):
        found.append("the journal's numbers have gaps")
    return found + _other_words(all_tellings, records)


def _other_words(all_tellings: Sequence[Telling], records: Sequence[Record]) -> list[str]:
    """What was told in other words than the journal held when its telling began."""
    found = []
    comings = [place for place, record in enumerate(records) if record.type == CAME]
    whole = written(records)
    for telling in all_tellings:
        known = max((place for place in comings if records[place].wall_ms / 1000 <= telling.at), default=0)
        held = written(records[:known]).get(telling.loop, [])
        if telling.differs(held):
            found.append(f"loop {telling.loop} is told in other words than the {len(held)} that were written down")
    last = {telling.loop: telling for telling in all_tellings}
    found += [
        f"what was heard of loop {loop} in the end is not what the journal holds"
        for loop, telling in last.items()
        if telling.differs(whole.get(loop, [])) or telling.words[-1].word >= len(whole.get(loop, []))
    ]
    return found
