"""The build machine's script, with a `make` that says what it is told to."""

import os
import subprocess
from pathlib import Path

import pytest

from infra.paths import ROOT

PASSED = "==================== 3 passed, 1 skipped in 4.56s ===================="
FAILED = "========= 1 failed, 2 passed in 75.20s (0:01:15) ========="


def _run(tmp_path: Path, check: int, test: int, closing: str) -> subprocess.CompletedProcess[str]:
    make = tmp_path / "make"
    make.write_text(
        "#!/bin/sh\n"
        f'echo "$1 with CI=$CI"\n'
        f'[ "$1" = check ] && exit {check}\n'
        f"echo '{closing}'\n"
        f"[ {test} = 0 ] || echo 'make: *** [test] Error {test}' >&2\n"
        f"exit {test}\n"
    )
    make.chmod(0o755)
    env = {**os.environ, "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}", "TMPDIR": str(tmp_path)}
    env.pop("CI", None)
    return subprocess.run([ROOT / ".ci" / "run"], env=env, cwd="/", capture_output=True, text=True, timeout=30, check=False)


@pytest.mark.parametrize(
    ("check", "test", "closing", "passed"),
    [(0, 0, PASSED, True), (0, 2, FAILED, False), (2, 0, PASSED, False), (2, 2, FAILED, False)],
)
def test_the_exit_code_is_that_of_both_and_the_last_line_is_pytests(
    tmp_path: Path, check: int, test: int, closing: str, passed: bool
) -> None:
    done = _run(tmp_path, check, test, closing)
    assert (done.returncode == 0) is passed
    assert done.stdout.splitlines()[-1] == closing
    assert "check with CI=true" in done.stdout
    assert "test with CI=true" in done.stdout
    assert ("not passed" in done.stdout) is not passed
    assert [file.name for file in tmp_path.iterdir()] == ["make"]


@pytest.mark.parametrize("test", [0, 2])
def test_a_pytest_that_did_not_finish_is_a_failure(tmp_path: Path, test: int) -> None:
    done = _run(tmp_path, 0, test, "Killed")
    assert done.returncode != 0
    assert "pytest did not finish" in done.stdout
