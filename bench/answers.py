"""Whether the local model's answers are worth hearing: in the language of the question, short, no echo of it, nothing that cannot be spoken."""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import Any, Final

from agent.config import Persona
from agent.dialogue.language import is_han, script_language
from agent.dialogue.persona import chat_prefix, cut_after
from agent.models.errors import ModelError
from agent.models.measured import read
from agent.models.store import ModelStore
from agent.protocol.messages import Language
from agent.providers.llm.child import ProcessFailed
from agent.providers.llm.llama import LlamaProcess
from agent.providers.llm.local_model import tuned
from agent.providers.llm.window import ANSWER_TOKENS, is_enough
from bench.options import Options, Unmeasured
from bench.questions import QUESTIONS
from bench.report import Result, Row

LONGEST: Final[dict[Language, int]] = {"en": 60, "zh": 100}
"""Words, or characters; twice as many for who wants a story."""
_STORY: Final = re.compile(r"\bstory\b|故事")
LATEST: Final = 12
"""Turns before a question that are remembered."""
ECHO: Final = 0.9
"""How like the question an answer, or its first sentence, may be (0 … 1)."""
_MARKUP: Final = re.compile(r"\*\*|__|```|^\s*[-*#•]\s|^\s*\d+[.)]\s|\[[^\]]*\]\([^)]*\)|</?\w+>", re.MULTILINE)


def problems(question: str, answer: str, language: Language) -> list[str]:
    """What is wrong with it, in plain words."""
    found = []
    if not answer.strip():
        return ["empty"]
    if script_language(answer, language) != language:
        found.append(f"not in {language}")
    length = sum(map(is_han, answer)) if language == "zh" else len(answer.split())
    if length > LONGEST[language] * (2 if _STORY.search(question) else 1):
        found.append(f"{length} words or characters long")
    if _MARKUP.search(answer):
        found.append("Markdown")
    first = re.split(r"[.!?。！？]", answer.strip())[0]
    if max(_likeness(question, answer), _likeness(question, first)) > ECHO:
        found.append("an echo of the question")
    return found


def _likeness(one: str, other: str) -> float:
    def bare(text: str) -> str:
        return "".join(character for character in text.lower() if character.isalnum())

    return SequenceMatcher(None, bare(one), bare(other)).ratio()


async def answer(process: LlamaProcess, question: str, language: Language, earlier: Sequence[tuple[str, str]] = ()) -> str:
    """As a persona without further instructions gives it, the same one every time. `earlier`: turns of the conversation before."""
    messages = [*chat_prefix(Persona(), language, local_model=True), *earlier, ("user", question)]
    said, tokens = "", 0
    async for message in process.ask(messages, most=ANSWER_TOKENS, temperature=0):
        said, tokens = said + message.get("text", ""), tokens + 1
        if is_enough(tokens, said):
            break
    return said


async def interrupted(process: LlamaProcess, questions: Sequence[str], language: Language) -> list[tuple[str, str]]:
    """Questions and answers of a conversation in which each answer is cut after its first words."""
    asked: list[tuple[str, str]] = []
    for question in questions:
        earlier = [("user", cut_after(said, _first_words(given, language))) for said, given in asked[-LATEST:]]
        asked.append((question, await answer(process, question, language, earlier)))
    return asked


def _first_words(answer: str, language: Language) -> str:
    return answer[:5] if language == "zh" else " ".join(answer.split()[:4])


def unfinished(answer: str) -> bool:
    """It breaks off by itself."""
    return not answer.rstrip().endswith(tuple('.!?。！？”"'))


async def measure(options: Options) -> Result:
    store = ModelStore()
    try:
        process = tuned(store, read(store.root))
        if process is None:
            raise Unmeasured("there is no build of llama.cpp for this system")
        await process.start()
    except (ModelError, ProcessFailed) as error:
        raise Unmeasured(str(error)) from None
    rows: list[Row] = []
    raw: dict[str, Any] = {}
    names: Sequence[tuple[Language, str]] = (("en", "English"), ("zh", "Chinese"))
    try:
        for language, name in names:
            asked = [(question, await answer(process, question, language)) for question in QUESTIONS[language][: options.turns]]
            wrong = [(question, given, found) for question, given in asked if (found := problems(question, given, language))]
            rows.append(Row(f"{name}: answers with a problem", float(len(wrong)), "", None, f"of {len(asked)}"))
            cut = await interrupted(process, QUESTIONS[language][: options.turns], language)
            broken = [given for _, given in cut if unfinished(given)]
            rows.append(
                Row(
                    f"{name}, when each is cut after its first words: answers that break off",
                    float(len(broken)),
                    "",
                    None,
                    f"of {len(cut)}",
                )
            )
            raw[f"{language} cut"] = cut
            raw[language] = [
                {"question": question, "answer": given, "problems": problems(question, given, language)} for question, given in asked
            ]
    finally:
        await process.aclose()
    notes = ["Problems: another language, too long, Markdown, an echo of the question, nothing at all. Not judged: whether it is true."]
    return Result("answers", "Answers of the local model", rows, notes, raw)
