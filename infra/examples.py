"""The example pages of the SDK's adapters: built from `web_client/sdk/examples` when they or the SDK have changed. For developers and tests; they have libraries of
their own, which nobody else has to fetch."""

from __future__ import annotations

from pathlib import Path

from infra import page
from infra.paths import WEB_CLIENT

SDK = WEB_CLIENT / "sdk"
EXAMPLES = SDK / "examples"
PAGES = EXAMPLES / "dist"


def ensure() -> None:
    """Bring `PAGES` up to date. Raises `Failure`."""
    page.packages()  # the SDK and the build tool
    page.build(EXAMPLES, Path("dist"), "examples", lambda: page.digest(page.sources(SDK) + page.sources(EXAMPLES), SDK))


def packages() -> dict[str, str]:
    """Install what they need; returns the environment in which npm runs. Raises `Failure`."""
    page.packages()
    return page.packages(EXAMPLES, "examples")
