"""The laws of the fair queue, checked against arbitrary histories."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.providers.local.fair_queue import FairQueue, QueueFull

KEYS = st.sampled_from("abcd")
ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("push"), KEYS, st.integers(0, 2)),
        st.tuples(st.just("pop")),
        st.tuples(st.just("remove"), st.integers(0, 60)),
    ),
    max_size=80,
)


@given(ACTIONS)
def test_nothing_is_lost_or_served_twice(actions: list[tuple[object, ...]]) -> None:
    queue: FairQueue[int] = FairQueue(depth=10, share=4)
    pushed = 0
    waiting: dict[int, str] = {}
    gone: list[int] = []
    for action in actions:
        if action[0] == "push":
            full = len(waiting) >= 10 or Counter(waiting.values())[str(action[1])] >= 4
            if full:
                with pytest.raises(QueueFull):
                    queue.push(pushed, key=action[1], priority=int(str(action[2])))
                continue
            queue.push(pushed, key=action[1], priority=int(str(action[2])))
            waiting[pushed] = str(action[1])
            pushed += 1
        elif action[0] == "pop" and waiting:
            gone.append(queue.pop())
            del waiting[gone[-1]]
        elif action[0] == "remove":
            number = int(str(action[1]))
            assert queue.remove(number) == (number in waiting)
            if waiting.pop(number, None) is not None:
                gone.append(number)
        assert len(queue) == len(waiting)
    gone += queue.drain()
    assert sorted(gone) == list(range(pushed))
    with pytest.raises(IndexError):
        queue.pop()


@given(st.lists(st.tuples(KEYS, st.integers(0, 2)), max_size=40))
def test_priorities_are_strict_and_equals_take_turns(pushes: list[tuple[str, int]]) -> None:
    queue: FairQueue[tuple[str, int, int]] = FairQueue(depth=100, share=100)
    for order, (key, priority) in enumerate(pushes):
        queue.push((key, priority, order), key=key, priority=priority)
    served = queue.drain()
    assert [priority for _, priority, _ in served] == sorted(priority for _, priority in pushes)
    for level in range(3):
        keys = [key for key, priority, _ in served if priority == level]
        left = Counter(keys)
        since: dict[str, set[str]] = {}
        for key in keys:
            # between two turns of one key, every other key that still has something to do gets exactly one turn
            if key in since:
                assert since[key] == {other for other in left if left[other] and other != key} | since[key]
            for others in since.values():
                others.add(key)
            since[key] = set()
            left[key] -= 1
        for key in set(keys):
            own = [order for k, priority, order in served if k == key and priority == level]
            assert own == sorted(own)


def test_one_key_cannot_delay_another_by_more_than_one_item() -> None:
    queue: FairQueue[str] = FairQueue(depth=100, share=50)
    for number in range(50):
        queue.push(f"greedy {number}", key="greedy", priority=0)
    queue.push("modest", key="modest", priority=0)
    assert [queue.pop(), queue.pop()] == ["greedy 0", "modest"]


def test_a_full_queue_says_how_full_it_is() -> None:
    queue: FairQueue[int] = FairQueue(depth=2, share=1)
    queue.push(1, key="a", priority=0)
    with pytest.raises(QueueFull, match="1 requests of this session"):
        queue.push(2, key="a", priority=0)
    queue.push(3, key="b", priority=0)
    with pytest.raises(QueueFull, match="2 requests are waiting"):
        queue.push(4, key="c", priority=0)
