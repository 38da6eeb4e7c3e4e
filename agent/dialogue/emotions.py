"""Moods that a model names in its answer: `[happy] What a day!` or an emoji of that mood. They are shown by the face, never spoken and never written.

The names are the 21 that xiaozhi devices know; each has its emoji.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

EMOTIONS: Final[Mapping[str, str]] = {
    "neutral": "😶",
    "happy": "🙂",
    "laughing": "😆",
    "funny": "😂",
    "sad": "😔",
    "angry": "😠",
    "crying": "😭",
    "loving": "😍",
    "embarrassed": "😳",
    "surprised": "😲",
    "shocked": "😱",
    "thinking": "🤔",
    "winking": "😉",
    "cool": "😎",
    "relaxed": "😌",
    "delicious": "🤤",
    "kissy": "😘",
    "confident": "😏",
    "sleepy": "😴",
    "silly": "😜",
    "confused": "🙄",
}
"""Name and emoji of each."""
_ALSO: Final[Mapping[str, str]] = {
    "😀": "happy",
    "😃": "happy",
    "😄": "happy",
    "😊": "happy",
    "☺": "happy",
    "😁": "laughing",
    "🤣": "funny",
    "😅": "embarrassed",
    "😢": "crying",
    "😞": "sad",
    "🙁": "sad",
    "☹": "sad",
    "😕": "confused",
    "😮": "surprised",
    "😯": "surprised",
    "😡": "angry",
    "🥰": "loving",
    "❤": "loving",
    "🥱": "sleepy",
    "😋": "delicious",
}
_OF_EMOJI: Final[Mapping[str, str]] = {**{emoji: name for name, emoji in EMOTIONS.items()}, **_ALSO}
_SELECTOR: Final = "\ufe0f"
_TAG: Final = re.compile(rf"\[\s*({'|'.join(EMOTIONS)})\s*\][ \t]?", re.IGNORECASE)
_BEGUN: Final = re.compile(r"\[\s{0,2}[A-Za-z]{0,12}\s{0,2}(?:\][ \t]?)?\Z")
"""What more text may make a tag; the space behind one belongs to it."""
_MARK: Final = re.compile(rf"\[|[{''.join(_OF_EMOJI)}]")


class Felt(NamedTuple):
    """The text goes on in this mood."""

    emotion: str


class EmotionScanner:
    """`feed` the model's text and take it back without its tags, with the moods between; `flush` at its end. However the text is cut, the result is the same."""

    def __init__(self) -> None:
        self._held = ""

    def feed(self, text: str) -> list[str | Felt]:
        return self._run(self._held + text, final=False)

    def flush(self) -> list[str | Felt]:
        return self._run(self._held, final=True)

    def _run(self, text: str, *, final: bool) -> list[str | Felt]:
        out: list[str | Felt] = []
        done = begin = 0
        self._held = ""
        while (mark := _MARK.search(text, begin)) is not None:
            at = mark.start()
            emotion = _OF_EMOJI.get(mark.group())
            if emotion is not None:
                if at + 1 == len(text) and not final:
                    break
                end = at + 1 + text.startswith(_SELECTOR, at + 1)
            elif not final and _BEGUN.match(text, at):
                break
            elif (tag := _TAG.match(text, at)) is not None:
                emotion, end = tag.group(1).lower(), tag.end()
            else:
                begin = at + 1
                continue
            if at > done:
                out.append(text[done:at])
            out.append(Felt(emotion))
            done = begin = end
        cut = len(text) if mark is None else mark.start()
        if cut > done:
            out.append(text[done:cut])
        self._held = text[max(cut, done) :]
        return out
