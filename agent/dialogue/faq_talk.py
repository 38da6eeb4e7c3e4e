"""What is said in a conversation that a list of answers carries: the question as the user put it, and the words of the answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from agent.config import Persona
from agent.dialogue.faq import Entry, Faq
from agent.dialogue.language import HAN_CHARACTER, LATIN_WORD, script_language
from agent.dialogue.persona import own_words, without_prefix
from agent.protocol.messages import Language

Messages = Sequence[tuple[str, str]]
"""Role and text, oldest first."""

EXAMPLES: Final = 3
_NOTHING_YET: Final[dict[Language, str]] = {"en": "nothing yet. Ask me something!", "zh": "还什么都没说呢。问我点什么吧！"}
_ENDS: Final = (".", "!", "?", "。", "！", "？", "…")


class FaqTalk:
    """One conversation's view of a list, in the words of `persona`."""

    def __init__(self, faq: Faq, persona: Persona) -> None:
        self._faq = faq
        self._persona = persona

    def question(self, messages: Messages) -> str:
        """What the user said last, without the page around it."""
        return next((own_words(text) for role, text in reversed(messages) if role == "user"), "").strip()

    def language(self, messages: Messages) -> Language:
        """Of the last thing said by the user that has a letter in it."""
        otherwise, conversation = without_prefix(messages, self._persona)
        for role, text in reversed(conversation):
            if role == "user" and (HAN_CHARACTER.search(said := own_words(text)) or LATIN_WORD.search(said)):
                return script_language(said, otherwise)
        return otherwise

    def answer(self, messages: Messages, entry: int | None) -> str:
        """The words for the entry of that number (None: nothing fits): of several answers the one that was not said for the longest time."""
        language = self.language(messages)
        _, conversation = without_prefix(messages, self._persona)
        said = [text for role, text in conversation if role == "assistant" and text.strip()]
        chosen = self._faq.unknown if entry is None else self._faq.entries[entry]
        answers = [answer.replace("{name}", self._persona.name) for answer in chosen.answers[language]]
        answer = min(answers, key=lambda answer: _last(answer, said))
        answer = answer.replace("{examples}", self._examples(language, said, chosen))
        previous = next((text for text in reversed(said) if not _is(answer, text)), _NOTHING_YET[language])
        return answer.replace("{previous}", previous)

    def _examples(self, language: Language, said: Sequence[str], besides: Entry) -> str:
        """A few questions that have an answer, those first that were not named yet."""
        known = [
            entry.questions.get(language) or next(iter(entry.questions.values())) for entry in self._faq.suggested if entry is not besides
        ]
        questions = [self._whole(asked[0], language) for asked in known]
        fresh = sorted(questions, key=lambda question: max((place for place, text in enumerate(said) if question in text), default=-1))
        return ("" if language == "zh" else " ").join(fresh[:EXAMPLES])

    def _whole(self, question: str, language: Language) -> str:
        question = question.replace("{name}", self._persona.name)
        return question if question.endswith(_ENDS) else question + ("。" if language == "zh" else ".")


def _last(answer: str, said: Sequence[str]) -> int:
    """Where it was said last, wholly or until it was broken off; -1: never."""
    return max((place for place, text in enumerate(said) if _is(answer, text)), default=-1)


def _is(answer: str, text: str) -> bool:
    beginning = answer.partition("{")[0]
    return text.startswith(beginning) or beginning.startswith(text)
