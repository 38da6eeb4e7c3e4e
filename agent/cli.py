"""`visavis`: every role of the program, and its tools."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Callable, Coroutine
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from agent import log
from agent.aio import Tasks, without_collections
from agent.config import Config, ConfigError, explain, load
from agent.models.errors import ModelError

if TYPE_CHECKING:
    from agent.engines import ConfiguredEngines

app = typer.Typer(
    name="visavis",
    help="A self-hosted, real-time digital human. Begin with `visavis demo`: it fetches the models, opens a page, and you talk.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
config_app = typer.Typer(help="The configuration: what is set, and where it came from.", no_args_is_help=True)
app.add_typer(config_app, name="config")

ConfigFile = Annotated[
    Path | None, typer.Option("--config", metavar="FILE", help="A YAML or TOML file; environment variables VISAVIS__SECTION__FIELD win.")
]


LanguageModel = Annotated[
    str,
    typer.Option(
        "--llm",
        envvar="LLM",
        metavar="NAME",
        help="Who answers: ollama/MODEL, or http://ADDRESS/v1#MODEL of any service that speaks OpenAI's protocol.",
    ),
]


class DoorName(StrEnum):
    peer = "peer"
    livekit = "livekit"
    ws = "ws"
    local = "local"


class LanguageName(StrEnum):
    auto = "auto"
    en = "en"
    zh = "zh"


def _stop(message: str, code: int = 1) -> typer.Exit:
    Console(stderr=True, highlight=False).print(f"visavis: {message}", style="red", markup=False, soft_wrap=True)
    return typer.Exit(code)


def _load(file: Path | None) -> Config:
    try:
        config = load(file)
    except ConfigError as error:
        raise _stop(str(error), 2) from None
    log.setup(config.log.level, config.log.format)
    return config


def _with_port(config: Config) -> Config:
    """`PORT` is what people know from everywhere."""
    port = os.environ.get("PORT", "")
    if not port:
        return config
    if not port.isdigit() or int(port) > 65_535:
        raise _stop(f"PORT={port}: expected a number from 0 to 65535", 2)
    return config.model_copy(update={"http": config.http.model_copy(update={"port": int(port)})})


def _with_llm(config: Config, llm: str) -> Config:
    """The language model that was named on the command line comes before the configured one."""
    if not llm:
        return config
    from agent.providers.llm.named import named

    try:
        spec = named(llm, os.environ)
    except ConfigError as error:
        raise _stop(str(error), 2) from None
    return config.model_copy(update={"providers": config.providers.model_copy(update={"llm": [spec]})})


def _run(work: Coroutine[Any, Any, None]) -> None:
    """Run to the end; errors that a person can mend are a line, not a traceback."""
    try:
        asyncio.run(work)
    except (ConfigError, ModelError) as error:
        raise _stop(str(error)) from None
    except KeyboardInterrupt:
        raise typer.Exit(0) from None


async def _with_engines(config: Config, serve: Callable[[ConfiguredEngines], Coroutine[Any, Any, None]]) -> None:
    """The local language model is loaded by a process of its own while the rest is imported. Nothing else is on this event loop yet: imports may hold it up."""
    from agent.providers.llm import local_model

    async with local_model.begun(config, os.environ.get("MODELS", "auto")) as beginning:
        with without_collections():
            from agent.engines import ConfiguredEngines
        try:
            engines = ConfiguredEngines(config, beginning.models, begun=beginning.process)
        except (ConfigError, ModelError) as error:
            raise _stop(str(error), 2) from None
        await serve(engines)


def _say(label: str, what: str) -> None:
    print(f"{label}: {what}", flush=True)


@app.command()
def demo(config: ConfigFile = None, llm: LanguageModel = "") -> None:
    """Everything in one process: models, engine, page. Prints `Page: …` when the page opens and `Ready: …` when you can talk. Ctrl-C stops it.

    PORT=8080 and MODELS=auto|lite|full are read from the environment. full holds a language model; lite answers from a small list; auto chooses by RAM and disk.
    """
    settings = _with_llm(_with_port(_load(config)), llm)  # what is wrong with them is said at once; the imports below take seconds
    from agent.models.terminal import TerminalProgress

    async def serve(engines: ConfiguredEngines) -> None:
        with without_collections():
            from agent.gateway import run_gateway
        tasks = Tasks("demo")

        def ready(url: str) -> None:
            _say("Ready", url)
            _say("Answers", engines.answering)
            if engines.answers == "faq":
                tasks.start(_offer_ollama(), "look for an Ollama")

        try:
            await run_gateway(settings, engines, on_page=lambda url: _say("Page", url), on_ready=ready, observer=progress.show)
        finally:
            await tasks.aclose()

    with TerminalProgress() as progress:
        _run(_with_engines(settings, serve))


async def _offer_ollama() -> None:
    """An Ollama on this machine is named, not used: that is for the person to say."""
    from agent.providers.llm import ollama

    if names := await ollama.models(ollama.address(os.environ)):
        print(ollama.offer(names), flush=True)


@app.command()
def gateway(config: ConfigFile = None, llm: LanguageModel = "") -> None:
    """The embedded engine behind WebRTC and WebSocket, with token service and page: what `demo` runs, for operators."""
    demo(config, llm)


@app.command()
def worker(config: ConfigFile = None, llm: LanguageModel = "") -> None:
    """Join LiveKit rooms as the agent. LiveKit is found by LIVEKIT_URL, LIVEKIT_API_KEY and LIVEKIT_API_SECRET."""
    settings = _with_llm(_load(config), llm)

    async def serve(engines: ConfiguredEngines) -> None:
        with without_collections():
            from agent.worker import run_worker
        await run_worker(settings, engines)

    _run(_with_engines(settings, serve))


@app.command()
def api(config: ConfigFile = None) -> None:
    """The token service and the page alone, beside livekit-server and a worker."""
    from agent.gateway import run_api

    settings = _with_port(_load(config))
    if not settings.livekit.url:
        raise _stop("LIVEKIT_URL is not set; the token service needs to know the livekit-server that its tokens are for", 2)
    status = settings.worker.url or f"http://{settings.worker.host}:{settings.worker.port}"
    _run(run_api(settings, status, on_page=lambda url: _say("Page", url), on_ready=lambda url: _say("Ready", url)))


@app.command()
def talk(
    microphone: Annotated[
        Path | None, typer.Argument(metavar="IN.wav", help="What is said: a sound file of any rate and channel count.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="OUT.wav", help="Stereo on one clock: left what was said, right what came back.")
    ] = None,
    door: Annotated[DoorName, typer.Option(help="Through which door; `local` holds the conversation in this process.")] = DoorName.local,
    url: Annotated[str, typer.Option(help="The server, for every door but `local`.")] = "http://127.0.0.1:8080",
    language: Annotated[LanguageName, typer.Option(help="The language that is spoken.")] = LanguageName.auto,
    text: Annotated[str | None, typer.Option(help="Say this in writing, instead of or before the file.")] = None,
    persona: Annotated[str | None, typer.Option(help="Who answers.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="A line of JSON a turn.")] = False,
    waterfall: Annotated[bool, typer.Option(help="The stages of each turn.")] = False,
    llm: LanguageModel = "",
    config: ConfigFile = None,
) -> None:
    """Talk from the terminal: a sound file is the microphone. Prints the transcript and a latency line a turn.

    Example: visavis talk question.wav --door ws --out answer.wav
    """
    from agent.talk.command import run_talk
    from agent.talk.door import DoorError
    from agent.talk.sound import SoundError

    if microphone is None and not text:
        raise _stop("nothing to say: name a sound file, or use --text", 2)
    settings = _with_llm(_load(config), llm)
    try:
        turns = asyncio.run(
            run_talk(settings, door.value, url, microphone, out, language.value, text, persona, as_json=as_json, waterfall=waterfall)
        )
    except (SoundError, DoorError, ConfigError, ModelError) as error:
        raise _stop(str(error)) from None
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    if not turns:
        raise _stop("nothing was understood, so nothing was answered")


@config_app.command("show")
def config_show(config: ConfigFile = None, as_json: Annotated[bool, typer.Option("--json", help="A JSON object.")] = False) -> None:
    """Every field, its value (secrets masked) and where it came from."""
    try:
        rows = list(explain(config))
    except ConfigError as error:
        raise _stop(str(error), 2) from None
    if as_json:
        print(json.dumps({field: {"value": value, "source": source} for field, value, source in rows}, indent=2, ensure_ascii=False))
        return
    table = Table(box=None, pad_edge=False)
    for title in ("field", "value", "source"):
        table.add_column(title, overflow="fold")
    for field, value, source in rows:
        table.add_row(field, value, source)
    Console(width=None if sys.stdout.isatty() else 160).print(table)


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True}, add_help_option=False)
def bench(context: typer.Context) -> None:
    """Print the tables of bench/; `visavis bench --help` names them."""
    from bench.__main__ import main as bench_main

    raise typer.Exit(bench_main(context.args))


def models_bench(
    config: ConfigFile = None,
    as_json: Annotated[bool, typer.Option("--json", help="A JSON object.")] = False,
    show: Annotated[bool, typer.Option("--show", help="Only show what was measured last.")] = False,
) -> None:
    """Measure the local models on this machine (a minute or two), choose the fastest variant of the language model, and write it down.

    What is written down also says how many conversations are held at once (limits.sessions: auto).
    """
    from agent import models_bench as bench
    from agent.models import measured
    from agent.models.store import ModelStore

    settings = _load(config)
    try:
        found = measured.read(ModelStore(overrides=settings.models).root) if show else None
        if show and found is None:
            raise _stop("nothing was measured on this machine yet; run `visavis models bench`")
        result = found or asyncio.run(bench.run(settings, os.environ.get("MODELS", "auto")))
    except (ConfigError, ModelError) as error:
        raise _stop(str(error)) from None
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    if as_json:
        print(result.model_dump_json(indent=1))
    else:
        bench.show(result)


def main() -> None:
    """Entry point of the console script."""
    from agent.models.cli import app as models_app
    from agent.sessions.cli import app as journal_app

    models_app.command("bench")(models_bench)
    app.add_typer(models_app, name="models")
    app.add_typer(journal_app, name="journal")
    app()


if __name__ == "__main__":
    main()
