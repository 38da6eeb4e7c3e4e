"""`visavis bench`: measures, prints, and keeps the last results.

Each table is a module with `TITLE` and `async measure(options) -> Result`.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import json
import logging
import sys
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Final, Protocol, cast

from rich.console import Console

from bench.options import Options, Unmeasured
from bench.report import Observation, Record, Result, as_markdown, as_table, read, save

DOCUMENT: Final = Path(__file__).parents[1] / "docs" / "performance.md"
TABLES: Final = {
    "page": "what the browser fetches before a call",
    "sessions": "memory of a process after 10 and after 50 conversations",
    "door": "what each door adds to an answer, with instant engines and bare loopbacks; stock livekit-agents beside it",
    "rooms": "processor and memory of eight silent rooms: a worker, bare rooms, stock livekit-agents",
    "speaking": "processor and memory of a further room in which the agent speaks: a worker, a bare participant, stock livekit-agents",
    "journal": "what writing the journal costs the event loop, how soon an hour of it is folded, SQLite and Redis; and what recording costs",
    "reload": "from a page's reload in the middle of an answer to its conversation going on, by each door",
    "handover": "from a worker's death in the middle of an answer to the first sound of another's, in a room; and a planned restart",
    "engine": "from a typed question to the first frame of the answer, in process; bare livekit-agents beside it",
    "anticipation": "what preparing an answer during the silence hides, with a language model of OpenAI's protocol that takes its time",
    "start": "from a cold process to the page and to the first conversation, and what waiting costs",
    "answers": "whether the local model's answers are fit to be spoken",
    "barge_in": "from a user's first sample to silence at their ear, in a room; stock livekit-agents beside it",
    "silence": "from a user's first sample to silence at the page's sound card, by each door",
    "turn_end": "from a user's last sample to the answer's first, in a room; stock livekit-agents beside it",
    "visemes": "whether the mouth's shapes lie on their sounds, what they cost and weigh",
    "skew": "how far the mouth's shapes are from their sounds, at the page, by each door",
    "client_cost": "what the SDK costs a page that only listens and moves an ellipse",
    "nods": "whether nods and coughs over an answer are let pass, and interruptions understood",
    "pauses": "whether a pause after a comma, and a plain sentence, are left alone by the turn-taking",
    "pair": "two conversations at once on this machine, and a third",
    "latency": "end of speech to first sound with the local models, English and Chinese",
}
"""In the order in which they run: what other programs disturb most comes last."""
PREFACE: Final = """# Performance

Written by `visavis bench --write` (or `make bench ARGS=--write`) from the last result of each table, bench/results/*.json. Every figure is of the machine that its
table names; a goal is the most that a figure may be. Side by side means: in the same run, on the same machine.
"""


class Bench(Protocol):
    """A table's module."""

    async def measure(self, options: Options) -> Result: ...


def main(args: list[str] | None = None) -> int:
    """Run the tables that `args` name. Returns the exit code: 1 when one could not be measured (a goal that is missed is no error)."""
    parser = _parser()
    chosen = parser.parse_args(args)
    if unknown := set(chosen.tables) - set(TABLES):
        parser.error(f"no table is called {', '.join(sorted(unknown))}; there are {', '.join(TABLES)}")
    options = Options(turns=chosen.turns, seconds=chosen.seconds)
    logging.basicConfig(level=logging.ERROR, stream=sys.stderr)
    screen = Console(stderr=chosen.json, width=None if sys.stdout.isatty() else 150, highlight=False)
    failures = 0
    for table in TABLES:
        if chosen.tables and table not in chosen.tables:
            continue
        if chosen.last:
            record = read(table)
        else:
            screen.print(f"measuring {table}: {TABLES[table]} …", style="dim", markup=False)
            record = measure(table, options, screen)
            failures += record is None
        if record is None:
            continue
        if not chosen.last:
            save(record)
        if chosen.json:
            print(json.dumps(asdict(record), ensure_ascii=False), flush=True)
        else:
            screen.print(as_table(record), markup=False)
            screen.print()
    if chosen.write:
        DOCUMENT.write_text(document(filter(None, map(read, TABLES))), encoding="utf-8")
        screen.print(f"wrote {DOCUMENT.name}", style="dim")
    return 1 if failures else 0


def measure(table: str, options: Options, screen: Console) -> Record | None:
    """One table, or None when it could not be measured, which is told."""
    bench = cast(Bench, importlib.import_module(f"bench.{table}"))
    observation = Observation()
    try:
        result = asyncio.run(bench.measure(options))
    except Unmeasured as error:
        screen.print(f"{table} was not measured: {error}", style="red", markup=False)
        return None
    return Record(result, observation.done())


def document(records: Iterable[Record]) -> str:
    """docs/performance.md."""
    return "\n".join([PREFACE, *(as_markdown(record) for record in records)]).rstrip() + "\n"


def _parser() -> argparse.ArgumentParser:
    tables = "\n".join(f"  {name:<9} {about}" for name, about in TABLES.items())
    parser = argparse.ArgumentParser(
        prog="visavis bench",
        description="Measure Visavis on this machine. Servers are started on loopback and stopped again; close other programs for honest times.",
        epilog=f"tables:\n{tables}\n\nexamples:\n  visavis bench page door\n  visavis bench latency --turns 5\n  visavis bench --last",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("tables", nargs="*", metavar="TABLE", help="which tables, by default all")
    parser.add_argument("--turns", type=_positive, default=20, metavar="N", help="questions asked of each contender (default 20)")
    parser.add_argument("--seconds", type=_positive, default=20, metavar="N", help="how long processor time is counted (default 20)")
    parser.add_argument("--json", action="store_true", help="a line of JSON for each table on standard output")
    parser.add_argument("--write", action="store_true", help="write docs/performance.md from the last results")
    parser.add_argument("--last", action="store_true", help="measure nothing, show the last results")
    return parser


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number above 0, got {text}")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
