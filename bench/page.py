"""What the browser fetches before a call: the page, and what it names or imports at once. What is imported on demand is listed beside it."""

from __future__ import annotations

import gzip
import re
from pathlib import Path
from typing import Final

from bench.options import Options, Unmeasured
from bench.report import Result, Row
from infra.paths import WEB_CLIENT

DIST: Final = WEB_CLIENT / "app" / "dist"
LIMIT_KB: Final = 150.0
_NAMED: Final = re.compile(r"""<(?:script|link)\b[^>]*?\b(?:src|href)=["']([^"']+)["']""")
_IMPORTED: Final = re.compile(r"""(?:\bfrom|\bimport)\s*["'`](\.[^"'`]+)["'`]""")


def gzipped(content: bytes) -> int:
    """Bytes on the wire, at the level that servers use."""
    return len(gzip.compress(content, 6))


def before_call(dist: Path) -> list[Path]:
    """index.html, what it names, and their static imports, in the order in which they are met. What another host serves is an error of the page."""
    index = dist / "index.html"
    found = [index]
    for path in found:
        text = path.read_text(encoding="utf-8", errors="replace")
        for name in (_NAMED if path == index else _IMPORTED).findall(text):
            if re.match(r"\w+:|//", name):
                raise ValueError(f"{path.name} names {name}; expected the page's own files only")
            target = dist / name.lstrip("/") if path == index else (path.parent / name).resolve()
            if target not in found and target.is_file():
                found.append(target)
    return found


async def measure(options: Options) -> Result:
    if not (DIST / "index.html").is_file():
        raise Unmeasured("the page is not built; run `make setup`")
    first = before_call(DIST)
    sizes = {path.name: gzipped(path.read_bytes()) for path in first}
    later = {path.name: gzipped(path.read_bytes()) for path in sorted((DIST / "assets").iterdir()) if path not in first}
    rows = [Row("before the call, gzip", sum(sizes.values()) / 1000, "kB", LIMIT_KB)]
    rows += [Row(f"· {name}", size / 1000, "kB") for name, size in sizes.items()]
    rows += [Row(f"when it is needed: {name}", size / 1000, "kB") for name, size in later.items()]
    return Result("page", "The page", rows, raw={"before_call": sizes, "later": later})
