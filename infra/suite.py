"""`make test` and `make soak`: bring what the tests need, run the page's tests and then pytest, whose closing line is the last one.

.venv/bin/python -m infra.suite [--soak] [pytest's arguments]
"""

from __future__ import annotations

import os
import subprocess
import sys

from infra import chromium, livekit_install, page, redis_server
from infra.console import Failure, entry, say
from infra.paths import PYTHON, ROOT, WEB_CLIENT

NO_TESTS_COLLECTED = 5
"""pytest's exit code."""


def pytest_command(arguments: list[str], *, soak: bool) -> list[str]:
    """All of it runs in two workers: one is busy with the models, the browser and the servers, the other does the rest meanwhile."""
    workers = [] if soak or arguments else ["-n", "2", "--dist", "loadgroup"]
    return [str(PYTHON), "-m", "pytest", "-m", "soak" if soak else "not soak", *workers, *arguments]


def verdict(page_status: int, pytest_status: int) -> int:
    """The exit code of both: pytest's when it failed, for no test at all is a failure, too."""
    return pytest_status or (1 if page_status else 0)


def main(arguments: list[str] | None = None) -> int:
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    soak = "--soak" in arguments
    if soak:
        arguments.remove("--soak")
    _bring()
    page_status = 0 if soak or arguments else _test_page()
    if page_status:
        say("the page's tests failed (see above); pytest goes on")
    pytest_status = subprocess.run(pytest_command(arguments, soak=soak), cwd=ROOT, check=False).returncode
    if pytest_status == NO_TESTS_COLLECTED:
        print("no test was collected", file=sys.stderr)
    return verdict(page_status, pytest_status)


def _bring() -> None:
    livekit_install.ensure()
    chromium.ensure()
    if reason := chromium.lacking():
        if chromium.is_required():
            raise Failure(reason)
        say(f"• {reason}")
    redis_server.ensure()
    if reason := redis_server.lacking():
        if redis_server.is_required():
            raise Failure(reason)
        say(f"• {reason}")
    fetched = subprocess.run([str(PYTHON), "-m", "agent.cli", "models", "fetch", "--set", "full"], cwd=ROOT, check=False)
    if fetched.returncode:
        say("• the models could not be fetched (see above): tests that need them are reported as not run")


def _test_page() -> int:
    if not page.has_script("test"):
        return 0
    say("• the page's tests")
    env = {**page.packages(), "CI": os.environ.get("CI") or "true"}  # the runner would otherwise wait for changes
    return subprocess.run(["npm", "run", "--silent", "test"], cwd=WEB_CLIENT, env=env, check=False).returncode


if __name__ == "__main__":
    entry(main)
