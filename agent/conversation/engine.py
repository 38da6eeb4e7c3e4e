"""AgentSession as a conversation runs it: our ear decides when a turn begins and ends, our floor who is heard, and nothing else does."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, Final, cast

from livekit import rtc
from livekit.agents import NOT_GIVEN, Agent, AgentSession
from livekit.agents.types import APIConnectOptions
from livekit.agents.voice import io
from livekit.agents.voice.agent_session import SessionConnectOptions
from livekit.agents.voice.room_io import RoomOptions, TextInputEvent, TextInputOptions, TextOutputOptions

from agent.config import Limits
from agent.conversation.ear import Ear
from agent.conversation.parts import Parts

RETRY_SECONDS: Final = 0.3
EVENTS_KEPT: Final = 256
"""AgentSession remembers every event of its life; a conversation that lasts for days must not."""
ITEMS_KEPT: Final = 400
"""Messages of the conversation that are kept in memory."""


class Deaf(io.AudioInput):
    """AgentSession's microphone: nothing comes this way, the ear listens at the door."""

    def __init__(self) -> None:
        super().__init__(label="visavis")

    async def __anext__(self) -> rtc.AudioFrame:
        await asyncio.Event().wait()
        raise StopAsyncIteration


def agent_session(ear: Ear, parts: Parts, limits: Limits, *, anticipates: bool) -> AgentSession[None]:
    """`anticipates`: an answer is prepared while the silence is waited out."""
    return AgentSession(
        stt=ear,
        vad=None,
        llm=parts.llm,
        tts=parts.tts,
        tts_text_transforms=None,
        aec_warmup_duration=None,
        user_away_timeout=None,
        session_close_transcript_timeout=0.0,
        turn_handling={
            "turn_detection": "stt",
            "endpointing": {"mode": "fixed", "min_delay": 0.0, "max_delay": 0.0},
            "interruption": {"enabled": True, "mode": "vad", "resume_false_interruption": False, "false_interruption_timeout": None},
            "preemptive_generation": {"enabled": anticipates, "preemptive_tts": True, "max_speech_duration": 120.0, "max_retries": 20},
        },
        conn_options=SessionConnectOptions(
            llm_conn_options=APIConnectOptions(max_retry=1, retry_interval=RETRY_SECONDS, timeout=limits.llm_seconds),
            tts_conn_options=APIConnectOptions(max_retry=1, retry_interval=RETRY_SECONDS, timeout=limits.tts_seconds),
            max_unrecoverable_errors=1_000_000,
        ),
    )


def room_options(identity: str, text: Callable[[AgentSession[None], TextInputEvent], None]) -> RoomOptions:
    """Of LiveKit's conventions those for text alone, with participant `identity` (empty: the first one)."""
    return RoomOptions(
        audio_input=False,
        audio_output=False,
        video_input=False,
        text_output=TextOutputOptions(sync_transcription=False),
        text_input=TextInputOptions(text_input_cb=text),
        close_on_disconnect=False,
        participant_identity=identity or NOT_GIVEN,
    )


def bound_events(session: AgentSession[Any]) -> None:
    """AgentSession has started: it keeps its last events only."""
    session._recorded_events = cast(Any, deque(session._recorded_events, maxlen=EVENTS_KEPT))


def bound_memory(session: AgentSession[Any], agent: Agent) -> None:
    """The oldest messages of a long conversation are forgotten."""
    for items in (agent._chat_ctx.items, session.history.items):
        if len(items) > ITEMS_KEPT:
            del items[: len(items) - ITEMS_KEPT]
