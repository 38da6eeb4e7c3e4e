"""Where microphone sound is laid: by its arrival, in one piece, whatever the network and the microphone's clock do."""

from __future__ import annotations

import random

import numpy as np
import pytest

from agent.protocol.messages import RATE
from agent.sessions.placing import FURTHEST, GAP, MICROPHONE_RATE, STEP, Pcm, Piece, Placing

SAMPLES = MICROPHONE_RATE // 50
LENGTH = SAMPLES * STEP
NOISE = np.random.default_rng(0).normal(0, 3_000, SAMPLES).astype(np.int16)
SILENCE = np.zeros(SAMPLES, np.int16)
LOUDEST = np.full(SAMPLES, 20_000, np.int16)


def laid(placing: Placing, *pieces: tuple[Pcm, int], earliest: int = 0) -> list[tuple[int, int]]:
    """From and to of each piece, in media samples."""
    return [(start, start + len(pcm) * STEP) for start, pcm in placing.place([Piece(*piece) for piece in pieces], earliest)]


def test_a_piece_ends_where_it_arrives() -> None:
    assert laid(Placing(), (NOISE, 48_000)) == [(48_000 - LENGTH, 48_000)]


def test_pieces_that_come_unevenly_stay_together() -> None:
    placing = Placing()
    late = [0, 3_000, 1_500, 100, 0, 5_000, 4_500, 0]
    places = [laid(placing, (NOISE, 48_000 + k * LENGTH + delay))[0] for k, delay in enumerate(late)]
    assert [end for _, end in places] == [48_000 + k * LENGTH for k in range(len(late))]


def test_a_pause_is_silence() -> None:
    placing = Placing()
    laid(placing, (NOISE, 48_000))
    assert laid(placing, (NOISE, 96_000)) == [(96_000 - LENGTH, 96_000)]
    assert laid(placing, (NOISE, 96_000 + LENGTH + GAP)) == [(96_000, 96_000 + LENGTH)], "a little less than a pause is none"


def test_what_comes_at_once_after_the_network_stood_still_lies_where_it_was_said() -> None:
    placing = Placing()
    laid(placing, (NOISE, 48_000))
    burst = [(NOISE, 48_000 + 20 * LENGTH)] * 20
    places = laid(placing, *burst)
    assert (places[0][0], places[-1][1]) == (48_000, 48_000 + 20 * LENGTH)


def test_what_was_said_before_the_clock_began_is_not_lost_and_its_lead_is_taken_back_where_it_is_quiet() -> None:
    placing = Placing()
    said = np.tile(NOISE, 150)
    places = laid(placing, (said, RATE), earliest=0)
    assert places == [(0, 3 * RATE)], "three seconds came in the first"
    for k in range(1, 400):
        ((_, end),) = laid(placing, (SILENCE, RATE + k * LENGTH)) or [(0, 0)]
    assert abs(end - (RATE + 399 * LENGTH)) < RATE // 200


def test_sound_without_end_that_comes_faster_than_time_is_thrown_away() -> None:
    placing = Placing()
    ends = [place[1] for _ in range(2_000) for place in laid(placing, (NOISE, 48_000))]
    assert 48_000 + FURTHEST - LENGTH < max(ends) < 48_000 + FURTHEST + 2 * LENGTH


@pytest.mark.parametrize("ppm", [-300, -50, 0, 50, 300])
@pytest.mark.parametrize("sound", [NOISE, SILENCE, LOUDEST], ids=["noise", "silence", "loud"])
def test_a_microphone_whose_clock_runs_otherwise_is_followed(ppm: int, sound: Pcm) -> None:
    """A quarter of an hour, in which 300 ppm are 270 ms, with up to 40 ms of jitter: never further off than 5 ms, and never broken off."""
    chance, placing = random.Random(ppm), Placing()
    end: int | None = None
    arrived = 0
    worst = 0.0
    for k in range(900 * 50):
        true = RATE + round(k * LENGTH * (1 - ppm / 1e6))
        arrived = max(arrived, true + int(chance.expovariate(1 / 400)) if chance.random() < 0.9 else true + chance.randrange(1_920))
        ((start, until),) = laid(placing, (sound, arrived))
        assert end in (None, start), "in one piece"
        end = until
        if k > 300:
            worst = max(worst, abs(until - true) / 48)
    assert worst < 5


@pytest.mark.parametrize("change", [1, -1])
def test_while_somebody_speaks_no_more_than_a_sample_a_piece_is_put_in_or_left_out(change: int) -> None:
    placing, lengths = Placing(), set()
    for k in range(1_000):
        shift = 0 if k < 50 else change * 2_000
        for _, pcm in placing.place([Piece(NOISE, RATE + k * LENGTH + shift)], 0):
            lengths.add(len(pcm) - SAMPLES)
    assert lengths == {0, change}


def test_nothing_is_laid_where_it_cannot_be_written_any_more() -> None:
    placing = Placing()
    laid(placing, (NOISE, 48_000))
    assert laid(placing, (NOISE, 48_000 + LENGTH), earliest=60_000)[0][0] == 60_000
    assert laid(placing, (np.zeros(0, np.int16), 60_000)) == []
