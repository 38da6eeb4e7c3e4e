from __future__ import annotations

import pytest

from agent.dialogue.language import is_han, script_language
from agent.protocol.messages import Language


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Hello there", "en"), ("你好", "zh"), ("我用Python写代码", "zh"), ("The word 你好 means hello", "en"), ("OK，没问题", "zh"), ("iPhone 15 Pro 好", "en"), ("café", "en"),
        ("don't 你好", "zh"), ("〇", "zh"),
    ],
)  # fmt: skip
def test_the_script_tells(text: str, language: Language) -> None:
    assert script_language(text, "en") == script_language(text, "zh") == language


@pytest.mark.parametrize("text", ["", "123", "?!", "😀", "2024-03-05", "кириллица"])
@pytest.mark.parametrize("default", ["en", "zh"])
def test_without_a_known_script_the_default_holds(text: str, default: Language) -> None:
    assert script_language(text, default) == default


def test_han() -> None:
    assert is_han("中a")
    assert not is_han("a中")
    assert not is_han("")
    assert not is_han("，")
