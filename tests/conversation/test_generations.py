"""Generation ids: they only grow, and nothing that was interrupted gets one."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from agent.conversation.generations import Generations
from agent.conversation.script import Script
from agent.media.driving import Driving
from agent.media.timeline import Timeline


class Speech:
    """Stands for an answer of the engine."""


def test_an_answer_has_one_id() -> None:
    generations, speech = Generations(), Speech()
    assert generations.begin(speech) == 1
    assert generations.begin(speech) == 1
    assert generations.begin(Speech()) == 2


def test_an_interrupt_before_the_first_sound_counts() -> None:
    generations, speech = Generations(), Speech()
    generations.announce(speech)
    assert generations.interrupt() == 1
    assert generations.begin(speech) is None
    assert generations.of(speech) is None


@settings(max_examples=2_000, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["announce", "begin", "interrupt"]), st.integers(0, 5)), max_size=60))
def test_ids_grow_and_the_dead_stay_dead(actions: list[tuple[str, int]]) -> None:
    generations, speeches = Generations(), [Speech() for _ in range(6)]
    known: set[int] = set()
    dead: set[int] = set()
    last = 0
    for action, i in actions:
        if action == "announce":
            generations.announce(speeches[i])
            known.add(i)
        elif action == "begin":
            gen = generations.begin(speeches[i])
            assert (gen is None) == (i in dead)
            if i not in dead:
                known.add(i)
        else:
            generations.interrupt()
            dead |= known
        assert generations.current >= last
        last = generations.current


def test_speeches_are_not_kept_alive() -> None:
    generations = Generations()
    for _ in range(1000):
        generations.begin(Speech())
    generations.interrupt()
    assert len(generations._ids) + len(generations._lives) < 10


@given(st.lists(st.text(alphabet="abc 。好", min_size=1, max_size=12), min_size=1, max_size=8), st.integers(0, 50_000))
def test_what_was_heard_is_a_beginning_of_what_was_said(pieces: list[str], samples: int) -> None:
    script, offset = Script(), 0
    for piece in pieces:
        script.write(offset, piece)
        offset += 5_000
    heard = script.heard(samples, offset)
    assert script.text.startswith(heard)
    assert script.heard(offset, offset) == script.text.rstrip()


def test_a_script_hangs_its_pieces_whether_it_was_written_before_or_after() -> None:
    timeline = Timeline()
    segment = timeline.open(1)
    script = Script()
    script.write(0, "a")
    script.attach(timeline, Driving(), segment)
    script.write(100, "b")
    assert [event.text for _, event in segment._events] == ["a", "b"]
