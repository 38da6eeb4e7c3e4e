import json
from pathlib import Path

import pytest

from infra import page
from infra.console import Failure


@pytest.fixture
def web(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace like ours whose build copies its source and writes a line into `builds`."""
    folder = tmp_path / "web_client"
    (folder / "app" / "src").mkdir(parents=True)
    build = "mkdir -p app/dist && cp app/src/index.html app/dist/ && echo built >> ../builds"
    manifest = {"name": "visavis-test", "version": "1.0.0", "private": True, "scripts": {"build": build, "check": "true"}}
    (folder / "package.json").write_text(json.dumps(manifest))
    lock = {"name": "visavis-test", "version": "1.0.0", "lockfileVersion": 3, "requires": True, "packages": {"": {"name": "visavis-test"}}}
    (folder / "package-lock.json").write_text(json.dumps(lock))
    (folder / "app" / "src" / "index.html").write_text("<p>one</p>")
    tools = tmp_path / "tools"
    tools.mkdir()
    monkeypatch.setattr(page, "TOOLS", tools)
    return folder


def _builds(web: Path) -> int:
    return len((web.parent / "builds").read_text().splitlines())


def test_the_page_is_built_when_its_sources_change_and_only_then(web: Path) -> None:
    page.ensure(web)
    page.ensure(web)
    assert _builds(web) == 1
    (web / "app" / "src" / "index.html").write_text("<p>two</p>")
    page.ensure(web)
    assert _builds(web) == 2
    assert (web / "app" / "dist" / "index.html").read_text() == "<p>two</p>"
    (web / "app" / "dist" / "index.html").unlink()
    page.ensure(web)
    assert _builds(web) == 3


def test_a_build_that_fails_is_told_and_tried_again(web: Path) -> None:
    (web / "app" / "src" / "index.html").rename(web / "page.html")
    with pytest.raises(Failure, match="building the page failed"):
        page.ensure(web)
    (web / "page.html").rename(web / "app" / "src" / "index.html")
    page.ensure(web)
    assert _builds(web) == 1


def test_packages_come_from_a_lock_only(web: Path) -> None:
    (web / "package-lock.json").unlink()
    with pytest.raises(Failure, match=r"package-lock\.json is missing"):
        page.ensure(web)


def test_without_sources_there_is_nothing_to_build(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page.ensure(tmp_path)
    assert "no page to build" in capsys.readouterr().out


def test_sources_leave_out_what_tools_make_and_other_packages(web: Path) -> None:
    for made in ("node_modules/x.js", "app/node_modules/y.js", "app/dist/z.js", "sdk/examples/other-package.js"):
        (web / made).parent.mkdir(parents=True, exist_ok=True)
        (web / made).touch()
    found = [file.relative_to(web).as_posix() for file in page.sources(web)]
    assert found == ["package-lock.json", "package.json", "app/src/index.html"]


def test_a_digest_tells_names_and_contents_apart(tmp_path: Path) -> None:
    one, two = tmp_path / "a", tmp_path / "b"
    one.write_text("x")
    first = page.digest([one], tmp_path)
    one.rename(two)
    assert page.digest([two], tmp_path) != first
    two.rename(one)
    assert page.digest([one], tmp_path) == first
    one.write_text("y")
    assert page.digest([one], tmp_path) != first


def test_scripts_are_known(web: Path, tmp_path: Path) -> None:
    assert page.has_script("check", web)
    assert not page.has_script("test", web)
    assert not page.has_script("check", tmp_path / "nowhere")
