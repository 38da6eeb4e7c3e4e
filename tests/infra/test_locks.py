import json
import re
from pathlib import Path

import pytest

from infra.environment import lock_file
from infra.examples import EXAMPLES
from infra.lock import compile_command
from infra.paths import WEB_CLIENT


@pytest.mark.parametrize("dev", [False, True])
def test_the_python_lock_has_a_hash_for_every_package_and_no_address(dev: bool) -> None:
    text = lock_file(dev).read_text(encoding="utf-8")
    entries = re.split(r"\n(?=\S)", text.strip())
    assert len(entries) > 50
    assert [entry for entry in entries if "--hash=sha256:" not in entry] == []
    assert "://" not in text


def test_the_developers_lock_holds_the_same_versions_and_more() -> None:
    def pins(dev: bool) -> set[str]:
        return set(re.findall(r"^([^\s\\]+==[^\s\\]+)", lock_file(dev).read_text(encoding="utf-8"), re.MULTILINE))

    assert pins(False) < pins(True)


@pytest.mark.parametrize("folder", [WEB_CLIENT, EXAMPLES])
def test_the_pages_locks_name_no_registry(folder: Path) -> None:
    packages = json.loads((folder / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    # a workspace is linked to its own folder
    addresses = [package["resolved"] for package in packages.values() if "resolved" in package and not package.get("link")]
    assert addresses == []
    fetched = [package for name, package in packages.items() if name.startswith("node_modules/") and not package.get("link")]
    assert fetched
    assert [package for package in fetched if "integrity" not in package] == []


def test_locks_are_compiled_for_all_platforms_with_hashes_and_without_addresses() -> None:
    command = compile_command("/bin/uv", ["pyproject.toml"], Path("out.txt"), upgrade=True)
    assert command[:3] == ["/bin/uv", "pip", "compile"]
    assert {"--universal", "--generate-hashes", "--no-emit-index-url", "--upgrade"} <= set(command)
    assert command[-3:] == ["pyproject.toml", "--output-file", "out.txt"]
    assert "--upgrade" not in compile_command("uv", ["-"], Path("out.txt"), upgrade=False)
