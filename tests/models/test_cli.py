"""`visavis models` with a configuration that names the user's own sources."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner, Result

from agent.models import cli
from agent.models.cli import Choice, app
from agent.models.errors import ModelError
from agent.models.manifest import SetName
from agent.models.progress import FetchProgress
from agent.models.store import ModelStore
from agent.models.terminal import TerminalProgress
from tests.models.registry_server import RegistryServer, noise, sha256

VAD = noise(2_000, 11)
LLM = noise(3_000_000, 12)


@pytest.fixture
def settings(server: RegistryServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("VISAVIS_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("VISAVIS_CONFIG", raising=False)
    (tmp_path / "my-vad.onnx").write_bytes(VAD)
    server.files["my-llm.gguf"] = LLM
    file = tmp_path / "visavis.yaml"
    file.write_text(
        f"""
models:
  silero-vad: {{path: {tmp_path / "my-vad.onnx"}, sha256: {sha256(VAD)}}}
  qwen2.5-coder-1.5b-instruct: {{url: "{server.url}/files/my-llm.gguf", sha256: {sha256(LLM)}}}
"""
    )
    return file


def run(settings: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["--config", str(settings), *arguments])


def test_list_shows_every_model(settings: Path) -> None:
    result = run(settings, "list")
    assert result.exit_code == 0
    lines = {line.split()[0]: line for line in result.stdout.splitlines() if line}
    assert "ready (yours)" in lines["silero-vad"] or "unchecked (yours)" in lines["silero-vad"]
    assert "my-vad.onnx" in lines["silero-vad"]
    assert "missing" in lines["whisper-base"]
    assert "MIT" in lines["whisper-base"]
    assert "147.9 MB" in lines["whisper-base"]
    assert "Apache-2.0" in lines["qwen2.5-coder-1.5b-instruct"]


def test_fetch_path_and_verify(settings: Path, tmp_path: Path) -> None:
    name = "qwen2.5-coder-1.5b-instruct"
    missing = run(settings, "path", name)
    assert missing.exit_code == 1
    assert "visavis models fetch" in missing.stderr
    fetched = run(settings, "fetch", name, "silero-vad")
    assert fetched.exit_code == 0, fetched.stderr
    assert "2 models are in place" in fetched.stderr
    path = Path(run(settings, "path", name).stdout.strip())
    assert path.read_bytes() == LLM
    assert path.is_relative_to(tmp_path / "cache")
    assert run(settings, "verify").exit_code == 0
    path.write_bytes(LLM[:-1] + b"?")
    verified = run(settings, "verify")
    assert verified.exit_code == 1
    assert f"{name}: damaged" in verified.stdout
    assert "silero-vad: good" in verified.stdout
    assert "whisper-base: not here" in verified.stdout
    assert run(settings, "verify", "whisper-base").exit_code == 1


@pytest.mark.parametrize(("models", "wanted"), [("lite", "lite"), ("", "auto"), (None, "auto"), ("huge", None)])
def test_make_passes_the_set(settings: Path, monkeypatch: pytest.MonkeyPatch, models: str | None, wanted: str | None) -> None:
    asked: list[str] = []

    def stop(store: ModelStore, choice: Choice, console: Console) -> SetName:
        asked.append(choice.value)
        raise ModelError("far enough")

    monkeypatch.setattr(cli, "_set", stop)
    result = CliRunner().invoke(app, ["--config", str(settings), "fetch"], env={"MODELS": models})
    assert asked == ([wanted] if wanted else [])
    assert result.exit_code == (1 if wanted else 2)
    assert ("far enough" if wanted else "huge") in result.stderr


def test_a_fetch_that_fails_says_why(settings: Path, server: RegistryServer) -> None:
    server.files.clear()
    result = run(settings, "fetch", "qwen2.5-coder-1.5b-instruct")
    assert result.exit_code == 1
    assert "does not have my-llm.gguf any more (HTTP 404)" in result.stderr


@pytest.mark.parametrize("text", ["models: {nothing: {path: x}}", "models: {silero-vad: {pth: x}}", "models: ["])
def test_a_wrong_configuration_is_told(tmp_path: Path, text: str) -> None:
    file = tmp_path / "wrong.yaml"
    file.write_text(text)
    result = run(file, "list")
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: ")


def test_unknown_models_are_told(settings: Path) -> None:
    for command in ("fetch", "verify", "path"):
        result = run(settings, command, "nothing")
        assert result.exit_code == 1
        assert "there is no model called 'nothing'" in result.stderr


def test_the_bar_tells_bytes_and_remaining_time() -> None:
    output = io.StringIO()
    with TerminalProgress(Console(file=output, force_terminal=True, width=120)) as bar:
        bar.show(FetchProgress("downloading", 250_000_000, 1_000_000_000, 75.0, 10_000_000.0))
    text = output.getvalue()
    assert "Fetching models" in text
    assert "0.2/1.0 GB" in text
    assert "10.0 MB/s" in text
    assert "1 min 15 s left" in text


def test_without_a_terminal_a_line_is_printed_now_and_then() -> None:
    output = io.StringIO()
    with TerminalProgress(Console(file=output, width=120)) as bar:
        bar.show(FetchProgress("checking", 0, 0))
        for done in range(0, 1001):
            bar.show(FetchProgress("downloading", done * 1_000_000, 1_000_000_000, 5.0, 1_000_000.0))
        bar.show(FetchProgress("done", 1_000_000_000, 1_000_000_000, 0.0))
    lines = output.getvalue().splitlines()
    assert len(lines) == 22
    assert lines[0] == "Fetching models: 0 of 1000 MB, 1.0 MB/s, 5 s left"
    assert lines[-1] == "Models are in place: 1000 of 1000 MB"
