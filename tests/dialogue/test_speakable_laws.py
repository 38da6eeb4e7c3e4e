"""What holds for every text, however hostile and however it is cut on its way."""

from __future__ import annotations

import time
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.dialogue.language import is_han
from agent.dialogue.speakable import SpeakableStream, speakable, speakable_stream
from agent.protocol.messages import Language
from tests.dialogue.fragments import cut, wild_texts

languages = st.sampled_from(["en", "zh"])
MARKUP = set("*_`#~|<>[]{}\\^")
UNSPEAKABLE = {"So", "Sk", "Sm", "Sc", "Cc", "Cf", "Cs", "Co", "Cn", "Nd", "No"}
SIGNS = set("0123456789@=+$€£¥%&/")


@settings(max_examples=600, deadline=None)
@given(cut(wild_texts), languages)
def test_deltas_do_not_matter(text_and_deltas: tuple[str, list[str]], language: Language) -> None:
    text, deltas = text_and_deltas
    stream = SpeakableStream(language)
    streamed = "".join(stream.feed(delta) for delta in deltas) + stream.flush()
    assert streamed.rstrip() == speakable(text, language)


@settings(max_examples=200, deadline=None)
@given(wild_texts, languages)
def test_single_characters_are_deltas_too(text: str, language: Language) -> None:
    stream = SpeakableStream(language)
    assert ("".join(map(stream.feed, text)) + stream.flush()).rstrip() == speakable(text, language)


@settings(max_examples=300, deadline=None)
@given(wild_texts, languages)
def test_nothing_survives_that_cannot_be_said(text: str, language: Language) -> None:
    spoken = speakable(text, language)
    assert not set(spoken) & (MARKUP | SIGNS), spoken
    symbols = [character for character in spoken if not is_han(character) and unicodedata.category(character) in UNSPEAKABLE]
    assert not symbols, spoken


@settings(max_examples=200, deadline=None)
@given(wild_texts, wild_texts, languages)
def test_after_a_flush_the_stream_is_as_new(first: str, second: str, language: Language) -> None:
    stream = SpeakableStream(language)
    stream.feed(first)
    stream.flush()
    assert (stream.feed(second) + stream.flush()).rstrip() == speakable(second, language)


clean_words = st.lists(st.sampled_from(["hello", "World", "it's", "well-known", "Ada", "tea", "am", "I"]), min_size=1, max_size=6).map(
    " ".join
)
clean_en = st.lists(st.tuples(clean_words, st.sampled_from([". ", ", ", "! ", "? ", "; ", "… "])).map("".join), max_size=5).map("".join)
clean_zh = st.lists(
    st.tuples(st.text(alphabet="你好我是中国人今天气很的一二三", min_size=1, max_size=9), st.sampled_from("，。！？；、…")).map("".join),
    max_size=5,
).map("".join)


@given(st.one_of(clean_en, clean_zh))
def test_clean_text_is_left_alone(text: str) -> None:
    assert speakable(text) == text.rstrip()


@pytest.mark.parametrize(
    "text",
    [
        "**Sure!** On March 3, 2024 at 3:30 p.m. it costs $5.50 (about 5 km away), see [this](https://example.com).\n\n- apples\n- pears 😀",
        "## 计划\n\n1. **2024年**3月5日下午3:30，气温-5℃\n2. 我有2个苹果，电话13812345678（微笑）～",
    ],
)
@pytest.mark.parametrize("language", ["en", "zh"])
def test_saying_it_twice_changes_nothing(text: str, language: Language) -> None:
    once = speakable(text, language)
    assert speakable(once, language) == once


async def test_as_a_transform_of_an_asynchronous_stream() -> None:
    async def deltas():  # type: ignore[no-untyped-def]
        for delta in ["It is **2", "5°", "C** ", "outside."]:
            yield delta

    assert "".join([words async for words in speakable_stream(deltas())]) == "It is twenty-five degrees Celsius outside."


HOSTILE = {
    "stars": "*", "words": "a", "digits": "1", "lists of digits": "1,", "brackets": "(", "phone numbers": "(1", "square brackets": "[a](", "tags": "<a",
    "comments": "<!-", "ticks": "```a", "strikes": "~~a", "underscores": "_a", "entities": "&a", "emoticons": ":)", "addresses": "http://a", "mails": "a@",
    "dots": ".", "line ends": "\n", "blanks": " ", "emoji": "😀", "Chinese": "哈", "gestures": "（笑", "numbers": "12.5 ", "measures": "2年", "joiners": "\u200d",
    "combining marks": "\u0301", "domains": "a.", "currencies": "US$", "dashes": "5-", "equations": "1+", "control characters": "\x1e",
}  # fmt: skip


def seconds(text: str) -> float:
    start = time.process_time()
    speakable(text)
    return time.process_time() - start


@pytest.mark.parametrize("name", HOSTILE)
def test_the_time_grows_with_the_length_and_no_faster(name: str) -> None:
    unit = HOSTILE[name]
    small, large = ((unit * size)[:size] for size in (4_000, 40_000))
    assert seconds(large) < 30 * seconds(small) + 0.5  # a quadratic step would make it a hundredfold


def test_a_held_text_costs_no_more_in_small_deltas() -> None:
    start = time.process_time()
    stream = SpeakableStream()
    for _ in range(5_000):
        stream.feed("[a](")
        stream.feed("<")
    stream.flush()
    assert time.process_time() - start < 10


@pytest.mark.soak
@pytest.mark.timeout(1_800)
@pytest.mark.parametrize("unit", ["*", "(", "[a](", "Hello there, my friend. ", "哈哈，", "😀", "\u200d"])
def test_ten_megabytes(unit: str) -> None:
    text = (unit * 10_000_000)[:10_000_000]
    assert seconds(text) < 20 * seconds(text[:1_000_000]) + 1
