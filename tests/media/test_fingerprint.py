"""Marks of loudness: what the server tells is what docs/protocol.md defines, however the sound is cut into answers."""

from __future__ import annotations

import numpy as np
import pytest

from agent.media.block import BLOCK_SAMPLES, SILENCE, Block
from agent.media.fingerprint import HOP, MARKS, Fingerprint, Marks


def blocks(pcm: np.ndarray, t: int = 0) -> list[Block]:
    parts = pcm.astype(np.int16).reshape(-1, BLOCK_SAMPLES)
    return [Block(t + number * BLOCK_SAMPLES, part, 1, False) for number, part in enumerate(parts)]


def marks_of(*sound: Block) -> list[Marks]:
    fingerprint = Fingerprint()
    return [marks for block in sound if (marks := fingerprint.push(block)) is not None]


def by_definition(pcm: np.ndarray) -> list[int]:
    """The formula of the protocol's page, term by term."""
    levels = []
    for begin in range(0, len(pcm), HOP):
        averages = (pcm[begin : begin + HOP] / 32768).reshape(60, 8).mean(axis=1)
        power = 0.0
        for b in range(2, 19):
            power += abs(sum(x * np.exp(-2j * np.pi * b * n / 60) for n, x in enumerate(averages))) ** 2
        levels.append(int(np.clip(np.round(20 * np.log10(np.sqrt(2 * power) / 60 + 1e-5) + 100), 0, 255)))
    return levels


def test_levels_are_as_the_protocol_says() -> None:
    noise = np.random.default_rng(1).normal(0, 3_000, BLOCK_SAMPLES * 8)
    noise *= np.repeat(np.linspace(0, 1, 8), BLOCK_SAMPLES)
    (marks,) = marks_of(*blocks(np.round(noise), t=BLOCK_SAMPLES * 7))
    assert marks.first == 14
    assert list(marks.levels) == pytest.approx(by_definition(np.round(noise).astype(np.int16)), abs=1)


def test_a_tone_of_full_scale_is_at_its_power_and_silence_at_zero() -> None:
    tone = np.sin(2 * np.pi * 1_000 * np.arange(BLOCK_SAMPLES * 8) / 48_000) * 32_767
    (marks,) = marks_of(*blocks(tone))
    assert set(marks.levels) <= {95, 96, 97}  # −3 dB, and what averaging takes off at 1 kHz
    (marks,) = marks_of(*blocks(np.zeros(BLOCK_SAMPLES * 8)))
    assert set(marks.levels) == {0}


def test_marks_go_out_in_groups_and_at_the_end_of_the_sound_and_silence_has_none() -> None:
    sound = blocks(np.ones(BLOCK_SAMPLES * 20))
    blank = [Block(number * BLOCK_SAMPLES, SILENCE, 0, True) for number in range(20, 40)]
    again = blocks(np.ones(BLOCK_SAMPLES * 8), t=40 * BLOCK_SAMPLES)
    marks = marks_of(*sound, *blank, *again)
    assert [(m.first, len(m.levels)) for m in marks] == [(0, MARKS), (MARKS, MARKS), (2 * MARKS, 8), (80, MARKS)]
