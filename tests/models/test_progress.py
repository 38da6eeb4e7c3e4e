from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.models.progress import WINDOW_SECONDS, Meter
from agent.models.terminal import duration


@given(rate=st.integers(1, 10**9), seconds=st.integers(2, 600), left=st.integers(1, 10**12), before=st.integers(0, 10**9))
def test_a_constant_rate_gives_the_exact_remaining_time(rate: int, seconds: int, left: int, before: int) -> None:
    meter = Meter(before + rate * seconds + left, before, now=100.0)
    for second in range(1, seconds + 1):
        meter.add(rate)
        meter.sample(100.0 + second)
    assert meter.bytes_per_s == pytest.approx(rate)
    assert meter.eta_s == pytest.approx(left / rate)


@given(
    total=st.integers(0, 10**9),
    done=st.integers(0, 10**9),
    steps=st.lists(st.tuples(st.integers(-(10**8), 10**8), st.floats(0, 60)), max_size=40),
)
def test_readings_are_always_possible_values(total: int, done: int, steps: list[tuple[int, float]]) -> None:
    now = 5.0
    meter = Meter(total, done, now)
    for count, seconds in steps:
        now += seconds
        meter.add(count)
        meter.sample(now)
        reading = meter.reading("downloading")
        assert 0 <= reading.done_bytes <= reading.total_bytes == total
        assert reading.eta_s is None or reading.eta_s >= 0
        assert reading.bytes_per_s is None or reading.bytes_per_s > 0


def test_nothing_is_foretold_before_a_second_has_passed() -> None:
    meter = Meter(1000, 0, now=0.0)
    meter.add(100)
    meter.sample(0.9)
    assert meter.eta_s is None
    meter.sample(1.0)
    assert meter.eta_s == pytest.approx(9.0)


def test_bytes_of_an_earlier_run_do_not_count_as_speed() -> None:
    meter = Meter(1000, 900, now=0.0)
    meter.add(10)
    meter.sample(2.0)
    assert meter.bytes_per_s == pytest.approx(5.0)
    assert meter.eta_s == pytest.approx(18.0)


def test_the_time_before_the_first_byte_does_not_count() -> None:
    meter = Meter(1000, 0, now=0.0)
    meter.sample(7.0)
    meter.begin(8.0)
    meter.add(100)
    meter.sample(9.0)
    assert meter.bytes_per_s == pytest.approx(100.0)


def test_the_rate_follows_the_last_seconds_only() -> None:
    meter = Meter(10**6, 0, now=0.0)
    meter.add(100_000)
    meter.sample(1.0)
    for tick in range(1, 41):
        meter.add(25)
        meter.sample(1.0 + tick * WINDOW_SECONDS / 20)
    assert meter.bytes_per_s == pytest.approx(25 * 20 / WINDOW_SECONDS)


def test_a_stall_has_no_remaining_time() -> None:
    meter = Meter(1000, 0, now=0.0)
    meter.add(500)
    for second in range(1, 30):
        meter.sample(float(second))
    assert meter.bytes_per_s is None
    assert meter.eta_s is None


def test_a_size_that_becomes_known_counts() -> None:
    meter = Meter(0, 0, now=0.0)
    meter.grow(400)
    meter.add(100)
    meter.sample(1.0)
    assert meter.reading("downloading").total_bytes == 400
    assert meter.eta_s == pytest.approx(3.0)


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0 s"), (59.4, "59 s"), (59.6, "1 min 00 s"), (185, "3 min 05 s"), (7800, "2 h 10 min")]
)
def test_durations_are_told_in_words(seconds: float, text: str) -> None:
    assert duration(seconds) == text
