"""Words that are told as tones: through the text that is made speakable, and through Opus, noise and loss."""

from __future__ import annotations

import random
from fractions import Fraction
from typing import Final

import av
import numpy as np
import pytest
from av.audio.codeccontext import AudioCodecContext

from agent.dialogue.speakable import speakable
from agent.media.block import BLOCK_SAMPLES, Pcm
from agent.transports.opus import Decoder
from bench.mark_tones import RATE, WORD_SECONDS, Heard, Listener, found, say
from bench.marks import CALLS, LOOPS, WORDS, Mark, marks_in

WORD: Final = round(WORD_SECONDS * RATE)


def marks(count: int, seed: int = 1) -> list[Mark]:
    dice = random.Random(seed)
    return [Mark(dice.randrange(LOOPS), dice.randrange(WORDS), dice.randrange(CALLS)) for _ in range(count)]


def sound(these: list[Mark]) -> Pcm:
    return np.concatenate([say(mark) for mark in these])


def through_opus(pcm: Pcm, application: str, bit_rate: int, loss: float, noise: float, seed: int) -> tuple[Pcm, int]:
    """The sound after an encoder and a decoder of libopus; packets that are lost leave 20 ms of silence. Returns how many were, too."""
    codec = av.CodecContext.create("libopus", "w")
    assert isinstance(codec, AudioCodecContext)
    codec.sample_rate, codec.layout, codec.format, codec.bit_rate = RATE, "mono", "s16", bit_rate
    codec.time_base = Fraction(1, RATE)
    codec.options = {"application": application, "frame_duration": "20"}
    decoder, dice, lost = Decoder(), np.random.default_rng(seed), 0
    out = []
    for number in range(len(pcm) // BLOCK_SAMPLES):
        frame = av.AudioFrame.from_ndarray(pcm[np.newaxis, number * BLOCK_SAMPLES :][:, :BLOCK_SAMPLES], format="s16", layout="mono")
        frame.sample_rate, frame.pts = RATE, number * BLOCK_SAMPLES
        for packet in codec.encode(frame):
            decoded = decoder.decode(bytes(packet))
            if dice.random() < loss:
                lost += 1
                decoded = np.zeros(BLOCK_SAMPLES, np.int16)
            out.append(decoded)
    heard = np.concatenate(out)
    return np.clip(heard + dice.normal(0, noise, len(heard)), -32768, 32767).astype(np.int16), lost


def test_words_are_read_back_from_a_text_that_was_made_speakable() -> None:
    these = marks(40)
    text = " ".join(f"{mark.text}{'.' if number % 6 == 5 else ''}" for number, mark in enumerate(these)).capitalize()
    assert marks_in(speakable(text)) == these
    assert marks_in("The other words, or bananarama, are no marks.") == []


def test_a_letter_that_is_wrong_makes_it_no_mark() -> None:
    for mark in marks(50):
        for place in range(0, 12, 2):
            changed = mark.text[:place] + ("b" if mark.text[place] != "b" else "z") + mark.text[place + 1 :]
            assert marks_in(changed) == []


@pytest.mark.parametrize("pause", [0, 7_001])
def test_the_sound_of_words_is_found_where_it_is(pause: int) -> None:
    these = marks(12)
    pcm = np.concatenate([np.concatenate([np.zeros(pause, np.int16), say(mark)]) for mark in these])
    heard = found(pcm)
    assert [h.mark for h in heard] == these
    assert all(abs(h.at - (number * (WORD + pause) + pause)) < RATE // 200 for number, h in enumerate(heard))


def test_a_word_that_is_broken_off_is_not_heard() -> None:
    first, second, third = marks(3)
    broken = np.concatenate([say(first), say(second)[: WORD * 2 // 3], np.zeros(RATE // 10, np.int16), say(third)])
    assert [h.mark for h in found(broken)] == [first, third]


def test_noise_and_other_tones_are_no_words() -> None:
    dice = np.random.default_rng(2)
    noise = dice.normal(0, 6_000, 4 * RATE)
    tones = sum(np.sin(np.arange(4 * RATE) * 2 * np.pi * hz / RATE) for hz in (500, 1_600, 3_500)) * 5_000
    assert found(noise.astype(np.int16)) == []
    assert found(np.asarray(tones, np.int16)) == []


@pytest.mark.parametrize(("application", "bit_rate"), [("voip", 32_000), ("audio", 48_000), ("lowdelay", 64_000)])
def test_words_survive_opus_noise_and_loss(application: str, bit_rate: int) -> None:
    """Of a packet that is lost a jitter buffer makes something like the one before; silence is worse."""
    these = marks(60, seed=4)
    clean, none = through_opus(sound([*these, *marks(1)]), application, bit_rate, 0.0, 300, seed=1)
    assert (none, [h.mark for h in found(clean)][:60]) == (0, these)
    pcm, lost = through_opus(sound([*these, *marks(1)]), application, bit_rate, 0.05, 300, seed=2)
    heard = [h.mark for h in found(pcm)]
    assert lost > 30
    assert set(heard) <= {*these, *marks(1)}
    assert len(set(heard) & set(these)) >= 58


def test_a_jitter_buffer_that_hurries_or_dawdles_is_understood() -> None:
    these = marks(20, seed=5)
    pcm = sound(these)
    for speed in (0.94, 1.06):
        places = np.arange(0, len(pcm) - RATE // 100, speed * RATE // 100).astype(int)
        pieces = [pcm[at : at + RATE // 100] for at in places]
        assert len(set(these) & {h.mark for h in found(np.concatenate(pieces))}) >= 18


def test_words_are_found_while_the_sound_comes_in() -> None:
    these = marks(30, seed=6)
    pcm = np.concatenate([sound(these[:15]), np.zeros(3 * RATE, np.int16), sound(these[15:]), np.zeros(RATE, np.int16)])
    listener, told = Listener(), list[Heard]()
    for at in range(0, len(pcm), 480):
        told += listener.hear(pcm[at : at + 480])
        assert not told or listener.samples - told[-1].at < 20 * RATE
    assert [h.mark for h in told] == these
    assert listener.heard == told
    whole = found(pcm)
    assert all(abs(h.at - other.at) < RATE // 100 for h, other in zip(told, whole, strict=True))
