"""`make setup`: check the platform, make `.venv`, build the page (for developers the examples, too). Started by whatever Python 3.8 or newer the machine has.

python3 -m infra.setup [--dev]
"""

from __future__ import annotations

import argparse

from infra import environment, examples, libraries, page, toolchain
from infra.console import Failure, entry
from infra.paths import VENV
from infra.supported import refusal, this_machine


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="infra.setup", description="Install Visavis into .venv and build its page.")
    parser.add_argument("--dev", action="store_true", help="with the tools for tests and checks, and the examples")
    options = parser.parse_args(arguments)
    reason = refusal(this_machine())
    if reason:
        raise Failure(reason)
    libraries.ensure()
    environment.ensure(options.dev)
    toolchain.link_npm(VENV / "bin")
    page.ensure()
    if options.dev:
        examples.ensure()
    return 0


if __name__ == "__main__":
    entry(main)
