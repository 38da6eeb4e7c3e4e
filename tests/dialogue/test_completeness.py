"""Whether somebody who pauses has finished, as far as words tell."""

from __future__ import annotations

import pytest

from agent.dialogue.completeness import breaks_off, ends_sentence, leads_on, sounds_complete, sure_beginning
from bench.pauses import HESITATIONS, SENTENCES
from bench.questions import QUESTIONS


def test_what_sounds_complete() -> None:
    for text in ("What is the capital of France?", "Tell me a story", "北京今天天气怎么样？", "讲个故事吧"):
        assert sounds_complete(text), text
    for text in ("My number is", "I went there and", "because", "", "那个", "我想去北京，然后", "如果", "It was me, and, "):
        assert not sounds_complete(text), text
    assert ends_sentence("好。")
    assert not ends_sentence("well,")
    assert breaks_off("我小的时候，")
    assert breaks_off("Well…")


@pytest.mark.parametrize(
    "text",
    [
        "When I was a child.",
        "If it rains tomorrow.",
        "In the middle of the night.",
        "After the long meeting",
        "As far as I know.",
        "To be honest.",
        "我小的时候。",
        "如果明天下雨",
        "因为火车晚点了。",
        "诸实话",
        "说实话",
    ],
)
def test_what_leads_on(text: str) -> None:
    assert leads_on(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Yes.",
        "Stop",
        "When does the train leave",
        "Where is the station",
        "If it rains tomorrow, we stay at home.",
        "In the morning I drink tea.",
        "For me it is too late.",
        "After you?",
        "如果明天下雨，我们就不去了。",
        "因为火车晚点了，所以我没看到。",
        "好的。",
        "你什么时候来？",
        "我以前住在北京。",
    ],
)
def test_what_does_not(text: str) -> None:
    assert not leads_on(text)


@pytest.mark.parametrize("text", [text for texts in QUESTIONS.values() for text in texts])
def test_no_plain_question_is_waited_for_longer(text: str) -> None:
    bare = text.rstrip("?？.。")
    assert sounds_complete(bare)
    assert not leads_on(bare)


@pytest.mark.parametrize("begin", [begin for texts in (SENTENCES, HESITATIONS) for halves in texts.values() for begin, _ in halves])
def test_who_pauses_in_a_sentence_is_waited_for(begin: str) -> None:
    bare = begin.rstrip(",，")
    assert not sounds_complete(bare) or leads_on(bare)


def test_what_of_a_growing_transcript_is_sure() -> None:
    assert sure_beginning("What is the capital of Fran") == "What is the capital of"
    assert sure_beginning("What is the capital?") == "What is the"
    assert sure_beginning("Hello") == ""
    assert sure_beginning("中国的首都是哪里？") == "中国的首都是"
    assert sure_beginning("你好") == ""
    assert sure_beginning("") == ""
