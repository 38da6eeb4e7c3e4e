from pathlib import Path

import pytest

from infra import chromium
from infra.console import Failure


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(chromium, "MAC_APPLICATIONS", ())
    return tmp_path


def _program(path: Path, *, works: bool) -> Path:
    path.write_text(f"#!/bin/sh\nexit {0 if works else 1}\n")
    path.chmod(0o755)
    return path


def test_a_browser_that_runs_is_found_on_the_path(programs: Path) -> None:
    environ = {"PATH": str(programs)}
    assert chromium.find(environ) is None
    _program(programs / "chromium-browser", works=False)
    assert chromium.find(environ) is None
    works = _program(programs / "google-chrome", works=True)
    assert chromium.find(environ) == str(works)


def test_the_one_that_is_named_is_taken_or_nothing(programs: Path) -> None:
    _program(programs / "chromium", works=True)
    mine = _program(programs / "mine", works=True)
    environ = {"PATH": str(programs), "VISAVIS_CHROMIUM": str(mine)}
    assert chromium.find(environ) == str(mine)
    with pytest.raises(Failure, match="VISAVIS_CHROMIUM"):
        chromium.find({**environ, "VISAVIS_CHROMIUM": str(programs / "missing")})


def test_its_absence_is_a_failure_only_where_it_could_be_installed() -> None:
    assert chromium.is_required({"CI": "true"}, root=True)
    assert not chromium.is_required({"CI": "true"}, root=False)
    assert not chromium.is_required({"CI": ""}, root=True)
    assert not chromium.is_required({}, root=True)


def test_what_is_lacking_is_told_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chromium, "find", lambda: "/bin/chromium")
    monkeypatch.setattr(chromium, "missing", lambda needed: {})
    assert chromium.lacking() is None
    monkeypatch.setattr(chromium, "missing", lambda needed: {"libatomic.so.1": "libatomic1"})
    assert "apt-get install libatomic1" in str(chromium.lacking())
    monkeypatch.setattr(chromium, "find", lambda: None)
    assert "VISAVIS_CHROMIUM" in str(chromium.lacking())
