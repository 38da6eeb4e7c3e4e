"""Nods and interruptions, as recognisers write them."""

from __future__ import annotations

import pytest

from agent.conversation.backchannel import is_backchannel, meaning_of
from agent.media.barge_in import Meaning

SHORT, LONG = 16_000 * 4 // 10, 16_000


@pytest.mark.parametrize(
    "text",
    [
        "Yeah.",
        "Uh-huh",
        "嗯",
        "对对",
        "OK, right.",
        "Mm-hmm.",
        "好的。",
        "对最对",
        "嗯，好。",
        "没错",
        "Understood.",
        "Yeah, yeah.",
        "Eh-ha?",
        "追追追",
        "Got it, got it.",
        "Yes, I see.",
        "是的，我知道。",
    ],
)
def test_a_nod_is_a_nod_however_long_it_takes(text: str) -> None:
    assert is_backchannel(text)
    assert meaning_of(text, LONG) is Meaning.NOD


@pytest.mark.parametrize(
    "text",
    [
        "Stop.",
        "Wait a moment",
        "不对",
        "等一下",
        "好的我知道怎么走了",
        "No",
        "对不对？",
        "停。",
        "听。",
        "Yes, but why?",
        "你说什么？",
        "部队",
        "停停停",
        "Shut up, shut up.",
        "Not now.",
        "Go back.",
        "Wrong.",
        "Good-bye.",
        "Yes, go on, why?",
        "算了。",
        "谢谢。",
        "中来。",
        "Yes, yes, yes, I know, okay, fine.",
    ],
)
def test_words_are_words_however_brief(text: str) -> None:
    assert meaning_of(text, SHORT) is Meaning.WORDS


@pytest.mark.parametrize("text", ["Mama.", "Mama…", "mama。", "Three.", "If I,", "It has.", "Pa, pa, pa.", "Ba-ba?", "你", "争描", "名大"])
def test_a_brief_word_or_two_without_a_command_is_a_nod_misunderstood(text: str) -> None:
    assert meaning_of(text, SHORT) is Meaning.NOD
    assert meaning_of(text, LONG) is Meaning.WORDS


@pytest.mark.parametrize("text", ["", "…", "[cough]", "（笑）", "*music*"])
def test_sounds_are_nothing(text: str) -> None:
    assert meaning_of(text, LONG) is Meaning.NOTHING
