"""What the examples' faces do while they speak: the weights of the libraries' own objects against the shapes that were told, and against what was heard."""

from __future__ import annotations

import statistics
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from agent.media.visemes import LEAD
from agent.protocol.messages import RATE

VOWELS = ("aa", "E", "I", "O", "U")
SOON_MS = 150.0
"""A shape that is held so long has formed."""
OPEN = 0.3
"""Of the fullest opening: what can be seen to close."""
LEAD_MS = LEAD * 1000 / RATE


@dataclass(frozen=True)
class Example:
    """An example page. `read` is JavaScript: from `face`, the library's object, to the weights that it has now, by name. `after` is a statement that calls
    `look` whenever they were written; by default that is every picture. `parts` says which weight forms each vowel; one that ends in − is formed below zero."""

    name: str
    door: str
    read: str
    parts: dict[str, str]
    after: str = "(function next() { look(); requestAnimationFrame(next); })();"

    @property
    def script(self) -> str:
        """Notes what is told and what is shown, from when the session is there."""
        return f"""() => {{
          const {{ face, session }} = window.example;
          const read = () => ({self.read});
          const seen = (window.seen = {{ shapes: [], looks: [], ended: false }});
          const look = () => seen.looks.push([performance.now(), read()]);
          session.on("viseme", ({{ name, weight }}) => seen.shapes.push([performance.now(), name, weight]));
          session.on("message", ({{ type }}) => {{ seen.ended ||= type === "generation_end"; }});
          seen.atRest = () => seen.shapes.at(-1)?.[1] === "sil" && Object.values(seen.looks.at(-1)[1]).every((weight) => Math.abs(weight) < 0.02);
          {self.after}
        }}"""


MORPHS = "Object.fromEntries(Object.entries({mesh}.morphTargetDictionary).map(([name, at]) => [name, {mesh}.morphTargetInfluences[at]]))"

EXAMPLES = (
    Example(
        "plain",
        "peer",
        '({ open: (face.getAttribute("ry") - 1) / 20 })',
        dict.fromkeys(VOWELS, "open"),
    ),
    Example(
        "arkit",
        "ws",
        MORPHS.format(mesh="face"),
        {"aa": "jawOpen", "E": "mouthStretchLeft", "I": "mouthStretchLeft", "O": "mouthFunnel", "U": "mouthPucker"},
    ),
    Example(
        "vrm",
        "peer",
        MORPHS.format(mesh='face.scene.getObjectByName("Face")'),
        {"aa": "aa", "E": "ee", "I": "ih", "O": "oh", "U": "ou"},
    ),
    Example(
        "talkinghead",
        "ws",
        f'Object.fromEntries(Object.entries({MORPHS.format(mesh="face.morphs[0]")}).filter(([name]) => name.startsWith("viseme_")))',
        {name: f"viseme_{name}" for name in VOWELS},
    ),
    Example(
        "live2d",
        "peer",
        'Object.fromEntries(["ParamMouthOpenY", "ParamMouthForm"].map((id) => [id, face.internalModel.coreModel.getParameterValueById(id)]))',
        {"aa": "ParamMouthOpenY", "E": "ParamMouthOpenY", "I": "ParamMouthForm", "O": "ParamMouthOpenY", "U": "ParamMouthForm−"},
        'face.internalModel.on("beforeModelUpdate", look);',  # they are taken back after the picture
    ),
)


class Change(NamedTuple):
    """A shape was told: what the weight was that has to move, and what it came to."""

    name: str
    before: float
    after: float

    @property
    def right(self) -> bool:
        """Lips that close leave at most half of the opening; a vowel forms."""
        return self.after < 0.5 * self.before if self.name == "PP" else self.after > self.before + 0.1


class Watched:
    """What one page noted: `shapes` are (ms, name, weight), `looks` (ms, weights)."""

    def __init__(self, example: Example, seen: dict[str, Any]) -> None:
        self.shapes: list[tuple[float, str, float]] = [(at, name, weight) for at, name, weight in seen["shapes"]]
        self._times: list[float] = [at for at, _ in seen["looks"]]
        vowels = [{name: _formed(weights, part) for name, part in example.parts.items()} for _, weights in seen["looks"]]
        fullest = {name: max(look[name] for look in vowels) for name in VOWELS}
        assert min(fullest.values()) > 0.1, fullest
        self._vowels = vowels
        self._open = [max(look[name] / fullest[name] for name in VOWELS) for look in vowels]
        """How far any vowel is formed, to 1."""

    def changes(self) -> list[Change]:
        """Of each vowel that was held long enough to form, and of lips that closed an open mouth."""
        found = []
        for (at, name, _), (until, *_) in zip(self.shapes, self.shapes[1:], strict=False):
            looks = self._within(at, min(until, at + SOON_MS))
            before = self._last_before(at)
            if name == "PP" and self._open[before] > OPEN:
                found.append(Change(name, self._open[before], min(self._open[k] for k in looks)))
            elif name in VOWELS and until - at >= SOON_MS:
                found.append(Change(name, self._vowels[before][name], max(self._vowels[k][name] for k in looks)))
        return found

    def lags(self, sounds: Sequence[float]) -> list[float | None]:
        """For each of the `sounds` at which lips close, how many ms later (earlier: negative) two thirds of the opening were gone; None where that did not happen."""
        return [self._lag(at) for at in sounds]

    def _lag(self, sound: float) -> float | None:
        open_at = max(self._within(sound - SOON_MS, sound - LEAD_MS), key=lambda k: self._open[k])
        after = (k for k in self._within(sound - SOON_MS, sound + 2 * SOON_MS) if k > open_at)
        shut = (self._times[k] for k in after if self._open[k] < self._open[open_at] / 3)
        return next((at - sound for at in shut), None) if self._open[open_at] > OPEN else None

    def _last_before(self, at: float) -> int:
        return max(0, bisect_left(self._times, at) - 1)

    def _within(self, begin: float, end: float) -> range:
        """Looks between the two, and the next one, for there may be few."""
        first = min(bisect_left(self._times, begin), len(self._times) - 1)
        return range(first, min(bisect_left(self._times, end) + 1, len(self._times)))


def _formed(weights: dict[str, float], part: str) -> float:
    return max(0.0, -weights[part.removesuffix("−")] if part.endswith("−") else weights[part])


def in_time(lags: Sequence[float | None]) -> bool:
    """Whether the lips close at their sounds, but for one or two."""
    near = [lag for lag in lags if lag is not None and abs(lag) <= SOON_MS]
    return len(near) >= 0.7 * len(lags) and abs(statistics.median(near)) <= 100
