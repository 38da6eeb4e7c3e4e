"""`make check`: linter, types, import rules. All of them run, then a line tells which failed.

.venv/bin/python -m infra.checks
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import NamedTuple

from infra import examples, page
from infra.console import entry, say
from infra.paths import ROOT, VENV, WEB_CLIENT

TYPED = ("agent", "token_service", "infra", "bench")


class Check(NamedTuple):
    """One program to run: what it looks at, its command, and where."""

    name: str
    command: list[str]
    cwd: Path = ROOT
    env: dict[str, str] | None = None


def checks() -> list[Check]:
    programs = VENV / "bin"
    packages = [part for name in TYPED if (ROOT / name / "__init__.py").is_file() for part in ("-p", name)]
    found = [
        Check("linter", [str(programs / "ruff"), "check", "."]),
        Check("format", [str(programs / "ruff"), "format", "--check", "."]),
        Check("types", [str(programs / "mypy"), "--strict", *packages]),
        Check("import rules", [str(programs / "lint-imports"), "--no-logo"]),
    ]
    if page.has_script("check"):
        found.append(Check("types of the page", ["npm", "run", "--silent", "check"], WEB_CLIENT, page.packages()))
    found.append(Check("types of the examples", ["npm", "run", "--silent", "check"], examples.EXAMPLES, examples.packages()))
    return found


def main() -> int:
    failed = []
    for check in checks():
        say(f"• {check.name}")
        if subprocess.run(check.command, cwd=check.cwd, env=check.env, check=False).returncode != 0:
            failed.append(check.name)
    say(f"failed: {', '.join(failed)}" if failed else "all checks passed")
    return 1 if failed else 0


if __name__ == "__main__":
    entry(main)
