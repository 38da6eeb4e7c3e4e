"""What keeps a recogniser from writing the same thing again and again."""

import pytest

from agent.providers.asr.guards import once, repeated


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("秋天树叶为什么会变黄？秋天树叶为什么会变黄。", "秋天树叶为什么会变黄？"),
        ("煮鸡蛋需要多长时间煮鸡蛋需要多长时间", "煮鸡蛋需要多长时间"),
        ("煮鸡蛋需要多长时间。煮鸡蛋需要多长", "煮鸡蛋需要多长时间。"),
        ("煮鸡蛋需要多长时间煮鸡蛋需要多长", "煮鸡蛋需要多长时间煮鸡蛋需要多长"),
        ("明天下午开会吗？明天下午", "明天下午开会吗？明天下午"),
        ("I want to go home I want to", "I want to go home I want to"),
        ("你好，你好。", "你好，你好。"),
        ("不对不对不对不对", "不对不对不对不对"),
        ("秋天树叶为什么会变黄？秋天树叶为什么会变红。", "秋天树叶为什么会变黄？秋天树叶为什么会变红。"),
        ("", ""),
    ],
)
def test_a_sentence_that_is_written_twice_was_said_once(written: str, said: str) -> None:
    assert once(written) == said


def test_a_few_words_may_be_said_again() -> None:
    assert repeated(list("no, no, no")) == 0
    assert repeated(list("ab" * 6)) == 10
