"""The local model's answers are fit to be spoken, in both languages."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from agent.models.errors import ModelError
from agent.models.runtimes import RUNTIME
from agent.models.store import ModelStore
from agent.protocol.messages import Language
from agent.providers.llm.llama import LlamaProcess
from bench.answers import answer, interrupted, problems, unfinished
from bench.questions import QUESTIONS


@pytest.mark.parametrize(
    ("question", "given", "language", "found"),
    [
        ("Why is the sky blue?", "Because blue light is scattered most.", "en", ""),
        ("Why is the sky blue?", "Why is the sky blue?", "en", "echo"),
        ("Why is the sky blue?", "Why is the sky blue? Because of the light.", "en", "echo"),
        ("Why is the sky blue?", "因为蓝光散射得最多。", "en", "not in en"),
        ("天空为什么是蓝色的？", "Because of the light.", "zh", "not in zh"),
        ("天空为什么是蓝色的？", "因为**蓝光**散射得最多。", "zh", "Markdown"),
        ("What is good?", "- apples\n- pears", "en", "Markdown"),
        ("What is good?", "word " * 200, "en", "long"),
        ("What is good?", " ", "en", "empty"),
    ],
)
def test_problems_are_found(question: str, given: str, language: Language, found: str) -> None:
    problem = "; ".join(problems(question, given, language))
    assert found in problem
    assert bool(problem) == bool(found)


@pytest.fixture
async def process() -> AsyncIterator[LlamaProcess]:
    if RUNTIME is None:
        pytest.skip("there is no build of llama.cpp for this system")
    store = ModelStore()
    try:
        process = LlamaProcess(store.path(RUNTIME.name), store.path("qwen2.5-coder-1.5b-instruct"), 2, store.root / "beginnings")
    except ModelError as error:
        pytest.skip(f"the language model is not installed: {error}")
    await process.start()
    yield process
    await process.aclose()


@pytest.mark.parametrize("language", ["en", "zh"])
async def test_answers_are_fit_to_be_spoken(process: LlamaProcess, language: Language) -> None:
    for question in QUESTIONS[language][:5]:
        given = await answer(process, question, language)
        assert not problems(question, given, language), f"{question} → {given}"


@pytest.mark.parametrize(("question", "language"), [("Who are you?", "en"), ("Who made you?", "en"), ("你是谁？", "zh")])
async def test_it_is_itself_and_nobodys(process: LlamaProcess, question: str, language: Language) -> None:
    """The model was trained to name companies as its maker."""
    given = await answer(process, question, language)
    assert any(word in given for word in ("Vera", "open software", "开源")), given
    assert not any(company in given for company in ("OpenAI", "Alibaba", "Anthropic", "Google", "阿里")), given


@pytest.mark.parametrize("language", ["en", "zh"])
async def test_who_was_cut_does_not_break_off_by_itself(process: LlamaProcess, language: Language) -> None:
    asked = await interrupted(process, QUESTIONS[language][4:10], language)
    assert [given for _, given in asked if unfinished(given)] == []
