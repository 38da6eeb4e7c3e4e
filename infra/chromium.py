"""Chromium for the end-to-end tests: the one that is there, or Debian's package where we are root.

python -m infra.chromium        prints its path
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from infra import sound_card
from infra.console import Failure, entry, is_root, output, say
from infra.libraries import BROWSER_TESTS, missing, refusal
from infra.toolchain import apt_install

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
MAC_APPLICATIONS = (
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)
CHINESE_FONTS = "fonts-noto-cjk"


def find(environ: Mapping[str, str] = os.environ, runs: Callable[[str], bool] | None = None) -> str | None:
    """The path of a Chromium that runs: VISAVIS_CHROMIUM, then the PATH, then the Mac's applications. None when there is none.

    Raises `Failure` when VISAVIS_CHROMIUM names something that does not run.
    """
    runs = runs or _runs
    if chosen := environ.get("VISAVIS_CHROMIUM"):
        if runs(chosen):
            return chosen
        raise Failure(f"VISAVIS_CHROMIUM={chosen} does not run; name the program file of a Chromium or Chrome, or unset it")
    on_path = (shutil.which(name, path=environ.get("PATH")) for name in NAMES)
    places = [*on_path, *(MAC_APPLICATIONS if sys.platform == "darwin" else ())]
    # on Ubuntu `chromium-browser` may be a script that only asks for a snap
    return next((place for place in places if place and Path(place).exists() and runs(place)), None)


def ensure() -> None:
    """As root on Debian, install what is missing: Chromium, Chinese fonts so that pictures show what the page says, and a sound card for it to play on. `lacking`
    tells the outcome."""
    can_install = is_root() and shutil.which("apt-get") is not None
    wanted = list(missing(BROWSER_TESTS).values())
    if find() is None:
        wanted.append("chromium")
    if shutil.which("fc-list") is None or not output(["fc-list", ":lang=zh"]):
        wanted.append(CHINESE_FONTS)
    if not sound_card.is_there():
        wanted += ["pulseaudio", "pulseaudio-utils"]
    if wanted and can_install and sys.platform == "linux":
        try:
            apt_install(*wanted)
        except Failure as failure:
            say(f"  {failure}")


def lacking() -> str | None:
    """Why tests in a browser cannot be run, and what to do; None when they can."""
    if find() is None:
        return (
            "no Chromium: the tests in a browser are not run. Install one (Debian: apt-get install chromium), "
            "or name the program of a Chrome by VISAVIS_CHROMIUM"
        )
    if libraries := missing(BROWSER_TESTS):
        return "the tests in a browser are not run: " + refusal(libraries)
    return None


def is_required(environ: Mapping[str, str] = os.environ, root: bool | None = None) -> bool:
    """Whether its absence is a failure: on a build machine where it could have been installed."""
    return environ.get("CI", "").lower() in ("1", "true", "yes") and (is_root() if root is None else root)


def _runs(program: str) -> bool:
    return output([program, "--version"], timeout_seconds=60) is not None


def main() -> int:
    ensure()
    if reason := lacking():
        raise Failure(reason)
    print(find())
    return 0


if __name__ == "__main__":
    entry(main)
