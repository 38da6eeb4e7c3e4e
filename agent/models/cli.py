"""`visavis models`: what is here, fetch it, check it."""

from __future__ import annotations

import enum
import sys
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from agent import config
from agent.models import measured
from agent.models.errors import ModelCorrupt, ModelError, ModelMissing
from agent.models.manifest import SETS, SetName, select
from agent.models.resources import choose
from agent.models.store import ModelStore
from agent.models.terminal import TerminalProgress

_PIPE_WIDTH: Final = 200

app = typer.Typer(help="Local model files: list, fetch, verify.", no_args_is_help=True)


class Choice(enum.StrEnum):
    auto = "auto"
    lite = "lite"
    full = "full"


class Language(enum.StrEnum):
    en = "en"
    zh = "zh"


@app.callback()
def settings(
    context: typer.Context,
    file: Annotated[Path | None, typer.Option("--config", metavar="FILE", help="Configuration; its `models:` name other sources.")] = None,
) -> None:
    try:
        context.obj = ModelStore(overrides=config.load(file).models)
    except (config.ConfigError, ModelError) as error:
        raise _stop(error) from None


@app.command("list")
def list_models(context: typer.Context) -> None:
    """Every model: use, size, state, path, licence."""
    store: ModelStore = context.obj
    table = Table(box=None, pad_edge=False, title=f"Models in {store.root}", title_justify="left")
    for title in ("model", "use", "set", "size", "state", "licence", "path"):
        table.add_column(title, justify="right" if title == "size" else "left", overflow="fold", no_wrap=title != "path")
    for status in store.statuses():
        model = status.model
        use = " ".join((model.purpose, *model.languages))
        smallest = next((name for name, members in SETS.items() if model.name in members), "")
        size = f"{model.size / 1e6:.1f} MB" if model.size and not status.given else ""
        state = f"{status.state} (yours)" if status.given else status.state
        inside = status.path.is_relative_to(store.root)
        where = status.path.relative_to(store.root) if inside else status.path
        table.add_row(model.name, use, smallest, size, state, model.licence, escape(str(where)))
    console = Console(width=None if sys.stdout.isatty() else _PIPE_WIDTH, highlight=False)
    console.print(table)
    found = measured.read(store.root)
    if found is None:
        console.print("\nNothing was measured on this machine yet: the first start does, and `visavis models bench` does it thoroughly.")
    elif found.used is not None:
        console.print(
            f"\nMeasured here: {found.used.quantisation} on {found.used.library} writes {1000 / found.used.write_ms:.1f} tokens/s; "
            f"{found.conversations(('en',))} conversations at once in English, {found.conversations(('zh',))} in Chinese "
            "(`visavis models bench --show`)."
        )


@app.command()
def fetch(
    context: typer.Context,
    names: Annotated[list[str] | None, typer.Argument(metavar="[NAMES]...", help="Models; none: those of the set.")] = None,
    choice: Annotated[Choice, typer.Option("--set", envvar="MODELS", help="auto: by free memory and disk.")] = Choice.auto,
    language: Annotated[list[Language] | None, typer.Option(help="Only what these need; may be repeated.")] = None,
) -> None:
    """Bring models into the cache; goes on where an earlier run ended."""
    store: ModelStore = context.obj
    console = Console(stderr=True)
    try:
        if not names:
            wanted = _set(store, choice, console)
            names = list(select(wanted, [item.value for item in language] if language else ("en", "zh")))
        plan = store.plan(names)
        if plan.models:
            console.print(
                f"To fetch: {plan.download_bytes / 1e6:.0f} MB for {', '.join(model.name for model in plan.models)}",
                highlight=False,
                soft_wrap=True,
            )
            console.print(f"Into {store.root}", highlight=False, soft_wrap=True)
        with TerminalProgress(console) as bar:
            store.ensure(names, bar.show)
    except ModelError as error:
        raise _stop(error) from None
    except KeyboardInterrupt:
        console.print("Stopped; the next run goes on from here.")
        raise typer.Exit(130) from None
    console.print(f"{len(names)} models are in place.", highlight=False)


@app.command()
def verify(
    context: typer.Context, names: Annotated[list[str] | None, typer.Argument(metavar="[NAMES]...", help="None: all that are here.")] = None
) -> None:
    """Read and hash the files; ends with status 1 if one is damaged (or, when named, missing)."""
    store: ModelStore = context.obj
    bad = False
    for name in names or [status.model.name for status in store.statuses()]:
        try:
            store.verify(name)
        except ModelMissing as error:
            typer.echo(f"{name}: {f'missing: {error}' if names else 'not here'}")
            bad = bad or bool(names)
        except ModelCorrupt as error:
            typer.echo(f"{name}: damaged: {error}")
            bad = True
        except ModelError as error:
            raise _stop(error) from None
        else:
            typer.echo(f"{name}: good")
    if bad:
        raise typer.Exit(1)


@app.command()
def path(context: typer.Context, name: str) -> None:
    """Print where a model is."""
    store: ModelStore = context.obj
    try:
        typer.echo(store.path(name))
    except ModelError as error:
        raise _stop(error) from None


def _set(store: ModelStore, choice: Choice, console: Console) -> SetName:
    match choice:
        case Choice.lite:
            return "lite"
        case Choice.full:
            return "full"
        case Choice.auto:
            made = choose(store)
            console.print(f"Models: {made.reason}", highlight=False, soft_wrap=True)
            return made.set


def _stop(error: Exception) -> typer.Exit:
    """Tell what went wrong; the command ends with status 1."""
    typer.echo(f"Error: {error}", err=True)
    return typer.Exit(1)
