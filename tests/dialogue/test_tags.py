"""Moods and commands are found wherever the stream is cut, and nothing of them is left in the text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.dialogue.tags import EMOTIONS, Command, Felt, Tag, TagScanner


def scanned(*deltas: str) -> list[str | Tag]:
    """Neighbouring texts joined."""
    scanner, out = TagScanner(("show", "wave-hand")), list[str | Tag]()
    for part in [*(part for delta in deltas for part in scanner.feed(delta)), *scanner.flush()]:
        if isinstance(part, str) and out and isinstance(out[-1], str):
            out[-1] += part
        else:
            out.append(part)
    return out


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[happy] What a day!", [Felt("happy"), "What a day!"]),
        ("Oh. [ Sad ]I see.", ["Oh. ", Felt("sad"), "I see."]),
        ("[sleepy]", [Felt("sleepy")]),
        ("好的😊我来了", ["好的", Felt("happy"), "我来了"]),
        ("I ❤️ you", ["I ", Felt("loving"), " you"]),
        ("wo[happy]rd", ["wo", Felt("happy"), "rd"]),
        ("[furious] No.", ["[furious] No."]),
        ("[1] and [this](x)", ["[1] and [this](x)"]),
        ("[happy", ["[happy"]),
        ("[[happy] a", ["[", Felt("happy"), "a"]),
        ("😂😂", [Felt("funny"), Felt("funny")]),
        ("🚀 go", ["🚀 go"]),
        ("Look [show: a bell] here", ["Look ", Command("show", "a bell"), "here"]),
        ("[wave-hand]你好", [Command("wave-hand", ""), "你好"]),
        ("看[show:青铜钟]这里", ["看", Command("show", "青铜钟"), "这里"]),
        ("[hide: it] and [happy: very]", ["[hide: it] and [happy: very]"]),
        ("[show: [happy] x]", ["[show: ", Felt("happy"), "x]"]),
        (f"[show: {201 * 'x'}]", [f"[show: {201 * 'x'}]"]),
        ("", []),
    ],
)
def test_tags(text: str, expected: list[str | Tag]) -> None:
    assert scanned(text) == expected
    assert scanned(*text) == expected


@given(
    st.lists(
        st.sampled_from(["[", "]", "happy", "sad", " ", "x", "😂", "❤", "\ufe0f", "[happy]", "[ cool ] ", "好", "[show: ", ":", "show"]),
        max_size=20,
    ),
    st.data(),
)
def test_how_the_text_is_cut_makes_no_difference(parts: list[str], data: st.DataObject) -> None:
    text = "".join(parts)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=6)))
    pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    assert scanned(*pieces) == scanned(text)


def test_what_is_held_back_is_bounded() -> None:
    scanner = TagScanner(("show",))
    assert "".join(str(part) for part in scanner.feed("[" + "a" * 50_000)) == "[" + "a" * 50_000
    text = "[show: " + "a" * 50_000
    assert "".join(str(part) for part in scanner.feed(text)) == text


def test_there_are_21() -> None:
    assert len(EMOTIONS) == len(set(EMOTIONS.values())) == 21
