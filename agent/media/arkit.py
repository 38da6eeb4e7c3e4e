"""ARKit's 52 blend shapes: what each shape of the mouth and each mood asks of them. Weights 0..1. `python -m infra.face_tables` writes the same for the SDK."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_NAMES: Final = """
    eyeBlinkLeft eyeLookDownLeft eyeLookInLeft eyeLookOutLeft eyeLookUpLeft eyeSquintLeft eyeWideLeft
    eyeBlinkRight eyeLookDownRight eyeLookInRight eyeLookOutRight eyeLookUpRight eyeSquintRight eyeWideRight
    jawForward jawLeft jawRight jawOpen
    mouthClose mouthFunnel mouthPucker mouthLeft mouthRight mouthSmileLeft mouthSmileRight mouthFrownLeft mouthFrownRight
    mouthDimpleLeft mouthDimpleRight mouthStretchLeft mouthStretchRight mouthRollLower mouthRollUpper mouthShrugLower mouthShrugUpper
    mouthPressLeft mouthPressRight mouthLowerDownLeft mouthLowerDownRight mouthUpperUpLeft mouthUpperUpRight
    browDownLeft browDownRight browInnerUp browOuterUpLeft browOuterUpRight
    cheekPuff cheekSquintLeft cheekSquintRight noseSneerLeft noseSneerRight tongueOut
"""
ARKIT: Final = tuple(_NAMES.split())
"""In Apple's order."""

Weights = Mapping[str, float]


def _face(**weights: float) -> Weights:
    """Weights by name; a name without its side is of both sides."""
    face: dict[str, float] = {}
    for name, weight in weights.items():
        for side in ("",) if name in ARKIT else ("Left", "Right"):
            face[name + side] = weight
    return face


MOUTHS: Final[tuple[Weights, ...]] = (
    _face(),
    _face(mouthClose=0.06, mouthRollLower=0.35, mouthRollUpper=0.3, mouthPress=0.6),
    _face(jawOpen=0.08, mouthRollLower=0.7, mouthUpperUp=0.25),
    _face(jawOpen=0.16, tongueOut=0.25, mouthLowerDown=0.2),
    _face(jawOpen=0.14, mouthLowerDown=0.25, mouthStretch=0.15),
    _face(jawOpen=0.2, mouthLowerDown=0.15),
    _face(jawOpen=0.12, mouthFunnel=0.55, mouthUpperUp=0.15),
    _face(jawOpen=0.06, mouthStretch=0.35, mouthLowerDown=0.2),
    _face(jawOpen=0.14, mouthLowerDown=0.2),
    _face(jawOpen=0.15, mouthFunnel=0.35, mouthPucker=0.2),
    _face(jawOpen=0.62, mouthLowerDown=0.3, mouthUpperUp=0.15),
    _face(jawOpen=0.32, mouthStretch=0.35, mouthLowerDown=0.3),
    _face(jawOpen=0.14, mouthSmile=0.3, mouthStretch=0.4),
    _face(jawOpen=0.36, mouthFunnel=0.55, mouthPucker=0.25),
    _face(jawOpen=0.14, mouthPucker=0.75, mouthFunnel=0.25),
)
"""By viseme id, each fully formed."""

MOODS: Final[Mapping[str, Weights]] = {
    "neutral": _face(),
    "happy": _face(mouthSmile=0.55, cheekSquint=0.3, eyeSquint=0.15),
    "laughing": _face(mouthSmile=0.8, cheekSquint=0.6, eyeSquint=0.5, browInnerUp=0.1),
    "funny": _face(mouthSmile=0.7, cheekSquint=0.5, browOuterUp=0.2),
    "sad": _face(mouthFrown=0.5, browInnerUp=0.6, mouthShrugLower=0.2, eyeLookDown=0.2, eyeBlink=0.1),
    "angry": _face(browDown=0.8, noseSneer=0.35, mouthFrown=0.35, eyeSquint=0.3, mouthPress=0.2),
    "crying": _face(mouthFrown=0.7, browInnerUp=0.8, eyeSquint=0.5, mouthShrugLower=0.4, eyeBlink=0.3),
    "loving": _face(mouthSmile=0.6, cheekSquint=0.3, eyeBlink=0.15, browInnerUp=0.15),
    "embarrassed": _face(mouthSmile=0.2, browInnerUp=0.4, eyeLookDown=0.4, mouthPress=0.2),
    "surprised": _face(browInnerUp=0.6, browOuterUp=0.7, eyeWide=0.6),
    "shocked": _face(browInnerUp=0.8, browOuterUp=0.8, eyeWide=0.9, mouthStretch=0.3),
    "thinking": _face(browDownLeft=0.3, browOuterUpRight=0.3, eyeLookUp=0.35, mouthLeft=0.2),
    "winking": _face(eyeBlinkRight=1.0, cheekSquintRight=0.5, mouthSmile=0.4),
    "cool": _face(mouthSmile=0.25, eyeSquint=0.3, browDown=0.15),
    "relaxed": _face(mouthSmile=0.25, eyeBlink=0.2),
    "delicious": _face(mouthSmile=0.5, cheekSquint=0.3, eyeBlink=0.25),
    "kissy": _face(mouthPucker=0.5, mouthSmile=0.1, eyeBlink=0.2),
    "confident": _face(mouthSmileRight=0.45, mouthSmileLeft=0.2, browOuterUpLeft=0.2),
    "sleepy": _face(eyeBlink=0.55, browInnerUp=0.1),
    "silly": _face(mouthSmile=0.5, tongueOut=0.4, eyeWide=0.2),
    "confused": _face(browDownLeft=0.35, browOuterUpRight=0.5, mouthFrown=0.2, mouthRight=0.2),
}
"""By emotion."""
