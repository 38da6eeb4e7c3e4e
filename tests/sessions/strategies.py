"""Events as Hypothesis draws them: right ones, and all kinds of wrong ones."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from agent.sessions.events import VERSION, Event
from agent.sessions.folding import EFFECTS, OBSERVED

SESSION = "s-1"
letters = st.sampled_from('ab 你😀\n\x00\u2028"\\')

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | st.text(letters, max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(letters, max_size=4), inner, max_size=3),
    max_leaves=6,
)
_right = {
    "session": st.fixed_dictionaries({name: st.text(letters, max_size=4) for name in ("org", "user", "persona", "version", "language")}),
    "session_end": st.fixed_dictionaries({"reason": st.text(letters, max_size=4)}),
    "settings": st.fixed_dictionaries({"language": st.sampled_from(["en", "zh", None])}),
    "state": st.fixed_dictionaries({"state": st.sampled_from(["idle", "listening", "thinking", "speaking"])}),
    "asr_final": st.fixed_dictionaries({"id": st.just("u1"), "text": st.text(letters, max_size=8)}),
    "heard": st.fixed_dictionaries({"text": st.text(letters, max_size=8), "cut": st.booleans()}),
    "heard_corrected": st.fixed_dictionaries({"text": st.text(letters, max_size=8)}),
    "llm_delta": st.fixed_dictionaries({"answer": st.integers(1, 6), "text": st.text(letters, max_size=8), "whole": st.booleans()}),
    "generation_start": st.fixed_dictionaries({"t0": st.integers(0, 9), "answer": st.integers(1, 6)}),
    "playout": st.fixed_dictionaries({"t_heard": st.integers(0, 99)}),
    "context": st.fixed_dictionaries(
        {"version": st.integers(0, 9), "text": st.text(letters, max_size=8), "ttl_ms": st.none() | st.integers(1, 9)}
    ),
    "interrupt": st.fixed_dictionaries({"cut_t": st.integers(0, 12)}),
    "command": st.fixed_dictionaries(
        {
            "id": st.sampled_from("abc"),
            "name": st.just("show"),
            "args": st.fixed_dictionaries({"value": json_values}),
            "dur": st.integers(0, 9),
        }
    ),
}
assert set(_right) == set(EFFECTS), "each effect is to be drawn"


@st.composite
def _kinds(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    kind = draw(st.sampled_from(sorted(EFFECTS)))
    if draw(st.booleans()):
        return kind, draw(_right[kind])
    kind = draw(st.sampled_from([kind, *sorted(OBSERVED)]) | st.text(letters, min_size=1, max_size=8))
    names = st.sampled_from(["text", "answer", "cut", "version", "t_heard", "id"]) | st.text(letters, max_size=4)
    return kind, draw(st.dictionaries(names, json_values, max_size=4))


@st.composite
def journals(draw: st.DrawFn, max_size: int = 40) -> list[Event]:
    """A journal's events, in order, with a gap and a repetition here and there."""
    events, seq = [], 0
    for kind, d in draw(st.lists(_kinds(), max_size=max_size)):
        seq = max(1, seq + draw(st.sampled_from([1, 1, 1, 1, 1, 0, 3])))
        v = draw(st.sampled_from([VERSION, VERSION, VERSION, 0, VERSION + 1]))
        numbers = draw(st.tuples(*[st.integers(0, 12)] * 4))
        events.append(Event(SESSION, seq, numbers[0], numbers[1], numbers[2], numbers[3], kind, d, v))
    return events
