"""`visavis journal`, over both stores."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from agent.config import Journal as Settings
from agent.sessions.cli import app
from agent.sessions.events import Event, parse
from agent.sessions.recordings import Recordings
from agent.sessions.standing import START, fold
from agent.sessions.stores import open_store, recordings_of
from agent.sessions.take import Take
from agent.sessions.tracks import RIGHT
from tests.sessions.makers import NOW_MS, closing, opening, said
from tests.sessions.sounds import click, clicks, live, played

Run = Callable[..., Result]
ANSWER = Event("s-1", 3, NOW_MS + 1_000, 96_000, 1, 0, "heard", {"text": "A bell", "cut": True})
EVENTS = [opening(), said(2, "那是什么？"), ANSWER, closing(4, wall_ms=NOW_MS + 65_000)]


@pytest.fixture
def run(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A journal of two sessions, one of which has ended; the command over it."""
    monkeypatch.delenv("VISAVIS_CONFIG", raising=False)
    file = tmp_path / "visavis.yaml"
    file.write_text(f"journal: {{url: '{settings.url}', archive: '{settings.archive}'}}")

    async def fill() -> None:
        store = open_store(settings)
        await store.append([*EVENTS, opening("s-2", "bob", NOW_MS + 5_000)])
        await store.put_snapshot("s-1", fold(START, EVENTS))
        await store.end("s-1")
        await store.aclose()

    asyncio.run(fill())
    return lambda *arguments: CliRunner().invoke(app, ["--config", str(file), *arguments])


def test_list_names_every_session(run: Run) -> None:
    lines = run("list").stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["session", "s-2", "s-1"]
    assert "ann" in lines[2]
    assert "1:05" in lines[2]
    assert "the client left" in lines[2]
    assert "goes on" in lines[1]
    assert [json.loads(line)["session"] for line in run("list", "--json", "--user", "ann").stdout.splitlines()] == ["s-1"]
    assert "no session of eve" in run("list", "--user", "eve").stdout


def test_show_tells_the_dialogue_as_it_was_heard(run: Run) -> None:
    shown = run("show", "s-1").stdout
    assert "s-1 of ann with default" in shown
    assert "user   那是什么？" in shown
    assert "agent  A bell —" in shown
    assert "generation 1, 0:02 of sound, 4 events" in shown


def test_export_prints_every_event_as_it_is_kept(run: Run) -> None:
    lines = run("export", "s-1", "--json").stdout.splitlines()
    assert [parse(line) for line in lines] == EVENTS
    assert list(json.loads(lines[0])) == ["v", "session", "seq", "wall_ms", "t", "gen", "round", "type", "d"]
    assert {"org", "user", "persona", "version"} <= set(json.loads(lines[0])["d"])


def test_a_session_is_forgotten(run: Run) -> None:
    assert "s-1 forgotten" in run("forget", "--session", "s-1").stdout
    assert run("show", "s-1").exit_code == 1
    again = run("forget", "--session", "s-1")
    assert (again.exit_code, "visavis journal list" in again.stderr) == (1, True)
    assert "s-2" in run("list").stdout


def test_a_user_is_forgotten(run: Run) -> None:
    assert "1 session of ann forgotten" in run("forget", "--user", "ann").stdout
    assert run("forget", "--user", "ann").exit_code == 1
    assert "s-2" in run("list").stdout


@pytest.mark.parametrize("arguments", [(), ("--session", "s-1", "--user", "ann")])
def test_it_must_be_clear_what_is_to_be_forgotten(run: Run, arguments: tuple[str, ...]) -> None:
    refused = run("forget", *arguments)
    assert (refused.exit_code, "either --session SESSION or --user USER" in refused.stderr) == (2, True)
    assert "s-1" in run("list").stdout


@pytest.fixture
def recorded(run: Run, settings: Settings) -> Recordings:
    """Two recordings of s-1, which was resumed once, and one of s-2. Clicks tell them apart."""
    recordings = recordings_of(settings)
    for session, seconds in (("s-1", 1), ("s-1", 2), ("s-2", 3)):
        take = Take(session, recordings, lambda *about: None)
        for _ in live(take, seconds + 1, answer=click(seconds * 48_000, (seconds + 1) * 48_000)):
            pass
        take.close()
        take.work()
    return recordings


def left_behind(folder: Path, session: str) -> list[str]:
    """Files whose name or content names a session; Redis' own are not covered, as the docs say, and SQLite remembers whom to forget."""
    found = [file for file in folder.rglob("*") if file.is_file() and (session in file.name or session.encode() in file.read_bytes())]
    return [file.name for file in found if not file.name.startswith("journal.sqlite3")]


def test_list_and_show_tell_what_is_recorded(run: Run, recorded: Recordings) -> None:
    assert all("recorded" in line for line in run("list").stdout.splitlines()[1:])
    files = [json.loads(line)["recordings"] for line in run("list", "--json", "--user", "ann").stdout.splitlines()]
    assert files == [[str(file) for file in recorded.of("s-1")]]
    assert [f"recorded: {file}" for file in recorded.of("s-1")] == run("show", "s-1").stdout.splitlines()[-2:]
    recorded.remove("s-2")
    assert "recorded" not in run("list", "--user", "bob").stdout
    assert "recorded" not in run("show", "s-2").stdout


def test_a_recording_is_exported_each_of_its_files_as_one(run: Run, recorded: Recordings, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    out = tmp_path / "out" / "talk.ogg"
    assert f"wrote {out}" in run("export", "s-2", "--recording", str(out)).stdout
    assert round(clicks(played(out)[:, RIGHT])[0] / 48_000) == 3
    out.unlink()
    lines = run("export", "s-1", "--recording", str(out)).stdout.splitlines()
    assert lines == [f"wrote {tmp_path / 'out' / name}" for name in ("talk-1.ogg", "talk-2.ogg")]
    assert [round(clicks(played(file)[:, RIGHT])[0] / 48_000) for file in sorted(out.parent.iterdir())] == [1, 2]
    refused = run("export", "s-none", "--recording", str(out))
    assert (refused.exit_code, "no recording of a session s-none" in refused.stderr) == (1, True)
    assert "recordings: " in run("export", "s-1", "--recording", str(tmp_path / "none" / "talk.ogg")).stderr


@pytest.mark.parametrize("whose", [("--session", "s-1"), ("--user", "ann")])
def test_nothing_is_left_of_a_recorded_session_that_is_forgotten(
    run: Run, recorded: Recordings, settings: Settings, whose: tuple[str, str]
) -> None:
    assert settings.archive is not None
    folder = settings.archive.parent
    assert len(left_behind(folder, "s-1")) >= 2
    assert run("forget", *whose).exit_code == 0
    assert left_behind(folder, "s-1") == []
    assert recorded.of("s-1") == []
    assert len(recorded.of("s-2")) == 1
    assert "s-2" in run("list").stdout


def test_a_recording_whose_journal_is_lost_can_be_forgotten(run: Run, recorded: Recordings, settings: Settings) -> None:
    (recorded.folder / "s-9.1.ogg").touch()
    assert "s-9 forgotten" in run("forget", "--session", "s-9").stdout
    assert recorded.of("s-9") == []


@pytest.mark.parametrize("command", ["show", "export"])
def test_a_session_that_is_not_there_is_an_error_that_says_where_to_look(run: Run, command: str) -> None:
    refused = run(command, "s-none")
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert "no session s-none; `visavis journal list`" in refused.stderr


def test_a_journal_that_is_not_there_is_a_line_and_no_traceback(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VISAVIS__JOURNAL__URL", "redis://user:secret@127.0.0.1:1/0")
    refused = CliRunner().invoke(app, ["list"])
    assert refused.exit_code == 1
    assert refused.stderr.startswith("visavis: the journal in Redis")
    assert "secret" not in refused.stderr
    monkeypatch.setenv("VISAVIS__JOURNAL__URL", f"sqlite:///{tmp_path}")
    assert "visavis: the journal" in CliRunner().invoke(app, ["list"]).stderr
    monkeypatch.setenv("VISAVIS__JOURNAL__URL", "mysql://user:secret@host/db")
    refused = CliRunner().invoke(app, ["list"])
    assert (refused.exit_code, "secret" in refused.stderr) == (2, False)
