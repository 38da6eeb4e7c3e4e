"""`visavis models bench`: measure the local models on this machine, choose the fastest variant, and write it down."""

from __future__ import annotations

import sys

from rich.console import Console
from rich.table import Table

from agent.config import Config
from agent.engines import ConfiguredEngines
from agent.models.measured import FIRST_WORDS, LEFT_TO_READ, Measured
from agent.models.terminal import TerminalProgress


async def run(config: Config, models: str) -> Measured:
    """Raises `ConfigError`, `ModelError`."""
    console = Console(stderr=True, highlight=False)
    engines = ConfiguredEngines(config, models=models)
    try:
        with TerminalProgress() as progress:
            await engines.prepare(progress.show)
        with console.status("measuring …") as status:

            def report(step: str) -> None:
                status.update(f"measuring {step} …")
                if not console.is_terminal:
                    console.print(f"measuring {step} …")

            return await engines.measure(report, full=True)
    finally:
        await engines.aclose()


def show(measured: Measured, console: Console | None = None) -> None:
    """As tables."""
    console = console or Console(width=None if sys.stdout.isatty() else 160, highlight=False)
    console.print(
        f"{measured.processor}, {measured.cores} cores: {' '.join(measured.features) or 'no special features'}; measured {measured.made}"
    )
    if measured.variants:
        table = Table(box=None, pad_edge=False)
        first_words = f"{LEFT_TO_READ} read + {FIRST_WORDS} written"
        for title in ("language model", "library", "reads", "writes", first_words, ""):
            table.add_column(title, justify="right" if title in ("reads", "writes", first_words) else "left")
        for variant in measured.variants:
            chosen = "◀ used" if variant is measured.used else ""
            figures = (f"{1000 / variant.read_ms:.0f} tokens/s", f"{1000 / variant.write_ms:.1f} tokens/s", f"{variant.answer_ms:.0f} ms")
            table.add_row(variant.quantisation, variant.library, *figures, chosen)
        console.print(table)
    table = Table(box=None, pad_edge=False)
    for title in ("language", "2 s of speech understood in", "1 s of speech made in", "conversations at once"):
        table.add_column(title, justify="left" if title == "language" else "right")
    for language in sorted({*measured.hearing, *measured.speaking}):
        hearing, speaking = measured.hearing.get(language), measured.speaking.get(language)
        table.add_row(
            language,
            f"{hearing * 1000:.0f} ms" if hearing else "",
            f"{speaking * 1000:.0f} ms" if speaking else "",
            str(measured.conversations((language,))),
        )
    console.print(table)
