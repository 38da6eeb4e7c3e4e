"""The pictures of docs/driving.md: an answer's sound, the mouth's shapes and the words, one below the other.

.venv/bin/python -m infra.driving_picture
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Final
from xml.sax.saxutils import escape

import numpy as np

from agent.media.visemes import NAMES, visemes
from agent.protocol.messages import RATE, Language
from agent.providers.timing import Timing
from agent.providers.tts.local import timing_of
from agent.providers.tts.speech import Speech
from infra.paths import ROOT

IMAGES: Final = ROOT / "docs" / "images"
SENTENCES: Final[dict[Language, str]] = {"en": "My brother may bring five books.", "zh": "爸爸妈妈都喜欢喝普洱茶。"}
WIDTH: Final = 1_000
WAVE: Final = 110
ROW: Final = 30
MARGIN: Final = 12
_COLOURS: Final = {
    "sil": "#e8ebe9",
    "PP": "#d9534f",
    "FF": "#e58a4d",
    "aa": "#3d8b7a",
    "E": "#58a794",
    "I": "#7fc0b0",
    "O": "#4a76b8",
    "U": "#6f97d1",
}
_OTHER: Final = "#b9c4bf"


def picture(speech: Speech, timing: Timing, text: str) -> str:
    """SVG: the loudness of the sound, the shapes (a deeper box is formed more), the words."""
    scale = (WIDTH - 2 * MARGIN) / speech.seconds
    height = WAVE + 3 * ROW + 4 * MARGIN
    parts = [
        *_wave(speech, scale),
        *_shapes(timing, speech.seconds, scale),
        *_words(timing, text, scale),
        *_seconds(speech.seconds, scale, height),
    ]
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="system-ui, sans-serif" font-size="13">\n'
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>\n{body}\n</svg>\n'
    )


def _wave(speech: Speech, scale: float) -> Iterator[str]:
    columns = round(speech.seconds * scale / 2)
    loudest = max(1, int(np.abs(speech.pcm.astype(np.int32)).max()))
    tops = [int(np.abs(part.astype(np.int32)).max()) / loudest * WAVE / 2 for part in np.array_split(speech.pcm, columns)]
    middle = MARGIN + WAVE / 2
    lines = "".join(f"M{MARGIN + 2 * k:.0f} {middle - top:.1f}V{middle + top:.1f}" for k, top in enumerate(tops))
    yield f'<path d="{lines}" stroke="#5b6b64" stroke-width="1.4"/>'


def _shapes(timing: Timing, seconds: float, scale: float) -> Iterator[str]:
    shapes = visemes(timing.sounds)
    y = WAVE + 2 * MARGIN
    ends = [*(after.at for _, after in pairwise(shapes)), round(seconds * RATE)]
    for shape, end in zip(shapes, ends, strict=True):
        name = NAMES[shape.id]
        x, width = MARGIN + shape.at / RATE * scale, (end - shape.at) / RATE * scale
        opacity = 1 if shape.id == 0 else 0.35 + 0.65 * shape.weight / 100
        yield f'<rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="{ROW}" fill="{_COLOURS.get(name, _OTHER)}" opacity="{opacity:.2f}" stroke="#fff"/>'
        if shape.id and width > 14:
            yield f'<text x="{x + width / 2:.1f}" y="{y + 20}" text-anchor="middle" fill="#15201b">{name}</text>'


def _words(timing: Timing, text: str, scale: float) -> Iterator[str]:
    y = WAVE + ROW + 3 * MARGIN
    for word in timing.words:
        x, width = MARGIN + word.start * scale, (word.end - word.start) * scale
        yield f'<rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="{ROW}" rx="5" fill="#fff3df" stroke="#e8c78f"/>'
        yield f'<text x="{x + width / 2:.1f}" y="{y + 20}" text-anchor="middle" fill="#15201b">{escape(text[word.start_char : word.end_char])}</text>'


def _seconds(seconds: float, scale: float, height: int) -> Iterator[str]:
    for tenth in range(int(seconds * 10) + 1):
        x = MARGIN + tenth / 10 * scale
        long = tenth % 5 == 0
        yield f'<path d="M{x:.1f} {height - MARGIN}v{-8 if long else -4}" stroke="#8a9690"/>'
        if long:
            yield f'<text x="{x + 3:.1f}" y="{height - MARGIN}" font-size="10" fill="#8a9690">{tenth / 10:g} s</text>'


def main() -> int:
    from bench.visemes import voices

    for language, voice in voices().items():
        text = SENTENCES[language]
        speech = voice.speak(text)
        path = Path(IMAGES / f"driving-{language}.svg")
        path.write_text(picture(speech, timing_of(speech, text, 0, 0.0)[0], text), encoding="utf-8")
        print(f"wrote {path.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
