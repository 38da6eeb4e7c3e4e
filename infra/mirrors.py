"""One mirror setting for pip and uv: what a person has told pip holds for uv as well, and the other way round.

uv reads its own variables and `uv.toml`, not pip's configuration. What is passed on goes through the environment of the child alone, for an
index address may carry a password.
"""

from __future__ import annotations

import configparser
import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

_PIP_TO_UV = (
    # pip's option, the names under which uv may know it already, the one we set
    ("index-url", ("UV_DEFAULT_INDEX", "UV_INDEX_URL"), "UV_DEFAULT_INDEX"),
    ("extra-index-url", ("UV_INDEX", "UV_EXTRA_INDEX_URL"), "UV_INDEX"),
    ("find-links", ("UV_FIND_LINKS",), "UV_FIND_LINKS"),
    ("trusted-host", ("UV_INSECURE_HOST",), "UV_INSECURE_HOST"),
    ("cert", ("SSL_CERT_FILE",), "SSL_CERT_FILE"),
    ("timeout", ("UV_HTTP_TIMEOUT",), "UV_HTTP_TIMEOUT"),
    ("proxy", ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"), "HTTPS_PROXY"),
)
_INDEX_OPTIONS = ("index-url", "extra-index-url", "find-links")


def pip_options(environ: Mapping[str, str], files: Iterable[Path]) -> dict[str, str]:
    """What pip would use of its options: its configuration files (a later one wins, `[install]` over `[global]`), then `PIP_…` variables."""
    options: dict[str, str] = {}
    for file in files:
        parser = configparser.RawConfigParser()
        try:
            parser.read_string(file.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, configparser.Error):
            continue  # pip itself tells about a broken file
        for section in ("global", "install"):
            if parser.has_section(section):
                options.update({name.replace("_", "-"): value for name, value in parser.items(section)})
    for option, _, _ in _PIP_TO_UV:
        for name in ("DEFAULT_TIMEOUT", "TIMEOUT") if option == "timeout" else (option.upper().replace("-", "_"),):
            options[option] = environ.get(f"PIP_{name}") or options.get(option, "")
    return {option: value for option, value in options.items() if value}


def pip_files(environ: Mapping[str, str], platform: str = sys.platform) -> list[Path]:
    """pip's configuration files in the order in which it reads them."""
    chosen = environ.get("PIP_CONFIG_FILE")
    if chosen == os.devnull:
        return []
    home = Path(environ.get("HOME") or Path.home())
    config = Path(environ.get("XDG_CONFIG_HOME") or home / ".config")
    if platform == "darwin":
        support = Path("Library") / "Application Support" / "pip"
        files = [Path("/") / support / "pip.conf", home / ".pip" / "pip.conf"]
        files.append(home / support / "pip.conf" if (home / support).is_dir() else home / ".config" / "pip" / "pip.conf")
    else:
        system = [Path(folder) / "pip" / "pip.conf" for folder in reversed((environ.get("XDG_CONFIG_DIRS") or "/etc/xdg").split(":"))]
        files = [*system, Path("/etc/pip.conf"), home / ".pip" / "pip.conf", config / "pip" / "pip.conf"]
    return [*files, Path(chosen)] if chosen else files


def for_uv(environ: Mapping[str, str], options: Mapping[str, str], *, uv_has_its_own: bool = False) -> dict[str, str]:
    """The environment for uv: `environ` with those of pip's settings that uv has no setting for.

    `uv_has_its_own`: a `uv.toml` exists, which then decides about indexes.
    """
    result = dict(environ)
    for option, known, name in _PIP_TO_UV:
        value = " ".join(options.get(option, "").split())
        if not value or any(environ.get(other) for other in known):
            continue
        if option in _INDEX_OPTIONS and uv_has_its_own:
            continue
        if option == "find-links":
            value = ",".join(place for place in value.split() if "://" in place or Path(place).is_dir())
            if not value:
                continue
        result[name] = value
    return result


def for_pip(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment for pip, which brings uv where it is missing: `environ` with uv's index when pip has none of its own."""
    result = dict(environ)
    index = environ.get("UV_DEFAULT_INDEX") or environ.get("UV_INDEX_URL")
    if index and not environ.get("PIP_INDEX_URL"):
        result["PIP_INDEX_URL"] = index
    return result


def uv_files(environ: Mapping[str, str]) -> list[Path]:
    """Where a `uv.toml` of the person or the machine would be."""
    home = Path(environ.get("HOME") or Path.home())
    places = [Path(environ.get("XDG_CONFIG_HOME") or home / ".config") / "uv" / "uv.toml", Path("/etc/uv/uv.toml")]
    return [*([Path(environ["UV_CONFIG_FILE"])] if environ.get("UV_CONFIG_FILE") else []), *places]


def uv_environment() -> dict[str, str]:
    """The environment in which every uv of this project runs."""
    environ = dict(os.environ)
    has_its_own = any(file.is_file() for file in uv_files(environ))
    return for_uv(environ, pip_options(environ, pip_files(environ)), uv_has_its_own=has_its_own)
