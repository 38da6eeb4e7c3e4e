"""What a model does beside speaking: moods, `[happy] What a day!` or an emoji of that mood, and commands that the persona knows, `[show: a bell]`. They are
never spoken and never written.

The moods are the 21 that xiaozhi devices know; each has its emoji.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Final, NamedTuple, TypeAlias

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
_TAG: Final = re.compile(r"\[\s{0,2}([A-Za-z][\w-]{0,31})\s{0,2}(?::\s{0,2}([^\[\]\n]{0,200}))?\][ \t]?", re.ASCII)
_BEGUN: Final = re.compile(r"\[\s{0,2}([A-Za-z][\w-]{0,31})?\s{0,2}(:[^\[\]\n]{0,202})?(?:\][ \t]?)?\Z", re.ASCII)
"""What more text may make a tag; the space behind one belongs to it."""
_MARK: Final = re.compile(rf"\[|[{''.join(_OF_EMOJI)}]")


class Felt(NamedTuple):
    """The text goes on in this mood."""

    emotion: str


class Command(NamedTuple):
    """Something happens here: the name of a command that the persona knows, and what the model wrote behind its colon."""

    name: str
    value: str


Tag: TypeAlias = Felt | Command


class TagScanner:
    """`feed` the model's text and take it back without its tags, with what they mean between; `flush` at its end. However the text is cut, the result is the
    same."""

    def __init__(self, commands: Collection[str] = ()) -> None:
        """`commands`: the names that are commands. What stands in brackets otherwise, moods excepted, is text."""
        self._commands = commands
        self._held = ""

    def feed(self, text: str) -> list[str | Tag]:
        return self._run(self._held + text, final=False)

    def flush(self) -> list[str | Tag]:
        return self._run(self._held, final=True)

    def _begun(self, found: re.Match[str] | None) -> bool:
        return found is not None and (found.group(2) is None or found.group(1) in self._commands)

    def _meaning(self, found: re.Match[str]) -> Tag | None:
        name, value = found.group(1), found.group(2)
        if name in self._commands:
            return Command(name, (value or "").strip())
        return Felt(name.lower()) if value is None and name.lower() in EMOTIONS else None

    def _run(self, text: str, *, final: bool) -> list[str | Tag]:
        out: list[str | Tag] = []
        done = begin = 0
        self._held = ""
        while (mark := _MARK.search(text, begin)) is not None:
            at = mark.start()
            tag: Tag | None = None
            if (emotion := _OF_EMOJI.get(mark.group())) is not None:
                tag = Felt(emotion)
                if at + 1 == len(text) and not final:
                    break
                end = at + 1 + text.startswith(_SELECTOR, at + 1)
            elif not final and self._begun(_BEGUN.match(text, at)):
                break
            elif (found := _TAG.match(text, at)) is not None:
                tag, end = self._meaning(found), found.end()
            if tag is None:
                begin = at + 1
                continue
            if at > done:
                out.append(text[done:at])
            out.append(tag)
            done = begin = end
        cut = len(text) if mark is None else mark.start()
        if cut > done:
            out.append(text[done:cut])
        self._held = text[max(cut, done) :]
        return out
