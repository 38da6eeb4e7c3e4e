"""The agent's track: nothing is skipped, nothing is queued, and what is everybody's business in livekit.rtc stays with its owner."""

from __future__ import annotations

import asyncio
import gc
import weakref
from typing import Any

import numpy as np
import pytest
from livekit import rtc
from livekit.rtc._ffi_client import FfiClient
from livekit.rtc._proto.audio_frame_pb2 import CaptureAudioFrameCallback
from livekit.rtc._proto.ffi_pb2 import FfiEvent

from agent.media.block import BLOCK_SAMPLES, SILENCE, Block
from agent.transports.livekit_ffi import BlockWriter
from agent.transports.livekit_voice import Voice
from tests.transports.livekit_stage import RATE, Person, room_name, sine, staged, until

BLOCK_SECONDS = BLOCK_SAMPLES / RATE


async def test_blocks_never_wait_for_a_queue() -> None:
    voice = Voice()
    clock = asyncio.get_running_loop().time
    waits = []
    for i in range(100):
        before = clock()
        await voice.play(Block(i * BLOCK_SAMPLES, SILENCE, 0, blank=i % 2 == 0))
        waits.append(clock() - before)
    assert float(np.median(waits)) < BLOCK_SECONDS / 4
    await voice.aclose()


async def test_the_events_of_a_block_reach_nobody_else() -> None:
    source = rtc.AudioSource(RATE, 1, queue_size_ms=20)
    writer = BlockWriter(source)
    others = FfiClient.instance.queue.subscribe()
    try:
        for _ in range(10):
            await writer.write(SILENCE)
        await asyncio.sleep(0.05)
        assert [e for e in _drained(others) if e.WhichOneof("message") == "capture_audio_frame"] == []
        stock = rtc.AudioSource(RATE, 1)
        await stock.capture_frame(rtc.AudioFrame(bytes(1_920), RATE, 1, 960))
        await asyncio.sleep(0.05)
        assert [e.WhichOneof("message") for e in _drained(others)] == ["capture_audio_frame"], "livekit.rtc's own way still works"
        await stock.aclose()
    finally:
        FfiClient.instance.queue.unsubscribe(others)
        writer.close()
        await source.aclose()


async def test_a_block_that_was_under_way_at_the_end_is_nobodys_business() -> None:
    source = rtc.AudioSource(RATE, 1, queue_size_ms=0)
    writer = BlockWriter(source)
    client = FfiClient.instance
    others = client.queue.subscribe(filter_fn=lambda event: event.WhichOneof("message") == "capture_audio_frame")
    try:
        writer.close()
        for number in (writer._id, 7):  # of the closed writer, and of livekit.rtc's own way
            client.queue.put(FfiEvent(capture_audio_frame=CaptureAudioFrameCallback(async_id=number)))
        assert (await others.get()).capture_audio_frame.async_id == 7
    finally:
        client.queue.unsubscribe(others)
        await source.aclose()


def _drained(queue: Any) -> list[Any]:
    events = []
    while not queue.empty():
        events.append(queue.get_nowait())
    return events


async def test_a_closed_source_is_an_error_and_not_a_hang(caplog: pytest.LogCaptureFixture) -> None:
    voice = Voice()
    await voice.play(Block(0, SILENCE, 0, blank=True))
    await voice._source.aclose()
    for i in range(3):
        await voice.play(Block(i, SILENCE, 0, blank=True))
    assert [r.message for r in caplog.records if r.name == "visavis.livekit"] == [
        "the agent's voice cannot be sent: the native library did not take a block of sound; the audio source is closed"
    ]


async def test_voices_are_freed() -> None:
    voice = Voice()
    await voice.play(Block(0, sine(440, BLOCK_SECONDS), 0, blank=False))
    await voice.aclose()
    gone = weakref.ref(voice)
    del voice
    gc.collect()
    assert gone() is None


@pytest.mark.livekit
async def test_nothing_is_skipped_on_the_way(livekit_server: Any) -> None:
    """A tone of 4 s between silences is heard for 4 s in one piece, while the event loop stumbles now and then."""
    async with staged(livekit_server) as stage, Person(stage, "ann", room_name()) as ann:
        await ann.join(listen=True)
        guest = await stage.guest()
        await until(lambda: len(ann.sound) > RATE, what="a second of silence")
        guest.sing(sine(880, 4.0))

        def level() -> np.ndarray[Any, np.dtype[np.float64]]:
            sound = ann.sound.astype(np.float64)
            return np.sqrt((sound[: len(sound) // 480 * 480].reshape(-1, 480) ** 2).mean(axis=1))

        async def stumble() -> None:
            import time

            while True:
                await asyncio.sleep(0.4)
                time.sleep(0.015)  # noqa: ASYNC251 - the stumbling

        stumbling = asyncio.create_task(stumble())
        try:
            await until(lambda: (level() > 1_000).sum() > 350, what="the tone")
            await asyncio.sleep(1.0)
        finally:
            stumbling.cancel()
        loud = np.flatnonzero(level() > 1_000)
        assert abs((loud[-1] - loud[0] + 1) / 100 - 4.0) < 0.06
        assert len(loud) >= 0.98 * (loud[-1] - loud[0] + 1)
