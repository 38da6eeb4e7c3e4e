"""Markup is taken off, the words stay."""

from __future__ import annotations

import pytest

from agent.dialogue.speakable import SpeakableStream, speakable

MARKDOWN = [
    ("**Hello** there", "Hello there"),
    ("I'm *really* __very__ _happy_ ~~sad~~ today", "I'm really very happy today"),
    ("***both***", "both"),
    ("# Title\nText", "Title. Text"),
    ("## 标题\n正文", "标题。正文"),
    ("##标题\n正文", "标题。正文"),
    ("- apples\n- pears\n\nDone.", "apples. pears. Done."),
    ("* one\n* two", "one. two"),
    ("1. First\n2. Second", "one, First. two, Second"),
    ("1. 苹果\n2. 香蕉", "一，苹果。二，香蕉"),
    ("1、苹果\n2、香蕉", "一，苹果。二，香蕉"),
    ("- [x] done\n- [ ] open", "done. open"),
    ("> quoted\n> words", "quoted. words"),
    ("Line one\ngoes on", "Line one goes on"),
    ("Line one\nLine two", "Line one. Line two"),
    ("First!\n\nSecond", "First! Second"),
    ("above\n\n---\n\nbelow", "above. below"),
    ("| Name | Age |\n|---|:-:|\n| Ada | 36 |", "Name, Age. Ada, thirty-six"),
    ("| 名称 | 价格 |\n|---|---|\n| 茶 | 20元 |", "名称，价格。茶，二十元"),
    ("[this site](https://example.com/a_(b)?c=1) works", "this site works"),
    ('[a](page.html "title") and [b][ref]', "a and b"),
    ("![a cat](cat.png)", "a cat"),
    ("<https://example.com>", "example dot com"),
    ("as shown[1] and [^2] there【3†source】", "as shown and there"),
    ("Use `pip install` now", "Use pip install now"),
    ("See:\n```python\nprint(1)\n```\nDone.", "See: Done."),
    ("```\nplain words\n```", "plain words"),
    ("```js\nlet unterminated = 1", ""),
    (r"5\* and \# and \\", "five and and"),
    ("【注意】请勿触摸", "注意，请勿触摸"),
]
HTML = [
    ("one<br>two", "one. two"),
    ("<p>Hi</p><b>you</b>", "Hi. you"),
    ('<a href="x">link</a> &amp; more&nbsp;words', "link and more words"),
    ("a <!-- secret --> b", "a b"),
    ("<think>I wonder</think>Yes.", "Yes."),
    ("<think>never closed", ""),
    ("<script>alert(1)</script>Hi", "Hi"),
    ("if a < b and c > d", "if a less than b and c greater than d"),
    ('wait<break time="1s"/>here', "waithere"),
]
STAGE_DIRECTIONS = [
    ("*smiles* Hello", "Hello"),
    ("*smiles warmly and waves* Hello", "Hello"),
    ("Hello (laughs) there", "Hello there"),
    ("(clears throat) Well", "Well"),
    ("(in a soft voice) Come", "Come"),
    ("[sighs] Fine", "Fine"),
    ("*waves* Hi", "Hi"),
    ("Sound travels in *waves*.", "Sound travels in waves."),
    ("(about five of them) came", "about five of them, came"),
    ("(laughter) helps", "helps"),
    ("It rains (really) often", "It rains, really, often"),
    ("（微笑）你好", "你好"),
    ("你好（点点头）再见", "你好再见"),
    ("*微笑* 好的", "好的"),
    ("【笑】好的", "好的"),
    ("（轻轻地笑了笑）走吧", "走吧"),
    ("（开玩笑的）别当真", "开玩笑的，别当真"),
    ("（大约五公里）不远", "大约五公里，不远"),
    ("(^_^) hi (≧▽≦)", "hi"),
]
EMOJI = [
    ("Great 😀! Go 👍🏽 now", "Great! Go now"),
    ("你好😊！好的🌞。", "你好！好的。"),
    ("family 👨‍👩‍👧‍👦 flag 🇨🇳 heart ❤️", "family flag heart"),
    ("Hi :-) ;) :P there", "Hi there"),
    ("thanks:) I <3 you", "thanks I you"),
    ("lol xD T_T ^_^ >_<", "lol"),
    (":smile: yes", "yes"),
    ("At 10:30: start", "At ten thirty: start"),
    ("选项:D", "选项：D"),
    ("1️⃣ First", "one, First"),
    ("→ next", "next"),
    ("★★★ stars ✓", "stars"),
]
PUNCTUATION = [
    ("What?! Really??", "What? Really?"),
    ("Wait... what", "Wait… what"),
    ("so,, many ,,, commas", "so, many, commas"),
    ("yes — no -- maybe - ok", "yes, no, maybe, ok"),
    ('"Hello," she said.', "Hello, she said."),
    ("他说：“好。”然后走了", "他说：好。然后走了"),
    ("...", ""),
    ("End.The next", "End. The next"),
    ("a\u200bb\u00ad\ufeffc\x00", "abc"),
    ("full　width　ｗｏｒｄｓ", "full width words"),
    ("𝐁𝐨𝐥𝐝 ﬁne", "Bold fine"),
]


@pytest.mark.parametrize(("written", "spoken"), MARKDOWN + HTML + STAGE_DIRECTIONS + EMOJI + PUNCTUATION)
def test_only_the_words_are_said(written: str, spoken: str) -> None:
    assert speakable(written) == spoken


@pytest.mark.parametrize(
    ("deltas", "said"),
    [
        (["Sure", ",", " I", " can", " help", "."], ["", "Sure,", " ", "I ", "can ", "", "help."]),
        (["好", "的", "，", "没", "问题"], ["好", "的", "，", "没", "问题", ""]),
        (["It", " is", " 25", "°C", " now"], ["", "It ", "is", "", " twenty-five degrees Celsius ", "now"]),
    ],
)
def test_words_leave_as_soon_as_they_are_certain(deltas: list[str], said: list[str]) -> None:
    stream = SpeakableStream()
    assert [*map(stream.feed, deltas), stream.flush()] == said


def test_emphasis_holds_nothing_back() -> None:
    stream = SpeakableStream()
    assert stream.feed("This is **very important and ") == "This is very important and"


def test_a_long_bracket_is_not_held_back() -> None:
    stream = SpeakableStream()
    assert "which was built" in stream.feed("The tower (which was built long ago by ")
