"""Writes what the SDK knows of ARKit's blend shapes from the server's own table: `python -m infra.arkit_table`."""

from __future__ import annotations

from typing import Final

from agent.media.arkit import ARKIT, MOUTHS
from infra.paths import ROOT

TARGET: Final = ROOT / "web_client" / "sdk" / "src" / "adapters" / "arkit.generated.ts"
_WIDTH: Final = 6


def typescript() -> str:
    """The file's text."""
    names = [", ".join(f'"{name}"' for name in ARKIT[k : k + _WIDTH]) for k in range(0, len(ARKIT), _WIDTH)]
    mouths = ["{ " + ", ".join(f"{name}: {weight:g}" for name, weight in mouth.items()) + " }" if mouth else "{}" for mouth in MOUTHS]
    lines = [
        "// Written by `python -m infra.arkit_table`.",
        "/** ARKit's 52 blend shapes, in Apple's order. */",
        "export const ARKIT = [",
        *(f"  {line}," for line in names),
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
