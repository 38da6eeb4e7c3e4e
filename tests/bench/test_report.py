"""The arithmetic of the tables, with results and without."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import page
from bench.__main__ import document, main
from bench.report import Machine, Record, Result, Row, as_markdown, less, median, number, p90, ratio, read, save, verdict

MACHINE = Machine("a processor", 2, 0.1, 0.4, "2026-01-01 00:00 UTC")


def record(*rows: Row) -> Record:
    return Record(Result("page", "The page", list(rows), notes=["a note"], raw={"values": [1, 2]}), MACHINE)


def test_medians_and_percentiles() -> None:
    assert median([3, 1, 2]) == 2
    assert p90(list(range(1, 21))) == 18
    assert p90([7]) == 7
    assert median([]) is None
    assert p90([]) is None


def test_differences_and_ratios_need_all_their_values() -> None:
    assert less(10, 3, 2) == 5
    assert less(10, None) is None
    assert less(None, 1) is None
    assert ratio(3, 2) == 1.5
    assert ratio(3, 0) is None
    assert ratio(None, 2) is None


def test_goals_are_upper_limits() -> None:
    assert Row("r", 1.5, "×", 1.5).met is True
    assert Row("r", 1.6, "×", 1.5).met is False
    assert Row("r", None, "×", 1.5).met is None
    assert Row("r", 1.0, "×").met is None
    assert "✗" in verdict(Row("r", 1.6, "×", 1.5))
    assert verdict(Row("r", None, "×", 1.5)) == "≤ 1.50 ×"


def test_numbers_have_the_digits_that_they_deserve() -> None:
    assert number(1234.5, "ms") == "1,234 ms"
    assert number(1.234, "s") == "1.23 s"
    assert number(None, "s") == "–"


def test_a_result_is_kept_and_read_again(tmp_path: Path) -> None:
    kept = record(Row("size", 39.0, "kB", 150.0), Row("not there", None, "kB"))
    save(kept, tmp_path)
    assert read("page", tmp_path) == kept
    assert read("door", tmp_path) is None


def test_the_document_holds_each_table_with_the_machine() -> None:
    text = document([record(Row("size", 39.0, "kB", 150.0))])
    assert "## The page" in text
    assert "a processor, 2 cores · load 0.1 before, 0.4 after" in text
    assert "| size | 39.0 kB | ≤ 150 kB ✓ |" in text
    assert "other programs" not in text
    assert "other programs" in as_markdown(Record(record().result, Machine("a processor", 2, 2.5, 3, "today")))
    assert document([]).startswith("# Performance")


def test_an_unknown_table_is_an_error_that_names_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["speed"])
    assert "latency" in capsys.readouterr().err


def test_the_page_is_what_is_named_and_imported_at_once(tmp_path: Path) -> None:
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text('<script type="module" src="/assets/a.js"></script><link rel="stylesheet" href="/assets/a.css">')
    (tmp_path / "assets" / "a.js").write_text('import{x}from"./b.js";const later=()=>import("./c.js");')
    for name in ("a.css", "b.js", "c.js"):
        (tmp_path / "assets" / name).write_text("")
    assert {path.name for path in page.before_call(tmp_path)} == {"index.html", "a.js", "a.css", "b.js"}


def test_a_page_that_needs_another_host_is_refused(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text('<script src="https://example.org/a.js"></script>')
    with pytest.raises(ValueError, match=r"example\.org"):
        page.before_call(tmp_path)
