"""Events without what was said: what `journal.content: metadata` writes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from agent.sessions.events import Event

NAMES: Final = frozenset(
    {
        "org",
        "user",
        "room",
        "agent",
        "persona",
        "version",
        "door",
        "language",
        "id",
        "via",
        "state",
        "reason",
        "code",
        "name",
        "kind",
        "mode",
        "interrupt",
        "action",
        "next_step",
    }
)
"""Fields whose text is a name of the program's or the operator's own, never words of a person. All other text is content."""


def without_content(event: Event) -> Event:
    """The event with each text replaced by its length, under the field's name and `_chars`, and structures by their size."""
    return replace(event, d=_bare(event.d))


def _bare(d: Mapping[str, Any]) -> dict[str, Any]:
    bare: dict[str, Any] = {}
    for name, value in d.items():
        if value is None or isinstance(value, bool | int | float) or (name in NAMES and isinstance(value, str)):
            bare[name] = value
        elif isinstance(value, str):
            bare[f"{name}_chars"] = len(value)
        else:
            bare[f"{name}_items"] = len(value) if isinstance(value, Mapping | list | tuple) else 1
    return bare
