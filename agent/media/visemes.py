"""From the sounds of speech to the shapes of a mouth. Pure arithmetic.

The shapes are the fifteen of Oculus. A mouth moves a little before the sound that it makes; a diphthong is two shapes; what is too short to be seen is left
out, except where lips or teeth close: a `p` that stays open is what a viewer notices first.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from agent.protocol.messages import RATE
from agent.providers.timing import Sound

NAMES: Final = ("sil", "PP", "FF", "TH", "DD", "kk", "CH", "SS", "nn", "RR", "aa", "E", "I", "O", "U")
"""Oculus' names, in the order of their ids."""
ID: Final = {name: number for number, name in enumerate(NAMES)}
LEAD: Final = RATE * 25 // 1000
"""Samples by which a shape is early. A face that is late is noticed at half the error of one that is early (Davis & Kim 2013)."""
PAUSE_SECONDS: Final = 0.07
"""A shorter pause closes no mouth."""
SHORTEST_SECONDS: Final = 0.03
"""A consonant that is shorter is passed over, unless it closes the mouth."""
CLOSURE_SECONDS: Final = 0.045
"""Closed lips are held so long at least."""
GLIDE: Final = 0.6
"""The share of a diphthong's time that its first half takes."""

_CLOSES: Final = frozenset({"PP", "FF"})
_VOWELS: Final = frozenset({"aa", "E", "I", "O", "U"})


class Viseme(NamedTuple):
    """From 48 kHz sample `at` on the mouth has shape `id`, formed to `weight` hundredths."""

    at: int
    id: int
    weight: int


class _Shape(NamedTuple):
    name: str
    weight: int
    start: float
    end: float


def _table() -> dict[str, tuple[tuple[str, int], ...]]:
    rows: dict[str, tuple[tuple[str, int], ...]] = {}
    for symbols, name, weight in (
        ("pbm", "PP", 100),
        ("fvʋɸβ", "FF", 100),
        ("θð", "TH", 95),
        ("tdTɾʈɖɽ", "DD", 75),
        ("kɡxχcɟɣŋʔqɢʁ", "kk", 65),
        ("ʃʒʧʤʨʥɕʑʂꭧʐçʝ", "CH", 85),
        ("szʦʣ", "SS", 80),
        ("nlɲɳʎɴ", "nn", 75),
        ("ɹɻɚɜɝr", "RR", 75),
        ("aɑæʌɐ", "aa", 90),
        ("eɛœø", "E", 85),
        ("əᵊɤ", "E", 55),
        ("iɪjᵻʲ", "I", 85),
        ("ɨ", "I", 60),
        ("ɔoɒ", "O", 90),
        ("uwyʊɥɯ", "U", 90),
    ):
        for symbol in symbols:
            rows[symbol] = ((name, weight),)
    for symbol, first, second in (("A", "E", "I"), ("I", "aa", "I"), ("W", "aa", "U"), ("Y", "O", "I"), ("O", "O", "U"), ("Q", "E", "U")):
        rows[symbol] = ((first, 90), (second, 75))
    return rows


_SHAPES: Final = _table()
_LENGTHENS: Final = frozenset("ːʰ\u0303→↗↘↓")
"""Marks behind a sound: their time is the sound's."""
_PRECEDES: Final = frozenset("ˈˌh")
"""Marks before a sound, and the breath that already has its shape: their time is that of what follows."""


def visemes(sounds: Sequence[Sound]) -> list[Viseme]:
    """Shapes for the sounds of a stretch of speech, in order, ending in silence. Sounds that are out of order or take no time are passed over."""
    shapes = _held(_visible(_merged(_shapes(_in_order(sounds)))))
    out: list[Viseme] = []
    end = 0.0
    for shape in shapes:
        _add(out, shape.start, shape.name, shape.weight)
        end = shape.end
    if out and out[-1].id != 0:
        _add(out, end, "sil", 0)
    return out


def _add(out: list[Viseme], seconds: float, name: str, weight: int) -> None:
    at = max(0, round(seconds * RATE) - LEAD)
    while out and out[-1].at >= at:
        out.pop()
    out.append(Viseme(at, ID[name], weight))


def _in_order(sounds: Iterable[Sound]) -> Iterator[Sound]:
    done = 0.0
    for sound in sounds:
        start = max(done, sound.start)
        if sound.end > start:
            yield Sound(sound.symbol, start, sound.end)
            done = sound.end


def _shapes(sounds: Iterable[Sound]) -> Iterator[_Shape]:
    before: float | None = None
    last: _Shape | None = None
    for symbol, start, end in sounds:
        if symbol in _PRECEDES:
            before = start if before is None else before
            continue
        if symbol in _LENGTHENS and last is not None:
            last = last._replace(end=end)
            continue
        parts = _SHAPES.get(symbol)
        if parts is None and symbol.isalpha():
            continue
        if last is not None:
            yield last
        begin, before = start if before is None else before, None
        if parts is None:
            last = _Shape("sil", 0, begin, end)
        elif len(parts) == 1:
            last = _Shape(*parts[0], begin, end)
        else:
            turn = begin + GLIDE * (end - begin)
            yield _Shape(*parts[0], begin, turn)
            last = _Shape(*parts[1], turn, end)
    if last is not None:
        yield last


def _merged(shapes: Iterable[_Shape]) -> list[_Shape]:
    """Short pauses belong to what precedes them; what has the same shape is one."""
    out: list[_Shape] = []
    for shape in shapes:
        if out and ((shape.name == "sil" and shape.end - shape.start < PAUSE_SECONDS) or shape.name == out[-1].name):
            out[-1] = out[-1]._replace(end=shape.end, weight=max(out[-1].weight, shape.weight))
        else:
            out.append(shape)
    return out


def _visible(shapes: Sequence[_Shape]) -> list[_Shape]:
    """Without what is too short to be seen: the shape before it lasts on. Short vowels are formed less."""
    out: list[_Shape] = []
    for shape in shapes:
        seconds = shape.end - shape.start
        if out and seconds < SHORTEST_SECONDS and shape.name not in _CLOSES:
            out[-1] = out[-1]._replace(end=shape.end)
            continue
        if shape.name in _VOWELS:
            shape = shape._replace(weight=round(shape.weight * min(1.0, 0.55 + 5 * seconds)))
        if out and out[-1].name == shape.name:
            out[-1] = out[-1]._replace(end=shape.end, weight=max(out[-1].weight, shape.weight))
        else:
            out.append(shape)
    return out


def _held(shapes: Sequence[_Shape]) -> list[_Shape]:
    """Lips that close do so for long enough to be seen, at the cost of their neighbours."""
    out = list(shapes)
    for place, shape in enumerate(out):
        missing = CLOSURE_SECONDS - (shape.end - shape.start)
        if shape.name not in _CLOSES or missing <= 0 or place == 0:
            continue
        before = out[place - 1]
        start = max(before.start + SHORTEST_SECONDS / 2, shape.start - missing)
        if start < shape.start:
            out[place - 1] = before._replace(end=start)
            out[place] = shape._replace(start=start)
    return out
