from pathlib import Path

import pytest

from infra import environment
from infra.environment import Stamp, digest, missing, read_stamp, write_stamp

DIGESTS = {True: "dev-2", False: "plain-2"}


@pytest.mark.parametrize(
    ("stamp", "dev", "expected"),
    [
        (None, False, False),
        (None, True, True),
        (Stamp(False, "plain-2"), False, None),
        (Stamp(False, "plain-2"), True, True),
        (Stamp(True, "dev-2"), True, None),
        # an environment with the developers' tools serves where they are not asked for, and stays one
        (Stamp(True, "dev-2"), False, None),
        (Stamp(True, "dev-1"), False, True),
        (Stamp(False, "plain-1"), False, False),
    ],
)
def test_what_is_to_be_installed(stamp: Stamp | None, dev: bool, expected: bool | None) -> None:
    assert missing(stamp, dev, DIGESTS) is expected


def test_a_stamp_is_read_as_it_was_written(tmp_path: Path) -> None:
    file = tmp_path / "stamp.json"
    write_stamp(file, Stamp(True, "abc"))
    assert read_stamp(file) == Stamp(True, "abc")
    assert [entry.name for entry in tmp_path.iterdir()] == ["stamp.json"]


@pytest.mark.parametrize("content", ["", "{", "[]", '{"dev": true}', "\udce4"])
def test_a_stamp_that_cannot_be_read_counts_as_none(tmp_path: Path, content: str) -> None:
    file = tmp_path / "stamp.json"
    file.write_bytes(content.encode("utf-8", "surrogateescape"))
    assert read_stamp(file) is None
    assert read_stamp(tmp_path / "missing.json") is None


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    return _clone(tmp_path / "here")


def _clone(root: Path) -> Path:
    root.mkdir()
    for name in ("requirements.txt", "requirements-dev.txt", "pyproject.toml"):
        (root / name).write_text(name)
    return root


def test_the_digest_changes_with_the_lock_the_metadata_and_the_place(clone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = digest(False, clone)
    assert digest(False, clone) == first
    assert digest(True, clone) != first
    assert digest(False, _clone(tmp_path / "moved")) != first
    for file in (clone / "requirements.txt", clone / "pyproject.toml"):
        content = file.read_text()
        file.write_text(content + "changed")
        assert digest(False, clone) != first
        file.write_text(content)
    assert digest(False, clone) == first
    other = tmp_path / "build.txt"
    other.write_text("other build tools")
    monkeypatch.setattr(environment, "BUILD_HASHES", other)
    assert digest(False, clone) != first
