"""A list of questions and answers that stands in for a language model: its entries, and how a file of them is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Self

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from agent.config import ConfigError
from agent.dialogue.language import script_language
from agent.protocol.messages import Language

SHIPPED: Final = Path(__file__).with_name("faq.yaml")
UNKNOWN: Final = "unknown"
"""The entry that is said when nothing fits."""
MOST_BYTES: Final = 1_000_000
LANGUAGES: Final[tuple[Language, ...]] = ("en", "zh")


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2_000)]
Texts = Annotated[tuple[Text, ...], BeforeValidator(_as_list), Field(min_length=1)]


class _Written(BaseModel):
    """An entry as it stands in the file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = ""
    suggest: bool = False
    questions: dict[Language, Texts] = {}
    answers: dict[Language, Texts] = Field(min_length=1)

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: Any) -> Any:
        """`{q: …, a: …}`: questions of either language, one answer for both."""
        if not isinstance(value, dict) or not {"q", "a"} & set(value):
            return value
        rest = {name: item for name, item in value.items() if name not in ("q", "a")}
        if "questions" in rest or "answers" in rest:
            raise ValueError("expected either q and a, or questions and answers")
        if missing := [name for name in ("q", "a") if name not in value]:
            raise ValueError(f"{missing[0]} is missing")
        questions: dict[str, list[object]] = {}
        for question in _as_list(value["q"]):
            language = script_language(question, "en") if isinstance(question, str) else "en"
            questions.setdefault(language, []).append(question)
        return {**rest, "questions": questions, "answers": dict.fromkeys(LANGUAGES, value["a"])}

    @model_validator(mode="after")
    def _has_questions(self) -> Self:
        if not self.questions and self.id != UNKNOWN:
            raise ValueError("expected at least one question")
        return self


@dataclass(frozen=True, slots=True)
class Entry:
    """Questions of one meaning, by language, and the answers, which take turns; `suggest`: worth naming to somebody who asks for something else."""

    id: str
    questions: Mapping[Language, tuple[str, ...]]
    answers: Mapping[Language, tuple[str, ...]]
    suggest: bool


@dataclass(frozen=True, slots=True)
class Faq:
    """The entries, `unknown` among them."""

    entries: tuple[Entry, ...]

    @property
    def unknown(self) -> Entry:
        return next(entry for entry in self.entries if entry.id == UNKNOWN)

    @property
    def suggested(self) -> tuple[Entry, ...]:
        """What can be asked: the marked entries, or all of them where none is marked."""
        known = tuple(entry for entry in self.entries if entry.id != UNKNOWN)
        return tuple(entry for entry in known if entry.suggest) or known

    def wordings(self, name: str) -> list[dict[Language, list[str]]]:
        """The questions of each entry, asked of somebody called `name`."""
        return [{key: [text.replace("{name}", name) for text in texts] for key, texts in entry.questions.items()} for entry in self.entries]

    @classmethod
    def read(cls, path: Path = SHIPPED) -> Faq:
        """The list in `path`; what is said when nothing fits may be left out. Raises `ConfigError` with the line and the entry."""
        entries = _entries(path)
        if not any(entry.id == UNKNOWN for entry in entries):
            ours = next(entry for entry in _entries(SHIPPED) if entry.id == UNKNOWN)
            entries = (Entry(UNKNOWN, {}, ours.answers, suggest=False), *entries)
        if len(entries) == 1:
            raise ConfigError(f"{path}: expected at least one entry with questions and answers")
        return cls(entries)


def _entries(path: Path) -> tuple[Entry, ...]:
    try:
        if path.stat().st_size > MOST_BYTES:
            raise ConfigError(f"{path}: expected at most {MOST_BYTES // 1000} kB; a list of so many questions is for a language model")
        text = path.read_text(encoding="utf-8")
        root = yaml.compose(text, yaml.SafeLoader)
        items = yaml.safe_load(text)
    except OSError as error:
        raise ConfigError(f"the list of answers {path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: expected a text in UTF-8") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark is not None else ""
        raise ConfigError(
            f"{path}{where}: this is no YAML ({getattr(error, 'problem', None) or error}); questions and answers are best put in quotes"
        ) from None
    if not isinstance(root, yaml.SequenceNode):
        raise ConfigError(f'{path}: expected a list of entries, each like: - {{q: ["When do you open?"], a: "At nine."}}')
    entries: list[Entry] = []
    for number, (item, node) in enumerate(zip(items, root.value, strict=True), start=1):
        entry = _entry(item, number, f"{path}, line {node.start_mark.line + 1}")
        if any(other.id == entry.id for other in entries):
            raise ConfigError(f"{path}, line {node.start_mark.line + 1}: there is an entry {entry.id!r} already")
        entries.append(entry)
    return tuple(entries)


def _entry(item: object, number: int, place: str) -> Entry:
    name = f"entry {number}" + (f" ({item['id']})" if isinstance(item, dict) and item.get("id") else "")
    try:
        written = _Written.model_validate(item)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        raise ConfigError(f"{place}, {name}: {field + ': ' if field else ''}{first['msg'].removeprefix('Value error, ')}") from None
    either = next(iter(written.answers.values()))
    answers = {language: written.answers.get(language, either) for language in LANGUAGES}
    return Entry(written.id or f"entry {number}", written.questions, answers, written.suggest)
