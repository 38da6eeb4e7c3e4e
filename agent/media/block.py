"""What the timeline hands out: 20 ms of sound with its place on the clock."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from agent.protocol.messages import RATE

BLOCK_SAMPLES: Final = RATE // 50
"""Samples of a block: 20 ms at 48 kHz."""

Pcm = npt.NDArray[np.int16]

SILENCE: Final[Pcm] = np.zeros(BLOCK_SAMPLES, np.int16)
SILENCE.setflags(write=False)


@dataclass(frozen=True, slots=True)
class Block:
    """20 ms of sound, 48 kHz mono. `t` is the media sample of the first one; `blank` blocks carry nothing of an answer; `gen` is the generation heard in it."""

    t: int
    pcm: Pcm
    gen: int
    blank: bool
