"""Where things lie: in the clone, and in the user's cache that clones share."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ROOT / ".tools"
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
WEB_CLIENT = ROOT / "web_client"


def cache_home(environ: Mapping[str, str] = os.environ, platform: str = sys.platform) -> Path:
    """Models and livekit-server, shared between clones: VISAVIS_CACHE, or the platform's cache folder."""
    if chosen := environ.get("VISAVIS_CACHE"):
        return Path(chosen).expanduser()
    home = Path(environ.get("HOME") or Path.home())
    if platform == "darwin":
        return home / "Library" / "Caches" / "visavis"
    return Path(environ.get("XDG_CACHE_HOME") or home / ".cache") / "visavis"
