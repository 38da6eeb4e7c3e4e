import os
import re
import subprocess
from pathlib import Path

import pytest

from infra.paths import ROOT


def test_every_target_of_the_makefile_is_one_line_and_explained() -> None:
    lines = (ROOT / "Makefile").read_text(encoding="utf-8").splitlines()
    targets = [number for number, line in enumerate(lines) if re.match(r"[a-z]+:", line)]
    names = {lines[number].split(":")[0] for number in targets}
    assert names >= {"help", "demo", "livekit", "setup", "test", "soak", "check", "bench", "lock", "clean"}
    for number in targets:
        assert "## " in lines[number]
        assert lines[number + 1].startswith("\t@")
        assert lines[number + 2] == ""


@pytest.mark.parametrize(("given", "expected"), [([], "unset unset"), (["PORT=9000", "MODELS=lite"], "9000 lite")])
def test_variables_reach_the_programs_when_they_are_given_and_only_then(given: list[str], expected: str, tmp_path: Path) -> None:
    python = tmp_path / "python3"
    python.write_text('#!/bin/sh\necho "${PORT-unset} ${MODELS-unset}"\n')
    python.chmod(0o755)
    env = {name: value for name, value in os.environ.items() if name not in ("PORT", "MODELS", "MAKEFLAGS", "MAKELEVEL")}
    command = ["make", "--no-print-directory", "-C", str(ROOT), "setup", f"PYTHON={python}", *given]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout.strip() == expected


def test_make_alone_lists_the_targets() -> None:
    done = subprocess.run(["make", "--no-print-directory", "-C", ROOT], capture_output=True, text=True, timeout=30, check=True)
    for target in ("demo", "livekit", "setup", "test", "soak", "check", "bench", "lock", "clean"):
        assert re.search(rf"^  make {target} +\S", done.stdout, re.MULTILINE)
    assert "MODELS=lite" in done.stdout
