"""Draws the state machines of the documents from the tables by which they run.

.venv/bin/python -m infra.diagrams [--check]
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable
from enum import Enum
from pathlib import Path
from typing import Final

from agent.conversation import generations
from agent.media import barge_in, turn_taking
from agent.sessions import tenure
from agent.widget import rounds
from infra.console import Failure, entry, say
from infra.paths import ROOT

INTERRUPTION: Final = ROOT / "docs" / "interruption.md"
ROUNDS: Final = ROOT / "docs" / "rounds.md"
_PLACE: Final = "<!-- machine: {name} -->\n{drawing}<!-- end -->"

Arrow = tuple[Enum, Enum, str]


def _words(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower()


def barge_in_arrows() -> Iterable[Arrow]:
    for (stage, sign), (following, verdict) in barge_in.TABLE.items():
        yield stage, following, sign.value + ("" if verdict is None else f" / {_words(type(verdict).__name__)}")


def turn_taking_arrows() -> Iterable[Arrow]:
    for (phase, sign), (following, decision) in turn_taking.TABLE.items():
        yield phase, following, f"{sign.value} / {_words(decision.__name__)}"


def generation_arrows() -> Iterable[Arrow]:
    for (life, sign), following in generations.TABLE.items():
        yield life, following, sign.value


def round_arrows() -> Iterable[Arrow]:
    for (stage, sign), (following, act) in rounds.TABLE.items():
        yield stage, following, f"{sign.value} / {act.value}"


def tenure_arrows() -> Iterable[Arrow]:
    for (phase, sign), (following, act) in tenure.TABLE.items():
        yield phase, following, sign.value + ("" if act is tenure.Act.NOTHING else f" / {act.value}")


DOCUMENTS: Final[dict[Path, dict[str, Callable[[], Iterable[Arrow]]]]] = {
    INTERRUPTION: {"barge-in": barge_in_arrows, "turn-taking": turn_taking_arrows, "generations": generation_arrows},
    ROUNDS: {"rounds": round_arrows, "tenure": tenure_arrows},
}


def drawing(arrows: Iterable[Arrow]) -> str:
    """A Mermaid state diagram; the first state is where it begins."""
    arrows = list(arrows)
    states = dict.fromkeys(state for before, after, _ in arrows for state in (before, after))
    lines = ["```mermaid", "stateDiagram-v2", "    direction LR"]
    lines += [f'    state "{state.value}" as {state.name}' for state in states]
    lines.append(f"    [*] --> {arrows[0][0].name}")
    lines += [f"    {before.name} --> {after.name}: {label}" for before, after, label in arrows]
    return "\n".join([*lines, "```", ""])


def drawn(document: Path, text: str) -> str:
    """A document's text with its drawings made anew. Raises `Failure` when the place of one is missing."""
    for name, arrows in DOCUMENTS[document].items():
        place = re.compile(rf"<!-- machine: {re.escape(name)} -->.*?<!-- end -->", re.DOTALL)
        parts = place.split(text, maxsplit=1)
        if len(parts) != 2:
            raise Failure(f"{document.name} has no place for the machine {name}")
        text = _PLACE.format(name=name, drawing=drawing(arrows())).join(parts)
    return text


def main(arguments: list[str] | None = None) -> int:
    check = "--check" in (sys.argv[1:] if arguments is None else arguments)
    for document in DOCUMENTS:
        before = document.read_text(encoding="utf-8")
        after = drawn(document, before)
        if check and before != after:
            raise Failure(f"{document.name} is out of date; run .venv/bin/python -m infra.diagrams")
        if before != after:
            document.write_text(after, encoding="utf-8")
            say(f"{document.name} was drawn anew")
    return 0


if __name__ == "__main__":
    entry(main)
