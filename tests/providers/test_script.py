"""Cutting text by script and by sentence."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.providers.tts.script import Piece, language_of, runs, sentences

MIXED = st.text(st.sampled_from("你好世界天气 aBc Dé12.5,!?。，！？“”()（）\n-'…%"), max_size=120)


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Hello", "en"),
        ("你好", "zh"),
        ("Hello 世界", "zh"),
        ("3.14", "en"),
        ("100%", "en"),
        ("…", None),
        ("", None),
        (" ?! ", None),
        ("——", None),
    ],
)
def test_the_language_of_a_text(text: str, language: str | None) -> None:
    assert language_of(text) == language


def test_short_english_stays_with_the_chinese_voice() -> None:
    assert list(runs("我用 iPhone 15 Pro 打电话。")) == [Piece("zh", "我用 iPhone 15 Pro 打电话。")]


def test_long_english_is_given_to_the_english_voice() -> None:
    assert list(runs("他说：“How do you do, my friend?” 然后走了。")) == [
        Piece("zh", "他说：“"),
        Piece("en", "How do you do, my friend?”"),
        Piece("zh", " 然后走了。"),
    ]


def test_numbers_alone_are_said_in_the_language_of_the_conversation() -> None:
    assert list(runs("3.14", fallback="zh")) == [Piece("zh", "3.14")]
    assert list(runs("3.14 is pi", fallback="zh")) == [Piece("en", "3.14 is pi")]
    assert list(runs("…")) == []


@given(MIXED)
def test_no_letter_and_no_character_is_lost_between_voices(text: str) -> None:
    said = "".join(piece.text for piece in runs(text))
    sayable = r"[^\W_]"
    assert re.findall(sayable, said) == (re.findall(sayable, text) if language_of(text) else [])
    assert all(piece.language == "zh" for piece in runs(text) if re.search("[\u4e00-\u9fff]", piece.text))


def test_sentences() -> None:
    english = 'Mr. Smith went home. It is 3.5 km away! "OK?" she said. J. K. Rowling wrote it.'
    assert [part.strip() for part in sentences(english, limit=60)] == [
        "Mr. Smith went home.",
        "It is 3.5 km away!",
        '"OK?" she said.',
        "J. K. Rowling wrote it.",
    ]
    chinese = "你好。我是小艾！今天天气，很好啊；你说呢？“好的。”他说。"
    assert list(sentences(chinese, limit=60)) == ["你好。", "我是小艾！", "今天天气，很好啊；", "你说呢？", "“好的。”他说。"]


def test_a_long_sentence_is_cut_at_its_clauses() -> None:
    text = "一二三四五六七八九十，" * 6 + "完。"
    parts = list(sentences(text, limit=30))
    assert "".join(parts) == text
    assert all(len(part) <= 30 and part[-1] in "，。" for part in parts)


@given(MIXED, st.integers(5, 40))
def test_sentences_lose_nothing_and_keep_the_limit(text: str, limit: int) -> None:
    parts = list(sentences(text, limit=limit))
    assert "".join("".join(parts).split()) == "".join(text.split())
    assert all(len(part) <= limit for part in parts)
