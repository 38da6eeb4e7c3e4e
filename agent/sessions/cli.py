"""`visavis journal`: what was written down of each session; to look at, to take away, to forget."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, TypeVar

import typer
from rich.console import Console
from rich.table import Table

from agent import config
from agent.config import ConfigError

if TYPE_CHECKING:
    from agent.sessions.recordings import Recordings
    from agent.sessions.store import Store

T = TypeVar("T")

PIPE_WIDTH: Final = 160
RATE: Final = 48_000
"""Samples of media time a second."""

app = typer.Typer(help="What was written down of each session: list, show, export, forget.", no_args_is_help=True)

SessionId = Annotated[str, typer.Argument(metavar="SESSION", help="As `visavis journal list` names it.")]


@app.callback()
def settings(
    context: typer.Context,
    file: Annotated[Path | None, typer.Option("--config", metavar="FILE", help="Configuration; its `journal.url` says where.")] = None,
) -> None:
    try:
        context.obj = config.load(file).journal
    except ConfigError as error:
        raise _stop(str(error), 2) from None


@app.command("list")
def list_sessions(
    context: typer.Context,
    user: Annotated[str | None, typer.Option(help="Only this user's.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="A line of JSON a session.")] = False,
) -> None:
    """All sessions, the latest first: who, when, how long, how it ended."""
    found, recorded = _ask(context.obj, lambda store: store.sessions(user)), _on_disk(context.obj, lambda recordings: recordings.all())
    if as_json:
        for info in found:
            files = [str(file) for file in recorded.get(info.session, [])]
            print(json.dumps({**asdict(info), "recordings": files}, ensure_ascii=False))
        return
    if not found:
        print("The journal is empty." if user is None else f"The journal holds no session of {user}.")
        return
    table = Table(box=None, pad_edge=False)
    for title in ("session", "user", "persona", "began", "length", "events", "sound", "ended"):
        table.add_column(title, justify="right" if title in ("length", "events") else "left", overflow="fold", no_wrap=title == "session")
    for info in found:
        length = _clock((info.updated_ms - info.started_ms) / 1000)
        ended = "goes on, or was broken off" if info.ended is None else info.ended
        sound = "recorded" if info.session in recorded else ""
        table.add_row(info.session, info.user, info.persona, _date(info.started_ms), length, str(info.events), sound, ended)
    Console(width=None if sys.stdout.isatty() else PIPE_WIDTH, highlight=False).print(table)


@app.command()
def show(context: typer.Context, session: SessionId) -> None:
    """A session's dialogue as it was heard, and what it came to."""
    from agent.sessions.store import state_of

    _known(context.obj, session)
    state = _ask(context.obj, lambda store: state_of(store, session))
    ended = "goes on, or was broken off" if state.ended is None else state.ended
    print(f"{session} of {state.user or 'nobody known'} with {state.persona}, until {_date(state.wall_ms)}: {ended}")
    if state.dropped:
        print(f"  … {state.dropped} earlier parts: visavis journal export {session} --json")
    for item in state.items:
        text = item.text or ("(nothing was heard)" if item.cut else "(no words were written down)")
        print(f"  {'user ' if item.role == 'user' else 'agent'}  {text}{' —' if item.cut and item.text else ''}")
    clock = f"generation {state.gen}, {_clock(state.t / RATE)} of sound, {state.seq} events"
    skipped = ", ".join(f"{count} {name}" for name, count in asdict(state.skipped).items() if count)
    print(f"{clock}; skipped: {skipped}" if skipped else clock)
    for file in _on_disk(context.obj, lambda recordings: recordings.of(session)):
        print(f"recorded: {file}")


@app.command()
def export(
    context: typer.Context,
    session: SessionId,
    as_json: Annotated[bool, typer.Option("--json", help="A line of JSON an event: what there is without --recording.")] = True,
    recording: Annotated[
        Path | None,
        typer.Option(
            metavar="OUT.ogg", help="Copy the recording instead: left the user, right the answers. Several become OUT-1.ogg, OUT-2.ogg, …"
        ),
    ] = None,
) -> None:
    """Every event of a session, in order, one a line: {v, session, seq, wall_ms, t, gen, round, type, d}. Or its recording."""
    from agent.sessions.store import events_of

    if recording is not None:
        written = _on_disk(context.obj, lambda recordings: recordings.export(session, recording))
        if not written:
            raise _stop(f"there is no recording of a session {session} on this machine; `visavis journal list` names those that there are")
        for file in written:
            print(f"wrote {file}")
        return
    _known(context.obj, session)

    async def write(store: Store) -> None:
        async for event in events_of(store, session):
            print(event.line())

    _ask(context.obj, write)


@app.command()
def forget(
    context: typer.Context,
    session: Annotated[str | None, typer.Option(metavar="SESSION", help="This session.")] = None,
    user: Annotated[str | None, typer.Option(metavar="USER", help="Every session of this user.")] = None,
) -> None:
    """Remove a session, or all of a user's, for good: events, snapshots, archives, whatever store they are in, and recordings. One that goes on is not written
    down any further, nor recorded."""
    from agent.sessions.store import forget_user
    from agent.sessions.stores import recordings_of

    if (session is None) == (user is None):
        raise _stop("name what is to be forgotten: either --session SESSION or --user USER", 2)
    if user is not None:
        recordings = recordings_of(context.obj)
        count = _ask(context.obj, lambda store: forget_user(store, user, recordings.remove))
        if not count:
            raise _stop(f"the journal holds no session of {user}")
        print(f"{count} {'session' if count == 1 else 'sessions'} of {user} forgotten.")
    elif session is not None:
        removed = _on_disk(context.obj, lambda recordings: recordings.remove(session))
        if not _ask(context.obj, lambda store: store.forget(session)) and not removed:
            raise _stop(_unknown(session))
        print(f"{session} forgotten.")


def _on_disk(journal: config.Journal, question: Callable[[Recordings], T]) -> T:
    """What the folder of recordings answers; its errors are a line, not a traceback."""
    from agent.sessions.stores import recordings_of

    try:
        return question(recordings_of(journal))
    except OSError as error:
        raise _stop(f"recordings: {error}") from None


def _ask(journal: config.Journal, question: Callable[[Store], Awaitable[T]]) -> T:
    """What the store answers; its errors are a line, not a traceback."""
    from agent.sessions.store import StoreError
    from agent.sessions.stores import opener

    async def ask() -> T:
        store = opener(journal)()
        try:
            return await question(store)
        finally:
            await store.aclose()

    try:
        return asyncio.run(ask())
    except (StoreError, ConfigError, OSError) as error:
        raise _stop(str(error)) from None


def _known(journal: config.Journal, session: str) -> None:
    async def first(store: Store) -> bool:
        return bool(await store.read(session, limit=1))

    if not _ask(journal, first):
        raise _stop(_unknown(session))


def _unknown(session: str) -> str:
    return f"the journal holds no session {session}; `visavis journal list` names those that there are"


def _date(wall_ms: int) -> str:
    return datetime.fromtimestamp(wall_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _clock(seconds: float) -> str:
    minutes, rest = divmod(max(0, round(seconds)), 60)
    return f"{minutes}:{rest:02}"


def _stop(message: str, code: int = 1) -> typer.Exit:
    Console(stderr=True, highlight=False).print(f"visavis: {message}", style="red", markup=False, soft_wrap=True)
    return typer.Exit(code)
