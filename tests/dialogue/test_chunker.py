"""The text is cut where a voice may pause, and as soon as that is certain."""

from __future__ import annotations

import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import jieba
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.dialogue.chunker import MAX_HAN, MAX_LATIN, Chunker
from agent.dialogue.language import HAN_CHARACTER
from agent.providers.local import chinese_words
from tests.dialogue.fragments import cut, spoken_texts, wild_texts


@pytest.fixture(params=["guessing", "dictionary"])
def words(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With and without the Chinese dictionary."""
    if request.param == "dictionary":
        chinese_words.load(tmp_path)
    else:
        monkeypatch.setattr(jieba.dt, "initialized", False)


def chunks(text: str) -> list[str]:
    chunker = Chunker()
    return chunker.feed(text) + chunker.flush()


@settings(max_examples=400, deadline=None)
@given(cut(st.one_of(spoken_texts, wild_texts)))
def test_nothing_is_lost_or_said_twice_however_it_is_cut(text_and_deltas: tuple[str, list[str]]) -> None:
    text, deltas = text_and_deltas
    whole = chunks(text)
    assert "".join(whole) == text
    assert all(whole)
    chunker = Chunker()
    assert [piece for delta in deltas for piece in chunker.feed(delta)] + chunker.flush() == whole


@settings(max_examples=300, deadline=None)
@given(st.one_of(spoken_texts, wild_texts, st.text(alphabet="ab中国，. \n", max_size=600)))
def test_no_piece_is_too_long(text: str) -> None:
    for piece in chunks(text):
        han = len(HAN_CHARACTER.findall(piece))
        assert len(piece) - han <= MAX_LATIN + 1
        assert han <= MAX_HAN + 1


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            ["a", "word", "hello", "3.14", "1,000", "10:30", "e.g.", "Dr.", "U.S.", "state-of-the-art", "(in brackets, yes. no)"]
        ),
        max_size=40,
    )
)
def test_no_cut_inside_a_word_a_number_an_abbreviation_or_a_bracket(tokens: list[str]) -> None:
    text = " ".join(tokens)
    whole = [token for piece in chunks(text) for token in piece.replace("(in brackets, yes. no)", "(…)").split()]
    assert whole == [token.replace("(in brackets, yes. no)", "(…)") for token in tokens]


ENGLISH = [
    ("Hello! How are you?", ["Hello!", " How are you?"]),
    ("Sure, I can help you with that.", ["Sure,", " I can help you with that."]),
    ("Paris.", ["Paris."]),
    ("The capital of France is Paris.", ["The capital of France", " is Paris."]),
    ("Oh, I see what you mean, of course.", ["Oh, I see what", " you mean, of course."]),
    ("Dr. Smith (the one, from Ohio) said yes.", ["Dr. Smith (the one, from Ohio)", " said yes."]),
    ("It is 3.14, or 1,000 at 10:30 today.", ["It is 3.14,", " or 1,000 at 10:30 today."]),
]
CHINESE = [
    ("你好！", ["你好！"]),
    ("好的，我来帮你。你想了解什么？", ["好的，", "我来帮你。", "你想了解什么？"]),
    ("辛苦了，先休息一会儿吧。", ["辛苦了，", "先休息一会儿吧。"]),
    ("长城是世界上最长的城墙，大约两万一千公里长。", ["长城是", "世界上最长的城墙，", "大约两万一千公里长。"]),
]


@pytest.mark.parametrize(("text", "pieces"), ENGLISH + CHINESE)
@pytest.mark.usefixtures("words")
def test_pieces(text: str, pieces: list[str]) -> None:
    assert chunks(text) == pieces


def test_later_pieces_are_sentences() -> None:
    text = "Sure, that works. " + "We open at nine, and we close at five. " * 4
    assert (
        chunks(text)[-2:] == [" We open at nine, and we close at five."] * 2
        or chunks(text)[-3:-1] == [" We open at nine, and we close at five."] * 2
    )


@pytest.mark.parametrize(
    ("deltas", "emitted"),
    [
        (["Sure", ",", " I"], [[], ["Sure,"], []]),
        (["Hello", "!"], [[], ["Hello!"]]),
        (["Paris", ".", " It"], [[], [], ["Paris."]]),
        (["The", " capital", " of", " France", " is"], [[], [], [], [], ["The capital of France"]]),
        (["好", "的", "，", "我"], [[], [], ["好的，"], []]),
        (["你好", "。"], [[], ["你好。"]]),
    ],
)
def test_a_piece_leaves_as_soon_as_it_is_certain(deltas: list[str], emitted: list[list[str]]) -> None:
    chunker = Chunker()
    assert [chunker.feed(delta) for delta in deltas] == emitted


@pytest.mark.usefixtures("words")
def test_a_long_run_without_punctuation() -> None:
    english = "and then we walked along the river until the sun went down behind the hills " * 6
    pieces = chunks(english)
    assert 3 <= len(pieces[0].split()) <= 5
    assert all(len(piece) <= MAX_LATIN for piece in pieces)
    assert [word for piece in pieces for word in piece.split()] == english.split()
    chinese = "然后我们沿着河边一直走到太阳落到山的后面再慢慢地走回家里去吃晚饭" * 6
    pieces = chunks(chinese)
    assert len(pieces[0]) <= 6
    assert all(len(piece) <= MAX_HAN for piece in pieces)
    assert all(len(piece) >= 4 for piece in pieces[:-1])


def test_with_the_dictionary_no_chinese_word_is_cut(tmp_path: Path) -> None:
    chinese_words.load(tmp_path)
    text = "人工智能技术正在改变我们的日常生活方式以及世界各地的医疗教育交通和科学研究工作"
    known = {
        "人工智能",
        "技术",
        "正在",
        "改变",
        "我们",
        "日常生活",
        "生活",
        "方式",
        "以及",
        "世界",
        "各地",
        "医疗",
        "教育",
        "交通",
        "科学研究",
        "科学",
        "研究",
        "工作",
    }
    pieces = chunks(text)
    assert len(pieces) > 1
    for left, right in pairwise(pieces):
        assert left[-1] + right[0] not in {word[i : i + 2] for word in known for i in range(len(word) - 1)}


def test_a_word_longer_than_a_piece_is_cut_between_characters() -> None:
    pieces = chunks("e\u0301" * 200)
    assert all(not piece.startswith("\u0301") for piece in pieces)
    assert all(len(piece) <= MAX_LATIN for piece in pieces)


def test_an_open_bracket_does_not_hold_the_voice_for_ever() -> None:
    assert len(chunks("(" + "never closed. " * 40)) >= 4


def test_blanks_and_marks_alone() -> None:
    assert chunks("") == []
    assert chunks("  \n ") == ["  \n "]
    assert "".join(chunks("." * 1_000)) == "." * 1_000


def test_a_short_rest_that_comes_as_a_whole_is_said_as_a_whole() -> None:
    chunker = Chunker()
    assert chunker.feed("It takes") == []
    assert chunker.flush(" about ten minutes.") == ["It takes about ten minutes."]
    assert chunker.feed("It takes about ten minutes") == ["It takes about ten"], "what comes by and by is begun"


def test_a_flush_begins_anew() -> None:
    chunker = Chunker()
    first = chunker.feed("The capital of France is Paris and it") + chunker.flush()
    assert chunker.feed("The capital of France is Paris and it") + chunker.flush() == first


def test_the_dictionary_is_only_loaded_on_request() -> None:
    code = (
        "import sys; import agent.dialogue.chunker as c; p = c.Chunker(); p.feed('你好' * 50); p.flush(); sys.exit('jieba' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0


@pytest.mark.parametrize("unit", ["a", "a ", "中", ".", " ", "(", "a, ", "a\u0301", "\n", "1,", "中，"])
def test_the_time_grows_with_the_length_and_no_faster(unit: str) -> None:
    def seconds(size: int) -> float:
        start = time.process_time()
        chunks((unit * size)[:size])
        return time.process_time() - start

    assert seconds(60_000) < 30 * seconds(6_000) + 0.5


@pytest.mark.parametrize("text", ["Hello!!! ??? How are you", "你好！！！？？？再见", "... Well, yes"])
def test_marks_alone_are_no_piece_while_words_follow(text: str) -> None:
    assert all(any(character.isalnum() for character in piece) for piece in chunks(text))


def test_a_title_stays_with_its_name() -> None:
    assert chunks("I will call Dr. Smith about it, e.g. today")[0] == "I will call Dr. Smith"
