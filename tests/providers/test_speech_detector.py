"""The speech detector: probabilities in, edges out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.providers.vad.detector import Edge, SpeechDetector, Thresholds

WINDOW = 0.032


def _edges(detector: SpeechDetector, probabilities: list[float]) -> list[tuple[int, Edge]]:
    edges = ((number, detector.push(probability)) for number, probability in enumerate(probabilities))
    return [(number, edge) for number, edge in edges if edge is not None]


def test_a_segment_starts_after_enough_speech_and_ends_after_enough_silence() -> None:
    detector = SpeechDetector(Thresholds(min_speech_seconds=0.064, min_silence_seconds=0.128), WINDOW)
    assert _edges(detector, [0.0] * 5 + [0.9] * 10 + [0.0] * 6) == [(6, Edge.START), (18, Edge.END)]
    assert detector.speech_seconds == pytest.approx(10 * WINDOW)
    assert detector.silence_seconds == pytest.approx(6 * WINDOW)


def test_a_click_is_not_speech_and_a_short_pause_is_not_an_end() -> None:
    detector = SpeechDetector(Thresholds(min_speech_seconds=0.064, min_silence_seconds=0.128), WINDOW)
    assert _edges(detector, [0.9, 0.0, 0.9, 0.0]) == []
    assert _edges(detector, [0.9, 0.9] + [0.0] * 3 + [0.9] * 2) == [(1, Edge.START)]


def test_running_speech_holds_down_to_the_lower_threshold() -> None:
    detector = SpeechDetector(Thresholds(activation=0.6, deactivation=0.3, min_speech_seconds=0.032, min_silence_seconds=0.032), WINDOW)
    assert _edges(detector, [0.4, 0.4, 0.7, 0.4, 0.4, 0.2]) == [(2, Edge.START), (5, Edge.END)]


@given(st.lists(st.floats(0, 1), max_size=200))
def test_edges_alternate_and_times_add_up(probabilities: list[float]) -> None:
    detector = SpeechDetector(Thresholds(), WINDOW)
    edges = []
    for number, probability in enumerate(probabilities):
        if edge := detector.push(probability):
            edges.append(edge)
        assert detector.speaking == (bool(edges) and edges[-1] is Edge.START)
        assert 0 <= detector.speech_seconds <= (number + 1) * WINDOW + 1e-9
        assert detector.raw_speech_seconds == 0 or detector.raw_silence_seconds == 0
    assert edges == [Edge.START, Edge.END] * (len(edges) // 2) + [Edge.START] * (len(edges) % 2)


def test_thresholds_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ValueError, match="deactivation ≤ activation"):
        Thresholds(activation=0.3, deactivation=0.5)
    with pytest.raises(ValueError, match="must not be negative"):
        Thresholds(min_silence_seconds=-1)
