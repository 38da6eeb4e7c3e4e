import pytest

from infra import libraries
from infra.console import Failure
from infra.libraries import BROWSER_TESTS, missing


@pytest.fixture(autouse=True)
def on_linux(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "linux")


def test_what_the_linker_finds_is_not_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert missing({"libc.so.6": "libc6", "libnothing-of-this-name.so.1": "nothing"}) == {"libnothing-of-this-name.so.1": "nothing"}
    monkeypatch.setattr(libraries, "_loads", lambda library: library != "libatomic.so.1")
    assert missing() == {}
    assert missing(BROWSER_TESTS) == {"libatomic.so.1": "libatomic1"}


def test_a_person_who_is_not_root_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(libraries, "_loads", lambda library: False)
    monkeypatch.setattr(libraries, "is_root", lambda: False)
    with pytest.raises(Failure, match=r"apt-get install libgomp1\n.*dnf install libgomp$"):
        libraries.ensure()


def test_root_on_debian_gets_it_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    installed: list[str] = []
    monkeypatch.setattr(libraries, "_loads", lambda library: bool(installed))
    monkeypatch.setattr(libraries, "is_root", lambda: True)
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(libraries, "apt_install", lambda *packages: installed.extend(packages))
    libraries.ensure()
    assert installed == ["libgomp1"]
    libraries.ensure()
    assert installed == ["libgomp1"]
