import shutil
import sys
from pathlib import Path

import pytest

from infra import livekit_install
from infra.console import Failure
from infra.livekit_install import MODULE, Progress, build_environment, commands, pinned_version, program
from infra.paths import cache_home


def test_the_version_comes_from_go_mod() -> None:
    assert pinned_version("require github.com/livekit/livekit-server v1.2.3\n") == "1.2.3"
    assert pinned_version("require (\n\tgithub.com/livekit/livekit-server v1.2.3 // tool\n)\n") == "1.2.3"
    assert pinned_version((MODULE / "go.mod").read_text()) == "1.13.5"
    with pytest.raises(Failure):
        pinned_version("module x\n")


def test_clones_share_one_program(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(livekit_install, "cache_home", lambda: tmp_path)
    assert program() == tmp_path / "bin" / "livekit-server-1.13.5"


@pytest.mark.parametrize(
    ("environ", "platform", "expected"),
    [
        ({"VISAVIS_CACHE": "/c", "HOME": "/h"}, "linux", "/c"),
        ({"HOME": "/h"}, "linux", "/h/.cache/visavis"),
        ({"HOME": "/h", "XDG_CACHE_HOME": "/x"}, "linux", "/x/visavis"),
        ({"HOME": "/h", "XDG_CACHE_HOME": "/x"}, "darwin", "/h/Library/Caches/visavis"),
    ],
)
def test_the_cache_is_where_the_platform_keeps_caches(environ: dict[str, str], platform: str, expected: str) -> None:
    assert cache_home(environ, platform) == Path(expected)


def test_go_checks_every_module_against_the_committed_hashes() -> None:
    for command in commands("/go", Path("/out")):
        assert command[0] == "/go"
        assert "-mod=readonly" in command
        assert command[-1] == livekit_install.PACKAGE
    assert (MODULE / "go.sum").read_text().count(" h1:") > 200


def test_a_brought_go_keeps_its_caches_to_itself(tmp_path: Path) -> None:
    person = {"GOPROXY": "https://proxy.example", "GOPATH": "/mine", "GOFLAGS": "-mod=mod"}
    own = build_environment(person, None)
    assert own["GOPATH"] == "/mine"
    assert own["GOPROXY"] == "https://proxy.example"
    brought = build_environment(person, tmp_path)
    assert all(Path(brought[name]).is_relative_to(tmp_path) for name in ("GOPATH", "GOMODCACHE", "GOCACHE"))


def test_a_program_that_is_there_is_not_built_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(livekit_install, "cache_home", lambda: tmp_path)
    monkeypatch.setattr(livekit_install, "go", lambda: pytest.fail("Go was looked for"))
    program().parent.mkdir(parents=True)
    program().touch(mode=0o755)
    assert livekit_install.ensure() == program()


def test_a_build_that_fails_tells_the_last_words_and_leaves_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    go = tmp_path / "go"
    go.write_text("#!/bin/sh\necho 'verifying module: checksum mismatch' >&2\nexit 1\n")
    go.chmod(0o755)
    monkeypatch.setattr(livekit_install, "cache_home", lambda: tmp_path / "cache")
    monkeypatch.setattr(livekit_install, "go", lambda: (str(go), True))
    with pytest.raises(Failure, match="checksum mismatch"):
        livekit_install.ensure()
    assert [file.suffix for file in (tmp_path / "cache" / "bin").iterdir()] == [".lock"]


@pytest.mark.skipif(shutil.which("go") is None, reason="needs Go on the PATH: the test is about Go's own check")
def test_go_refuses_a_module_whose_hash_is_another(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    module = tmp_path / "livekit-server"
    shutil.copytree(MODULE, module)
    sums = (module / "go.sum").read_text().splitlines()
    forged = [
        line[: line.index(" h1:")] + " h1:" + "A" * 43 + "=" if "livekit/livekit-server v1.13.5 h1:" in line else line for line in sums
    ]
    assert forged != sums
    (module / "go.sum").write_text("\n".join(forged) + "\n")
    monkeypatch.setattr(livekit_install, "MODULE", module)
    monkeypatch.setattr(livekit_install, "cache_home", lambda: tmp_path / "cache")
    with pytest.raises(Failure, match=r"(?i)checksum mismatch"):
        livekit_install.ensure()


@pytest.mark.parametrize(("terminal", "expected"), [(True, "\r    0 s  a\r   12 s  b\n"), (False, "   12 s  b\n")])
def test_progress_is_one_line_on_a_terminal_and_sparse_elsewhere(terminal: bool, expected: str, capsys: pytest.CaptureFixture[str]) -> None:
    times = iter([0.0, 0.0, 12.0])  # made, shown, shown
    progress = Progress(terminal, lambda: next(times))
    progress.show("a")
    progress.show("b")
    progress.end()
    assert capsys.readouterr().out == expected


def test_output_of_go_is_read_while_it_is_written() -> None:
    told: list[int] = []
    script = "import sys; [print(n, file=sys.stderr) for n in range(3)]; print('one'); print('two')"
    assert livekit_install._run([sys.executable, "-c", script], {}, "counting", lambda n, _: told.append(n)) == ["one", "two"]
    assert told[-1] == 3
