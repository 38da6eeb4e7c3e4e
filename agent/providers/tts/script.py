"""Cuts text into pieces that one voice says in one go: by script, by sentence, and by length."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, Literal, NamedTuple

Language = Literal["en", "zh"]

_HAN: Final = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0002fa1f"
_HAN_CHARACTER: Final = re.compile(f"[{_HAN}]")
_LATIN_WORD: Final = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")
_SAYABLE: Final = re.compile(r"[^\W_]|[%$€£¥+=&@#°]")
_LATIN_RUN: Final = re.compile(rf"[^\W\d_{_HAN}](?:[^{_HAN}，。！？；：、（）《》「」【】…]*[^\W_{_HAN}])?[.,!?;:'\"”’)]*")
_SENTENCE_END: Final = re.compile(
    r"(?<=[。！？!?；;\n])(?=[^”’」』》）)\"'])|(?<=[^\W_][.])(?<!\b[A-Z][.])(?<!\b[DMS][rst][.])(?<!\bMrs[.])\s+(?=[^a-z])"
)
_CLAUSE_END: Final = re.compile(r"(?<=[，、,：:—])")

LONG_ENGLISH_WORDS: Final = 4
"""An English passage of so many words within Chinese is given to the English voice; a shorter one is said by the Chinese voice itself."""


class Piece(NamedTuple):
    language: Language
    text: str


def language_of(text: str) -> Language | None:
    """The language whose voice should say `text`: Chinese if it has any Chinese to say, else English; None when there is nothing to say."""
    if _HAN_CHARACTER.search(text):
        return "zh"
    return "en" if _SAYABLE.search(text) else None


def runs(text: str, *, fallback: Language = "en") -> Iterator[Piece]:
    """Split mixed text where the voice changes. Text of digits and signs alone is said in `fallback`."""
    language = language_of(text)
    if language is None:
        return
    if language == "en":
        yield Piece(fallback if not _LATIN_WORD.search(text) else "en", text)
        return
    done = 0
    for match in _LATIN_RUN.finditer(text):
        if len(_LATIN_WORD.findall(match.group())) < LONG_ENGLISH_WORDS:
            continue
        if language_of(before := text[done : match.start()]):
            yield Piece("zh", before)
        yield Piece("en", match.group())
        done = match.end()
    if language_of(rest := text[done:]):
        yield Piece("zh" if done == 0 or _HAN_CHARACTER.search(rest) else "en", rest)


def sentences(text: str, *, limit: int) -> Iterator[str]:
    """Sentences of `text`, none longer than `limit` characters: a longer one is cut at clauses, then at spaces, then anywhere."""
    for sentence in _SENTENCE_END.split(text):
        if len(sentence) <= limit:
            parts = [sentence]
        else:
            parts = []
            for clause in _CLAUSE_END.split(sentence):
                for part in _chop(clause, limit):
                    if parts and len(parts[-1]) + len(part) <= limit:
                        parts[-1] += part
                    else:
                        parts.append(part)
        yield from (part for part in parts if part.strip())


def _chop(text: str, limit: int) -> Iterator[str]:
    while len(text) > limit:
        cut = text.rfind(" ", 1, limit) + 1 or limit
        yield text[:cut]
        text = text[cut:]
    if text:
        yield text
