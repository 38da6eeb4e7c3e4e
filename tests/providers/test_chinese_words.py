"""Which Chinese sentence is the likelier one."""

from __future__ import annotations

from pathlib import Path

import jieba
import pytest

from agent.providers.local import chinese_words


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("中国的首都是哪里？", "中国的手都是哪里？"),
        ("水的沸点是多少度？", "水的废点是多少度？"),
        ("我下个月要去上海出差。", "我下个月要去上海出彩。"),
        ("给我讲一个小猫的故事。", "给我讲一个小贸的故事。"),
    ],
)
def test_common_words_make_the_likelier_sentence(right: str, wrong: str, tmp_path: Path) -> None:
    chinese_words.load(tmp_path)
    assert chinese_words.likelihood(right) > chinese_words.likelihood(wrong)


def test_marks_count_for_nothing_and_foreign_words_for_something(tmp_path: Path) -> None:
    chinese_words.load(tmp_path)
    plain = chinese_words.likelihood("今天天气很好")
    assert chinese_words.likelihood("今天天气很好！？… ") == plain
    assert chinese_words.likelihood("今天天气很好 OK") < plain
    assert chinese_words.likelihood("今天天气很好 25") < plain
    assert chinese_words.likelihood("") == 0.0


def test_words_joined_are_the_text(tmp_path: Path) -> None:
    chinese_words.load(tmp_path)
    text = "我们明天去 Paris 看展览，好吗？"
    words = chinese_words.words(text)
    assert words is not None
    assert "".join(words) == text
    assert "展览" in words


def test_without_the_dictionary_there_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jieba.dt, "initialized", False)
    assert chinese_words.words("你好") is None
    assert chinese_words.likelihood("你好") == 0.0
