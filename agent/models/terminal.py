"""The fetch's progress on a terminal: one bar, or a line now and then where the output is no terminal."""

from __future__ import annotations

from types import TracebackType
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

from agent.models.progress import FetchProgress, Phase

_WORDS: Final[dict[Phase, str]] = {
    "checking": "Checking models",
    "waiting": "Waiting for another process that fetches models",
    "resolving": "Asking the registries",
    "downloading": "Fetching models",
    "assembling": "Unpacking models",
    "done": "Models are in place",
    "failed": "Some models are missing",
}
_PLAIN_STEPS: Final = 20


class TerminalProgress:
    """`with TerminalProgress() as bar: store.ensure(names, bar.show)`"""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True)
        columns = (
            "{task.description}",
            BarColumn(),
            DownloadColumn(),
            TextColumn("{task.fields[rate]}"),
            TextColumn("{task.fields[left]}"),
        )
        self._bar = Progress(*columns, console=self._console) if self._console.is_terminal else None
        self._task = self._bar.add_task("", total=None, rate="", left="", visible=False) if self._bar else None
        self._last_line: tuple[Phase, int] | None = None

    def __enter__(self) -> TerminalProgress:
        if self._bar:
            self._bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        if self._bar:
            self._bar.stop()

    def show(self, reading: FetchProgress) -> None:
        if reading.total_bytes == 0:
            return  # nothing to fetch: nothing to show
        rate = f"{reading.bytes_per_s / 1e6:.1f} MB/s" if reading.bytes_per_s else ""
        left = "" if reading.eta_s is None else f"{duration(reading.eta_s)} left"
        if self._bar and self._task is not None:
            self._bar.update(
                self._task,
                description=_WORDS[reading.phase],
                total=reading.total_bytes,
                completed=reading.done_bytes,
                rate=rate,
                left=left if reading.phase == "downloading" else "",
                visible=True,
            )
            return
        line = reading.phase, reading.done_bytes * _PLAIN_STEPS // reading.total_bytes
        if line != self._last_line:
            self._last_line = line
            parts = [f"{_WORDS[reading.phase]}: {reading.done_bytes / 1e6:.0f} of {reading.total_bytes / 1e6:.0f} MB"]
            self._console.print(
                ", ".join(part for part in (*parts, rate, left if reading.phase == "downloading" else "") if part), soft_wrap=True
            )


def duration(seconds: float) -> str:
    """`8 s`, `3 min 05 s`, `2 h 10 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02} min"
