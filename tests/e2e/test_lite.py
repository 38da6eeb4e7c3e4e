"""The program without a language model of its own: it answers from a list, says so, and takes the model that it is given."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from infra.paths import ROOT
from tests.e2e.conftest import READY_SECONDS
from tests.fixtures.ollama import ollama
from tests.fixtures.program import Program

pytestmark = [pytest.mark.models, pytest.mark.usefixtures("models")]


def write(url: str, text: str) -> str:
    """Say `text` in writing; the answer."""
    command = [sys.executable, "-m", "agent.cli", "talk", "--text", text, "--door", "ws", "--url", url, "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    (turn,) = [json.loads(line) for line in done.stdout.splitlines()]
    return str(turn["answer"])


def environment(home: Path, port: int, **more: str) -> dict[str, str]:
    return {"VISAVIS_HOME": str(home), "PORT": str(port), **more}


def test_lite_answers_from_the_list_says_so_and_only_offers_ollama(tmp_path: Path, free_port: int) -> None:
    url = f"http://127.0.0.1:{free_port}"
    with ollama() as fake:
        settings = environment(tmp_path, free_port, MODELS="lite", OLLAMA_HOST=f"127.0.0.1:{fake.port}")
        with Program([sys.executable, "-m", "agent.cli", "demo"], settings) as program:
            assert program.wait_for("Ready: ", READY_SECONDS) == f"Ready: {url}"
            assert "a small list of answers" in program.wait_for("Answers: ", 10)
            assert "make demo LLM=ollama/qwen2.5" in program.wait_for("An Ollama", 10)
            assert httpx.get(f"{url}/api/info", trust_env=False).json()["answers"] == "faq"
            assert "AI" in write(url, "Who are you?")
            assert "语言模型" in write(url, "法国的首都是哪里？")
            assert program.stop() == 0, "\n".join(program.lines[-30:])
        assert fake.paths == ["/api/tags"]


def test_a_named_model_answers(tmp_path: Path, free_port: int) -> None:
    url = f"http://127.0.0.1:{free_port}"
    with ollama() as fake:
        settings = environment(tmp_path, free_port, MODELS="lite", LLM="ollama/qwen2.5", OLLAMA_HOST=f"127.0.0.1:{fake.port}")
        with Program([sys.executable, "-m", "agent.cli", "demo"], settings) as program:
            program.wait_for("Ready: ", READY_SECONDS)
            assert program.wait_for("Answers: ", 10) == f"Answers: the language model qwen2.5 at 127.0.0.1:{fake.port}"
            assert httpx.get(f"{url}/api/info", trust_env=False).json()["answers"] == "language model"
            assert "pineapple" in write(url, "What is the capital of France?")
            assert program.stop() == 0, "\n".join(program.lines[-30:])
        assert "/api/tags" not in fake.paths
        assert "/v1/chat/completions" in fake.paths


def test_a_name_that_is_none_ends_with_one_line(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "agent.cli", "demo", "--llm", "qwen"], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 2
    assert "expected ollama/NAME" in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
