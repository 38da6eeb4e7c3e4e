"""A face as numbers: on the sample clock, a mouth that follows what is told, also when that moves, and moods that pass."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from agent.dialogue.tags import EMOTIONS
from agent.media.arkit import ARKIT, MOODS, MOUTHS
from agent.media.blendshapes import AHEAD, FPS, PACKET_FRAMES, SAMPLES, Blendshapes, blink
from agent.media.block import BLOCK_SAMPLES
from agent.media.visemes import Viseme
from agent.protocol.messages import RATE
from infra import face_tables

JAW = ARKIT.index("jawOpen")
SMILE = ARKIT.index("mouthSmileLeft")
LID = ARKIT.index("eyeBlinkLeft")


class Renderer:
    """What a client has: frames by media sample; a packet replaces what is there from its sample on."""

    def __init__(self) -> None:
        self.frames: dict[int, np.ndarray] = {}
        self.bytes = 0

    def run(self, face: Blendshapes, t: int, seconds: float) -> int:
        for _ in range(round(seconds * 50)):
            if (packet := face.due(t)) is not None:
                self.bytes += len(packet.payload) + 20
                assert packet.payload[:2] == bytes((FPS, PACKET_FRAMES))
                self.frames = {at: frame for at, frame in self.frames.items() if at < packet.t}
                for k, frame in enumerate(np.frombuffer(packet.frames, np.uint8).reshape(-1, len(ARKIT))):
                    self.frames[packet.t + k * SAMPLES] = frame
            t += BLOCK_SAMPLES
        return t

    def of(self, part: int, begin: int, end: int) -> list[int]:
        return [int(frame[part]) for at, frame in sorted(self.frames.items()) if begin <= at < end]


def test_the_tables_name_what_there_is() -> None:
    assert len(ARKIT) == len(set(ARKIT)) == 52
    assert len(MOUTHS) == 15
    assert set(MOODS) == set(EMOTIONS)
    for face in (*MOUTHS, *MOODS.values()):
        assert set(face) <= set(ARKIT)
        assert all(0 < weight <= 1 for weight in face.values())


def test_the_sdk_has_the_same_table() -> None:
    assert face_tables.TARGET.read_text(encoding="utf-8") == face_tables.typescript(), "python -m infra.face_tables"


def test_frames_follow_the_clock_without_a_gap_and_are_ahead_of_it() -> None:
    face, renderer = Blendshapes(), Renderer()
    end = renderer.run(face, 0, 10.0)
    assert sorted(renderer.frames) == list(range(0, max(renderer.frames) + 1, SAMPLES))
    assert max(renderer.frames) >= end + AHEAD - BLOCK_SAMPLES - SAMPLES
    assert renderer.bytes / 10 < 2_500


def test_the_mouth_opens_and_closes_where_it_is_told() -> None:
    face, renderer = Blendshapes(), Renderer()
    face.told(RATE, (Viseme(RATE, 10, 100), Viseme(2 * RATE, 0, 0)))
    renderer.run(face, 0, 3.0)
    assert max(renderer.of(JAW, 0, RATE)) == 0
    assert min(renderer.of(JAW, RATE + RATE // 5, 2 * RATE)) > 140
    assert max(renderer.of(JAW, 2 * RATE + RATE // 2, 3 * RATE)) == 0


def test_what_moves_is_sent_again() -> None:
    face, renderer = Blendshapes(), Renderer()
    face.told(0, (Viseme(0, 10, 100), Viseme(5 * RATE, 0, 0)))
    t = renderer.run(face, 0, 1.0)
    face.rest(t)
    t = renderer.run(face, t, 0.5)
    assert max(renderer.of(JAW, t - RATE // 5, t)) < 20
    face.told(t, (Viseme(t, 13, 100),))
    t = renderer.run(face, t, 0.5)
    assert min(renderer.of(JAW, t - RATE // 5, t)) > 80


def test_a_mood_comes_and_passes_and_an_unknown_one_is_none() -> None:
    face, renderer = Blendshapes(), Renderer()
    face.feel(RATE, "happy", 1.0, 2.0)
    t = renderer.run(face, 0, 6.0)
    assert max(renderer.of(SMILE, 0, RATE)) == 0
    assert min(renderer.of(SMILE, 2 * RATE, 3 * RATE)) > 130
    assert max(renderer.of(SMILE, 5 * RATE, 6 * RATE)) < 3
    face.feel(t, "furious", 1.0, 2.0)
    renderer.run(face, t, 2.0)
    assert max(renderer.of(SMILE, t, t + 2 * RATE)) == 0


def test_eyes_blink_now_and_then() -> None:
    shut = [blink(t) for t in range(0, 120 * RATE, SAMPLES)]
    closings = sum(a < 0.5 <= b for a, b in itertools.pairwise(shut))
    assert closings == pytest.approx(30, abs=2)
    face, renderer = Blendshapes(), Renderer()
    renderer.run(face, 0, 8.0)
    lids = renderer.of(LID, 0, 8 * RATE)
    assert max(lids) > 150
    assert sorted(lids)[len(lids) // 2] < 10


def test_memory_is_bounded() -> None:
    face = Blendshapes()
    for k in range(5_000):
        face.told(k * 10, (Viseme(k * 10, 10, 50), Viseme(k * 10 + 5, 1, 50)))
        face.feel(k, "happy", 1.0, 1.0)
    assert len(face._shapes) <= 1_000
    assert len(face._feels) <= 16
