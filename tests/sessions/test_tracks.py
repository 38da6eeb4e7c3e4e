"""Two sides on one clock, and 16 kHz brought to 48."""

from __future__ import annotations

import numpy as np
import pytest

from agent.sessions.tracks import FRAME, LEFT, RIGHT, Pcm, Tracks, Tripler


def ones(count: int, value: int = 1) -> Pcm:
    return np.full(count, value, np.int16)


def taken(tracks: Tracks, until: int) -> Pcm:
    frames = list(tracks.take(until))
    assert all(frame.shape == (FRAME, 2) for frame in frames)
    return np.concatenate(frames) if frames else np.zeros((0, 2), np.int16)


def test_sound_lies_where_it_was_put_and_the_rest_is_silence() -> None:
    tracks = Tracks(10 * FRAME)
    tracks.put(RIGHT, 11 * FRAME, ones(FRAME, 2))
    tracks.put(LEFT, 10 * FRAME + 5, ones(3))
    sound = taken(tracks, 14 * FRAME)
    assert len(sound) == 4 * FRAME
    assert np.flatnonzero(sound[:, LEFT]).tolist() == [5, 6, 7]
    assert (np.flatnonzero(sound[:, RIGHT]) == np.arange(FRAME, 2 * FRAME)).all()
    assert tracks.t == 14 * FRAME


def test_only_whole_frames_are_taken() -> None:
    tracks = Tracks(0)
    tracks.put(LEFT, 0, ones(2 * FRAME))
    assert len(taken(tracks, 2 * FRAME - 1)) == FRAME
    assert len(taken(tracks, 0)) == 0
    assert taken(tracks, 2 * FRAME)[:, LEFT].all()


def test_what_lies_in_what_was_taken_is_lost() -> None:
    tracks = Tracks(0)
    taken(tracks, 2 * FRAME)
    tracks.put(LEFT, 0, ones(FRAME))
    tracks.put(LEFT, 2 * FRAME - 10, ones(15))
    assert np.flatnonzero(taken(tracks, 3 * FRAME)[:, LEFT]).tolist() == list(range(5))


def test_sound_is_called_back_on_one_side() -> None:
    tracks = Tracks(0)
    tracks.put(LEFT, 0, ones(2 * FRAME))
    tracks.put(RIGHT, 0, ones(2 * FRAME))
    tracks.hush(RIGHT, FRAME)
    sound = taken(tracks, 2 * FRAME)
    assert sound[:, LEFT].all()
    assert sound[:FRAME, RIGHT].all()
    assert not sound[FRAME:, RIGHT].any()
    tracks.hush(RIGHT, 0)


@pytest.mark.parametrize("hz", [100, 1_000, 5_000, 6_500])
def test_a_tone_is_the_same_tone_at_three_times_the_rate(hz: int) -> None:
    tripler, t = Tripler(), np.arange(16_000) / 16_000
    tone = (8_000 * np.sin(2 * np.pi * hz * t)).astype(np.int16)
    out = np.concatenate([tripler(tone[i : i + 320]) for i in range(0, 16_000, 320)])
    assert len(out) == 48_000
    expected = 8_000 * np.sin(2 * np.pi * hz * (np.arange(48_000) - 48) / 48_000)
    assert np.abs(out[1_000:] - expected[1_000:]).max() < 60


def test_loud_sound_does_not_turn_over() -> None:
    square = np.where(np.arange(1_600) // 20 % 2, 32_767, -32_768).astype(np.int16)
    out = Tripler()(square).astype(int)
    assert np.abs(np.diff(out)).max() < 40_000
