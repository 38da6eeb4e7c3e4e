"""Batching is a matter of speed alone: whatever is asked, aborted or taken back at the same time, every answer is the one that it would be alone."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.providers.llm.batching import BATCH_TOKENS, QUEUE, Batching, End, Event, Text
from agent.providers.llm.libllama import ABORTED, NO_ROOM, Entry

END = 0
SEQUENCES, KEPT = 3, 2


def follows(history: Sequence[int]) -> int:
    """What the pretended model says after `history`."""
    return random.Random(repr(list(history))).randrange(0, 12)


class PretendedNetwork:
    """Keeps the cache as llama.cpp would, and is strict about what it is told to do."""

    def __init__(self, room: int = 10_000) -> None:
        self.cache: dict[int, list[int]] = {number: [] for number in range(SEQUENCES + KEPT)}
        self.room = room
        self.results: list[int] = []
        self.chosen: dict[int, list[int]] = {}
        self.samplers = 0
        self.read_tokens = 0
        self.moved = 0

    def piece(self, token: int) -> bytes:
        return f"{token} ".encode()

    def is_end(self, token: int) -> bool:
        return token == END

    def read(self, entries: Sequence[Entry]) -> int:
        assert 0 < len(entries) <= BATCH_TOKENS
        self.chosen = {}
        result = self.results.pop() if self.results else 0
        if result == 0 and sum(map(len, self.cache.values())) + len(entries) > self.room:
            result = NO_ROOM
        for index, entry in enumerate(entries):
            if result == NO_ROOM or (result == ABORTED and index > len(entries) // 2):
                break
            held = self.cache[entry.sequence]
            assert entry.place == len(held)
            held.append(entry.token)
            if entry.choose:
                self.chosen[index] = list(held)
        self.read_tokens += len(entries)
        return result

    def choose(self, index: int, sampler: int) -> int:
        return follows(self.chosen[index])

    def sampler(self, temperature: float, seed: int) -> int:
        self.samplers += 1
        return 1

    def free_sampler(self, sampler: int) -> None:
        self.samplers -= 1

    def cut(self, sequence: int, length: int) -> None:
        del self.cache[sequence][length:]

    def close_gap(self, sequence: int, start: int, end: int) -> bool:
        assert 0 < start < end < len(self.cache[sequence])
        shared = [number for number, tokens in self.cache.items() if number != sequence and self.shares(sequence, number) > start]
        assert not shared, "what others share must not move"
        del self.cache[sequence][start:end]
        self.moved += 1
        return True

    def shares(self, one: int, other: int) -> int:
        """Tokens at the beginning of two sequences that are the same."""
        pairs = zip(self.cache[one], self.cache[other], strict=False)
        return next((at for at, (a, b) in enumerate(pairs) if a != b), min(len(self.cache[one]), len(self.cache[other])))

    def copy(self, source: int, target: int, length: int) -> None:
        assert self.cache[target] == []
        assert len(self.cache[source]) >= length
        self.cache[target] = self.cache[source][:length]

    def save(self, sequence: int, tokens: Sequence[int], file: Path) -> bool:
        assert self.cache[sequence] == list(tokens)
        file.write_text(repr(list(tokens)))
        return True

    def load(self, sequence: int, tokens: Sequence[int], file: Path) -> bool:
        if file.read_text() != repr(list(tokens)):
            return False
        self.cache[sequence] = list(tokens)
        return True


def alone(prompt: list[int], most: int) -> str:
    """The answer without any batching."""
    history = list(prompt)
    said = ""
    for _ in range(most):
        token = follows(history)
        if token == END:
            break
        history.append(token)
        said += f"{token} "
    return said


def collect(events: list[Event], number: int) -> str:
    return "".join(event.text for event in events if isinstance(event, Text) and event.request == number)


def ending(events: list[Event], number: int) -> End:
    (end,) = [event for event in events if isinstance(event, End) and event.request == number]
    return end


prompts = st.lists(st.integers(1, 3), min_size=1, max_size=80)
actions = st.lists(
    st.one_of(
        st.tuples(st.just("ask"), prompts, st.integers(0, 12)),
        st.tuples(st.just("again"), prompts, st.integers(1, 12)),
        st.tuples(st.just("forget"), st.lists(st.integers(1, 3), min_size=1, max_size=8), st.integers(1, 60)),
        st.tuples(st.just("keep"), prompts, st.just(0)),
        st.tuples(st.just("take back"), st.just([]), st.integers(1, 12)),
        st.tuples(st.just("abort"), st.just([]), st.just(0)),
        st.tuples(st.just("step"), st.just([]), st.integers(1, 8)),
    ),
    max_size=40,
)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(actions, st.integers(200, 2_000))
def test_every_answer_is_what_it_would_be_alone(tmp_path: Path, script: list[tuple[str, list[int], int]], room: int) -> None:
    network = PretendedNetwork(room)
    events: list[Event] = []
    batching = Batching(network, sequences=SEQUENCES, kept=KEPT, emit=events.append)
    asked: dict[int, tuple[list[int], int]] = {}
    taken: set[int] = set()
    for verb, tokens, number in script:
        if verb in ("ask", "again"):
            before = next(iter(asked.values()))[0] if verb == "again" and asked else []
            prompt = (before + tokens)[:150]
            asked[len(asked) + 1] = (prompt, number)
            batching.ask(len(asked), prompt, most=number, temperature=0, seed=0)
        elif verb == "forget" and asked:
            before = asked[len(asked)][0]
            prompt = before[:4] + before[4 + number :] + tokens  # the oldest turns leave
            asked[len(asked) + 1] = (prompt, 4)
            batching.ask(len(asked), prompt, most=4, temperature=0, seed=0)
        elif verb == "keep":
            batching.keep(tokens, tmp_path / f"{hash(tuple(tokens))}")
        elif verb == "take back":
            if number in asked:
                taken.add(number)
            heard = len(events)
            batching.take_back(number)
            assert not any(isinstance(event, Text) for event in events[heard:])
        elif verb == "abort":
            network.results.append(ABORTED)
        else:
            for _ in range(number):
                batching.step()
    for _ in range(10_000):
        if not batching.busy:
            break
        batching.step()
    assert not batching.busy
    for number, (prompt, most) in asked.items():
        end = ending(events, number)
        if end.ending in ("stop", "length"):
            assert collect(events, number) == alone(prompt, most)
        else:
            assert end.ending == "no room" or (end.ending == "taken back" and number in taken)
            assert alone(prompt, most).startswith(collect(events, number))
    assert network.samplers == 0


def test_a_shared_beginning_is_read_once(tmp_path: Path) -> None:
    network = PretendedNetwork()
    events: list[Event] = []
    batching = Batching(network, sequences=SEQUENCES, kept=KEPT, emit=events.append)
    beginning = [1, 2, 3] * 20
    file = tmp_path / "beginning"
    assert not batching.keep(beginning, file)
    batching.ask(1, beginning, most=0, temperature=0, seed=0)
    while batching.busy:
        batching.step()
    assert batching.keep(beginning, file)
    network.read_tokens = 0
    for number in range(2, 8):
        batching.ask(number, [*beginning, number], most=3, temperature=0, seed=0)
    while batching.busy:
        batching.step()
    assert all(ending(events, number).cached == len(beginning) for number in range(2, 8))
    assert network.read_tokens <= 6 * (1 + 3)

    later = Batching(second := PretendedNetwork(), sequences=SEQUENCES, kept=KEPT, emit=events.append)
    assert later.keep(beginning, file)  # another start finds it on disk
    later.ask(9, [*beginning, 5], most=1, temperature=0, seed=0)
    while later.busy:
        later.step()
    assert second.read_tokens == 1


def test_what_follows_forgotten_turns_is_not_read_again() -> None:
    network = PretendedNetwork()
    events: list[Event] = []
    batching = Batching(network, sequences=SEQUENCES, kept=KEPT, emit=events.append)
    persona, old, kept, question = ([random.Random(seed).randrange(1, 9) for _ in range(40)] for seed in range(4))
    batching.ask(1, persona + old + kept, most=0)
    while batching.busy:
        batching.step()
    network.read_tokens = 0
    batching.ask(2, persona + kept + question, most=3)
    while batching.busy:
        batching.step()
    assert network.moved == 1
    assert ending(events, 2).cached >= 80
    assert network.read_tokens <= 40 + 3
    assert collect(events, 2) == alone(persona + kept + question, 3)


def test_a_shared_history_does_not_move() -> None:
    network = PretendedNetwork()
    events: list[Event] = []
    batching = Batching(network, sequences=SEQUENCES, kept=KEPT, emit=events.append)
    persona, old, kept = ([random.Random(seed).randrange(1, 9) for _ in range(40)] for seed in range(3))
    batching.ask(1, persona + old + kept, most=9)
    batching.ask(2, persona + old + kept, most=9)
    while batching.busy:
        batching.step()
    batching.ask(3, persona + kept, most=3)
    while batching.busy:
        batching.step()
    assert network.moved == 0
    assert collect(events, 3) == alone(persona + kept, 3)


def test_a_file_that_does_not_fit_is_not_believed(tmp_path: Path) -> None:
    (tmp_path / "other").write_text("[9]")
    batching = Batching(PretendedNetwork(), sequences=SEQUENCES, kept=KEPT, emit=lambda event: None)
    assert not batching.keep([1, 2], tmp_path / "other")


def test_prompts_do_not_stop_the_answers_of_others() -> None:
    network = PretendedNetwork()
    events: list[Event] = []
    batching = Batching(network, sequences=SEQUENCES, kept=KEPT, emit=events.append)
    prompt = next([start] for start in range(1, 200) if len(alone([start], 40).split()) > 30)
    batching.ask(1, prompt, most=30, temperature=0, seed=0)
    batching.step()
    batching.ask(2, [1, 2, 3] * 100, most=1, temperature=0, seed=0)
    for _ in range(5):
        before = len(collect(events, 1))
        batching.step()
        assert len(collect(events, 1)) > before


@pytest.mark.parametrize("result", [-1, 3])
def test_a_failure_of_the_library_ends_the_requests_that_it_hit(result: int) -> None:
    network = PretendedNetwork()
    events: list[Event] = []
    batching = Batching(network, sequences=SEQUENCES, kept=KEPT, emit=events.append)
    batching.ask(1, [1], most=5, temperature=0, seed=0)
    network.results.append(result)
    batching.step()
    assert ending(events, 1).ending == "failed"
    batching.ask(2, [1], most=5, temperature=0, seed=0)
    while batching.busy:
        batching.step()
    assert collect(events, 2) == alone([1], 5)


def test_the_queue_is_bounded() -> None:
    events: list[Event] = []
    batching = Batching(PretendedNetwork(), sequences=SEQUENCES, kept=KEPT, emit=events.append)
    for number in range(QUEUE + 1):
        batching.ask(number, [1], most=1, temperature=0, seed=0)
    assert ending(events, QUEUE).ending == "no room"
