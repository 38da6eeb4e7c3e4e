"""Results of a table: what was measured, on what machine, and how it is shown, kept and read again."""

from __future__ import annotations

import json
import os
import platform
import statistics
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from rich.table import Table

RESULTS: Final = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Row:
    """One figure. `goal` is the most that it may be, None where none is set. A `value` of None could not be measured; `note` says why."""

    name: str
    value: float | None
    unit: str
    goal: float | None = None
    note: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the goal is met; None without a goal or a value."""
        return None if self.goal is None or self.value is None else self.value <= self.goal


@dataclass(frozen=True)
class Machine:
    """What else was going on: load averages over one minute, as the system counts them."""

    cpu: str
    cores: int
    load_before: float
    load_after: float
    date: str

    @property
    def busy(self) -> bool:
        """Whether other programs had work for most of the machine already before we began."""
        return self.load_before > 0.75 * self.cores


@dataclass(frozen=True)
class Result:
    """A table. `raw` holds the single measurements that the rows were made from."""

    table: str
    title: str
    rows: list[Row]
    notes: list[str] = field(default_factory=list)
    raw: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Record:
    """A result and the machine that it was measured on: a file of bench/results."""

    result: Result
    machine: Machine


def median(values: Sequence[float]) -> float | None:
    return statistics.median(values) if values else None


def p90(values: Sequence[float]) -> float | None:
    """The nearest rank: the smallest value that at least nine tenths do not exceed."""
    return sorted(values)[-(-len(values) * 9 // 10) - 1] if values else None


def less(value: float | None, *others: float | None) -> float | None:
    """`value` minus the others; None when one of them is."""
    if value is None or None in others:
        return None
    return value - sum(other for other in others if other is not None)


def ratio(value: float | None, base: float | None) -> float | None:
    """None where there is nothing to divide, or nothing to divide by."""
    return None if value is None or not base else value / base


class Observation:
    """Takes the machine's load when it is made and when `done` is asked."""

    def __init__(self) -> None:
        self._before = os.getloadavg()[0]

    def done(self) -> Machine:
        date = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())
        return Machine(cpu_model(), os.cpu_count() or 1, round(self._before, 2), round(os.getloadavg()[0], 2), date)


def cpu_model() -> str:
    """The processor's name, where the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


# ----------------------------------------------------------------------------------------------------------- kept and read again


def save(record: Record, folder: Path = RESULTS) -> Path:
    """Write the record as the table's last result."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{record.result.table}.json"
    path.write_text(json.dumps(asdict(record), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


def read(table: str, folder: Path = RESULTS) -> Record | None:
    """The table's last result, None when there is none yet."""
    path = folder / f"{table}.json"
    if not path.is_file():
        return None
    content = json.loads(path.read_text(encoding="utf-8"))
    result = content["result"]
    return Record(Result(**{**result, "rows": [Row(**row) for row in result["rows"]]}), Machine(**content["machine"]))


# ----------------------------------------------------------------------------------------------------------- shown


def number(value: float | None, unit: str) -> str:
    """A figure with as many digits as it deserves, or a dash."""
    if value is None:
        return "–"
    digits = 0 if abs(value) >= 100 or unit in ("ms", "B") else 1 if abs(value) >= 10 else 2
    return f"{value:,.{digits}f} {unit}".rstrip()


def verdict(row: Row) -> str:
    """What the goal is and whether it is met."""
    if row.goal is None:
        return ""
    return f"≤ {number(row.goal, row.unit)}" + {True: " ✓", False: " ✗", None: ""}[row.met]


def machine_line(machine: Machine) -> str:
    busy = "; other programs were at work, so times are longer than the program's own" if machine.busy else ""
    return f"{machine.date} · {machine.cpu}, {machine.cores} cores · load {machine.load_before} before, {machine.load_after} after{busy}"


def as_table(record: Record) -> Table:
    """For the terminal."""
    table = Table(title=record.result.title, title_justify="left", caption=_caption(record), caption_justify="left", pad_edge=False)
    table.add_column("")
    table.add_column("", justify="right", no_wrap=True)
    table.add_column("goal", no_wrap=True)
    table.add_column("", overflow="fold")
    for row in record.result.rows:
        style = "red" if row.met is False else None
        table.add_row(row.name, number(row.value, row.unit), verdict(row), row.note, style=style)
    return table


def _caption(record: Record) -> str:
    return "\n".join([*record.result.notes, machine_line(record.machine)])


def as_markdown(record: Record) -> str:
    """For docs/performance.md."""
    lines = [f"## {record.result.title}", "", "| | | goal | |", "|---|--:|---|---|"]
    lines += [f"| {row.name} | {number(row.value, row.unit)} | {verdict(row)} | {row.note} |" for row in record.result.rows]
    lines += ["", *(f"- {note}" for note in record.result.notes), f"- {machine_line(record.machine)}", ""]
    return "\n".join(lines)
