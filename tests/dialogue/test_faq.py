"""The list of answers: how a file of them is read, and what is said in a conversation."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.config import ConfigError, Persona
from agent.dialogue.faq import LANGUAGES, Faq
from agent.dialogue.faq_talk import FaqTalk, Messages
from agent.dialogue.language import script_language
from agent.dialogue.persona import chat_prefix, context_message
from agent.dialogue.speakable import speakable

ADA = Persona(name="Ada")
SHIPPED = Faq.read()
UNKNOWN = SHIPPED.entries.index(SHIPPED.unknown)


def write(folder: Path, text: str) -> Path:
    file = folder / "faq.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def number(name: str) -> int:
    return next(place for place, entry in enumerate(SHIPPED.entries) if entry.id == name)


def talk(*turns: tuple[str, str], language: str = "en") -> Messages:
    return [*chat_prefix(ADA, language), *turns]  # type: ignore[arg-type]


@pytest.mark.parametrize("entry", SHIPPED.entries, ids=lambda entry: entry.id)
def test_each_entry_speaks_both_languages_in_short_sentences(entry: object) -> None:
    from agent.dialogue.faq import Entry

    assert isinstance(entry, Entry)
    for language in LANGUAGES:
        assert len(entry.questions[language]) >= 2
        for question in entry.questions[language]:
            assert script_language(question.replace("Visavis", ""), language) == language
        for answer in entry.answers[language]:
            assert (
                script_language(answer.replace("MODELS=full", "").replace("{", "").replace("name}", ""), language) == language
                or "{" in answer
            )
            assert len(answer) <= (300 if language == "en" else 120)
            assert speakable(answer.replace("{", "").replace("}", "")).strip()


def test_no_wording_stands_in_two_entries() -> None:
    wordings = [question.casefold() for entry in SHIPPED.entries for asked in entry.questions.values() for question in asked]
    assert len(wordings) == len(set(wordings))


def test_the_short_form_and_the_long_one(tmp_path: Path) -> None:
    file = write(
        tmp_path,
        """
- {q: ["When do you open?", 你们几点开门？], a: At nine.}
- id: price
  questions: {en: "What does a ticket cost?"}
  answers: {en: [Five euros., "Five euros, children are free."], zh: 五欧元。}
- {q: "Is there a café?", a: [Yes., Downstairs.]}
""",
    )
    faq = Faq.read(file)
    unknown, hours, price, cafe = faq.entries
    assert unknown.answers == SHIPPED.unknown.answers
    assert hours.questions == {"en": ("When do you open?",), "zh": ("你们几点开门？",)}
    assert hours.answers == {"en": ("At nine.",), "zh": ("At nine.",)}
    assert (price.id, price.answers["zh"]) == ("price", ("五欧元。",))
    assert cafe.answers["en"] == ("Yes.", "Downstairs.")
    assert faq.suggested == (hours, price, cafe)


def test_what_is_said_to_the_unknown_can_be_ones_own(tmp_path: Path) -> None:
    faq = Faq.read(write(tmp_path, "- {id: unknown, answers: {en: Ask at the desk.}}\n- {q: [Open], a: Yes.}\n"))
    assert FaqTalk(faq, ADA).answer(talk(("user", "x")), None) == "Ask at the desk."
    assert FaqTalk(faq, ADA).answer(talk(("user", "什么")), None) == "Ask at the desk."


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "expected a list"),
        ("q: [a]\na: b\n", "expected a list"),
        ("[]", "at least one entry"),
        ("- {id: unknown, answers: {en: x}}", "at least one entry"),
        ("- {q: [a], a: b}\n- {q: [c, a: d}\n", "line 2"),
        ("- {q: [a], a: b}\n\n- {q: [c]}\n", r"line 3, entry 2: a is missing"),
        ("- {a: c}\n", "line 1, entry 1: q is missing"),
        ("- {id: hours, questions: {en: [a]}}\n", r"entry 1 \(hours\): answers"),
        ("- {id: hours, answers: {en: [a]}}\n", r"entry 1 \(hours\): expected at least one question"),
        ("- {questions: {fr: [a]}, answers: {en: b}}\n", "questions.fr"),
        ("- {q: [a], a: ''}\n", "answers.en.0"),
        ("- {q: [no], a: b}\n", "questions.en.0: Input should be a valid string"),
        ("- {q: [a], a: b, c: d}\n", "c: Extra inputs"),
        ("- {q: [a], a: b, answers: {en: c}}\n", "either q and a"),
        ("- {q: [Open?], a: b}\n", "line 1: this is no YAML .*in quotes"),
        ("- just words\n", "line 1, entry 1"),
        ("- {id: x, q: [a], a: b}\n- {id: x, q: [c], a: d}\n", "line 2: there is an entry 'x' already"),
        ("- !!python/object/apply:os.getcwd []\n", "no YAML"),
        ("# " + "x" * 1_000_001, "at most 1000 kB"),
    ],
)
def test_what_is_wrong_with_a_file_is_named(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        Faq.read(write(tmp_path, text))


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        Faq.read(tmp_path / "none.yaml")
    with pytest.raises(ConfigError, match="cannot be read"):
        Faq.read(tmp_path)
    binary = tmp_path / "binary.yaml"
    binary.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="UTF-8"):
        Faq.read(binary)


@pytest.mark.parametrize(("language", "question"), [("en", "What is the capital of France?"), ("zh", "法国的首都是哪里？")])
def test_what_is_not_known_is_said_honestly_and_never_the_same_way_thrice(language: str, question: str) -> None:
    turns: list[tuple[str, str]] = []
    said: list[str] = []
    for _ in range(3):
        turns.append(("user", question))
        said.append(FaqTalk(SHIPPED, ADA).answer(talk(*turns, language=language), None))
        turns.append(("assistant", said[-1][:40]))  # the user cut in
    assert len(set(said)) == 3
    examples = [entry.questions[language][0].rstrip(".。") for entry in SHIPPED.suggested]  # type: ignore[index]
    for text in said:
        assert "language model" in text or "语言模型" in text
        assert "MODELS=full" in text
        assert sum(example in text for example in examples) in (2, 3)
        assert "{" not in text


def test_answers_take_turns_and_name_the_persona() -> None:
    joke = number("joke")
    first = FaqTalk(SHIPPED, ADA).answer(talk(("user", "Tell me a joke")), joke)
    second = FaqTalk(SHIPPED, ADA).answer(talk(("user", "Tell me a joke"), ("assistant", first), ("user", "another")), joke)
    assert first != second
    assert "Ada" in FaqTalk(SHIPPED, ADA).answer(talk(("user", "Who are you?")), number("who"))


def test_repeating_repeats_what_was_said_and_no_example_of_the_prompt() -> None:
    repeat = number("repeat")
    speaker = FaqTalk(SHIPPED, ADA)
    asked = ("user", "Say that again")
    nothing = speaker.answer(talk(asked), repeat)
    assert nothing == "I said: nothing yet. Ask me something!"
    once = speaker.answer(talk(("user", "Hi"), ("assistant", "Hello there."), asked), repeat)
    assert once == "I said: Hello there."
    twice = speaker.answer(talk(("user", "Hi"), ("assistant", "Hello there."), asked, ("assistant", once), asked), repeat)
    assert twice == once


@pytest.mark.parametrize(
    ("turns", "prefix", "expected"),
    [
        ([("user", "Hello")], "zh", "en"),
        ([("user", "你好")], "en", "zh"),
        ([("user", "我用Python写代码，可以吗")], "en", "zh"),
        ([("user", "what does 你好 mean in English")], "en", "en"),
        ([("user", "你好"), ("assistant", "Hello!"), ("user", "😀")], "en", "zh"),
        ([("user", "😀")], "zh", "zh"),
        ([("user", "")], "en", "en"),
        ([], "zh", "zh"),
    ],
)
def test_the_answer_is_in_the_language_of_the_question(turns: list[tuple[str, str]], prefix: str, expected: str) -> None:
    assert FaqTalk(SHIPPED, ADA).language(talk(*turns, language=prefix)) == expected


def test_the_page_on_the_screen_is_no_part_of_the_question() -> None:
    page = context_message("Who are you? PAGE>>> 你是谁", 3)
    messages = talk(("user", f"{page}\n\nTell me a joke"))
    assert FaqTalk(SHIPPED, ADA).question(messages) == "Tell me a joke"
    assert FaqTalk(SHIPPED, ADA).language(messages) == "en"
    assert FaqTalk(SHIPPED, ADA).question(talk(("user", "<<<PAGE of what?"))) == "<<<PAGE of what?"
