import os

import pytest

from infra import checks, suite
from infra.suite import NO_TESTS_COLLECTED, pytest_command, verdict


@pytest.mark.parametrize(
    ("page", "tests", "expected"), [(0, 0, 0), (1, 0, 1), (0, 1, 1), (1, 2, 2), (0, NO_TESTS_COLLECTED, NO_TESTS_COLLECTED)]
)
def test_both_have_to_pass_and_no_test_at_all_is_a_failure(page: int, tests: int, expected: int) -> None:
    assert verdict(page, tests) == expected


def test_long_tests_run_when_they_are_asked_for_only() -> None:
    assert pytest_command(["-x"], soak=False)[-4:] == ["pytest", "-m", "not soak", "-x"]
    assert pytest_command([], soak=True)[-2:] == ["-m", "soak"]
    assert pytest_command([], soak=False)[-4:] == ["-n", "2", "--dist", "loadgroup"]


def test_no_test_collected_is_told(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(suite, "_bring", lambda: None)
    assert suite.main(["tests/infra/test_suite.py", "-q", "-k", "nothing_has_this_name"]) == NO_TESTS_COLLECTED
    assert "no test was collected" in capfd.readouterr().err


def test_the_checks_are_linter_format_types_and_import_rules() -> None:
    names = [check.name for check in checks.checks()]
    assert names[:4] == ["linter", "format", "types", "import rules"]


@pytest.mark.models
def test_what_is_heavy_is_one_group(request: pytest.FixtureRequest) -> None:
    """Two browsers or two language models at once are more than two cores can do in real time."""
    assert "PYTEST_XDIST_WORKER" not in os.environ or request.node.nodeid.endswith("@world")
