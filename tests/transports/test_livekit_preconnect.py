"""Pre-connect audio: decoded from what browsers and native clients record, and heard before live sound."""

from __future__ import annotations

import asyncio
import io
import time
from typing import Any

import av
import numpy as np
import pytest
from livekit import rtc

from agent.transports.livekit_preconnect import MAX_SECONDS, TOPIC, container, decode
from tests.transports.livekit_stage import RATE, Person, room_name, sine, staged, strength, until


def recorded(format_: str, codec: str, hz: float = 440, seconds: float = 1.0) -> bytes:
    """A sound file as a browser would make it."""
    out = io.BytesIO()
    with av.open(out, "w", format=format_) as file:
        stream = file.add_stream(codec, rate=RATE)
        stream.layout = "mono"
        resampler = av.AudioResampler(format=stream.format, layout="mono", rate=RATE, frame_size=stream.frame_size or None)
        frame = av.AudioFrame.from_ndarray(sine(hz, seconds).reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate = RATE
        for part in [*resampler.resample(frame), *resampler.resample(None)]:
            file.mux(stream.encode(part))
        file.mux(stream.encode(None))
    return out.getvalue()


@pytest.mark.parametrize(("format_", "codec"), [("webm", "libopus"), ("ogg", "libopus"), ("mp4", "aac")])
def test_containers_are_decoded(format_: str, codec: str) -> None:
    pcm = np.frombuffer(decode(recorded(format_, codec), {}), np.int16)
    assert abs(len(pcm) / 16_000 - 1.0) < 0.1
    assert strength(pcm[3_200:12_800], 440, 16_000) > 0.95


@pytest.mark.parametrize(("rate", "channels"), [(16_000, 1), (24_000, 1), (48_000, 2)])
def test_pcm_is_decoded(rate: int, channels: int) -> None:
    data = np.repeat(sine(440, 1.0, rate), channels).tobytes()
    pcm = np.frombuffer(decode(data, {"sampleRate": str(rate), "channels": str(channels)}), np.int16)
    assert abs(len(pcm) - 16_000) < 100
    assert strength(pcm[1_600:14_400], 440, 16_000) > 0.99


def test_only_the_newest_half_minute_is_kept() -> None:
    data = np.concatenate([sine(440, 20, 16_000), sine(900, MAX_SECONDS, 16_000)]).tobytes()
    pcm = np.frombuffer(decode(data, {"sampleRate": "16000", "channels": "1"}), np.int16)
    assert len(pcm) == MAX_SECONDS * 16_000
    assert strength(pcm[:16_000], 900, 16_000) > 0.9


@pytest.mark.parametrize(
    "attributes",
    [
        {},
        {"sampleRate": "48000"},
        {"sampleRate": "٤٨٠٠٠", "channels": "1"},
        {"sampleRate": "7", "channels": "1"},
        {"sampleRate": "48000", "channels": "9"},
    ],
)
def test_pcm_of_unknown_shape_is_refused(attributes: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="expected the attribute"):
        decode(b"\0" * 960, attributes)


def test_damaged_containers_are_refused() -> None:
    whole = recorded("webm", "libopus")
    with pytest.raises(ValueError, match="expected audio in matroska"):
        decode(whole[:4] + b"\xff" * 400, {})
    assert decode(whole[: len(whole) // 2], {}), "what is there of a cut file is heard"


def test_files_that_name_addresses_are_never_opened_as_such() -> None:
    playlist = b"#EXTM3U\n#EXTINF:10,\nhttp://127.0.0.1:9/secret.ts\n"
    assert container(playlist) is None
    assert len(decode(playlist, {"sampleRate": "16000", "channels": "1"})) == len(playlist) // 2 * 2


@pytest.mark.livekit
@pytest.mark.parametrize("announced", [True, False])
async def test_a_recording_is_heard_before_live_sound(livekit_server: Any, announced: bool) -> None:
    """With `announced`, the recording comes late; live sound waits for it."""
    async with staged(livekit_server) as stage, Person(stage, "ann", room_name()) as ann:
        await ann.join()
        agent = await ann.meets_agent()
        await ann.sing(1_200, preconnect=announced)
        assert ann.publication is not None
        await asyncio.sleep(0.5)
        await ann.room.local_participant.send_bytes(
            sine(440, 2.0, 24_000).tobytes(),
            topic=TOPIC,
            name="preconnect-buffer",
            destination_identities=[agent.identity],
            attributes={"trackId": ann.publication.sid, "sampleRate": "24000", "channels": "1"},
        )
        guest = await stage.guest()
        await until(lambda: len(guest.sound) > 4 * 16_000, what="four seconds heard")
        sound = guest.sound
        if announced:
            assert strength(sound[1_600:30_400], 440, 16_000) > 0.95
            assert strength(sound[33_600 : 33_600 + 16_000], 1_200, 16_000) > 0.9
        else:
            assert strength(sound[:48_000], 440, 16_000) < 0.01


@pytest.mark.livekit
async def test_a_recording_that_never_comes_is_waited_for_in_vain_and_nothing_is_lost(livekit_server: Any) -> None:
    async with staged(livekit_server) as stage, Person(stage, "ann", room_name()) as ann:
        await ann.join()
        guest = await stage.guest()
        await ann.sing(1_200, preconnect=True)
        began = time.monotonic()
        await until(lambda: guest.heard, what="sound")
        waited = time.monotonic() - began
        await until(lambda: len(guest.sound) > waited * 16_000, what="what was held back")
        assert 2.0 < waited < 5.0
        assert strength(guest.sound[3_200:32_000], 1_200, 16_000) > 0.9


@pytest.mark.livekit
async def test_a_recording_that_is_too_large_or_foreign_is_not_read(livekit_server: Any) -> None:
    async with staged(livekit_server) as stage, Person(stage, "ann", room_name()) as ann:
        await ann.join()
        guest = await stage.guest()
        for attributes in ({}, {"trackId": "TR_foreign", "sampleRate": "48000", "channels": "1"}):
            await ann.room.local_participant.send_bytes(bytes(8 * 1024 * 1024), topic=TOPIC, attributes=attributes)
        await ann.sing(800)
        await until(lambda: len(guest.sound) > 16_000, what="live sound")
        assert strength(guest.sound[-8_000:], 800, 16_000) > 0.9
        assert guest.ended is None
        assert isinstance(guest.room, rtc.Room)
