"""Writes what the SDK knows of moods and of ARKit's blend shapes from the server's own tables: `python -m infra.face_tables`."""

from __future__ import annotations

from typing import Final

from agent.dialogue.tags import EMOTIONS
from agent.media.arkit import ARKIT, MOUTHS
from infra.paths import ROOT

TARGET: Final = ROOT / "web_client" / "sdk" / "src" / "adapters" / "face.generated.ts"
_WIDTH: Final = 6


def rows(names: tuple[str, ...]) -> list[str]:
    return [", ".join(f'"{name}"' for name in names[k : k + _WIDTH]) for k in range(0, len(names), _WIDTH)]


def typescript() -> str:
    """The file's text."""
    mouths = ["{ " + ", ".join(f"{name}: {weight:g}" for name, weight in mouth.items()) + " }" if mouth else "{}" for mouth in MOUTHS]
    lines = [
        "// Written by `python -m infra.face_tables`.",
        "/** Every mood that a server names. */",
        "export const EMOTIONS = [",
        *(f"  {line}," for line in rows(tuple(EMOTIONS))),
        "] as const;",
        "",
        "export type Emotion = (typeof EMOTIONS)[number];",
        "",
        "/** ARKit's 52 blend shapes, in Apple's order. */",
        "export const ARKIT = [",
        *(f"  {line}," for line in rows(ARKIT)),
        "] as const;",
        "",
        "export type ArkitName = (typeof ARKIT)[number];",
        "",
        "/** By viseme id, each fully formed. */",
        "export const MOUTHS: readonly Readonly<Partial<Record<ArkitName, number>>>[] = [",
        *(f"  {mouth}," for mouth in mouths),
        "];",
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    TARGET.write_text(typescript(), encoding="utf-8")
    print(f"wrote {TARGET.relative_to(ROOT)}")
