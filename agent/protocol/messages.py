"""All messages of the protocol."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, TypeAdapter

from agent.protocol.base import (
    MAX_CONTEXT,
    MAX_TEXT,
    RATE,
    Codec,
    Count,
    Identifier,
    InterruptMode,
    InterruptReason,
    Language,
    LanguageChoice,
    Message,
    Part,
    State,
)
from agent.protocol.from_client import (
    AudioChunk,
    AudioOptions,
    ClientHello,
    ClientInterrupt,
    ContextUpdate,
    Goodbye,
    PageState,
    Ping,
    Playout,
    ResumeConfirm,
    Settings,
    StartListen,
    StopListen,
    TextInput,
    UiEvent,
)
from agent.protocol.from_server import (
    AsrFinal,
    AsrPartial,
    AssistantText,
    AssistantTextDelta,
    Clock,
    ContextAck,
    Control,
    EmotionTag,
    ErrorMessage,
    GenerationEnd,
    GenerationStart,
    Hold,
    Line,
    MediaFp,
    PageRequest,
    PastCommand,
    PersonaInfo,
    Pong,
    Restore,
    Resume,
    ResumeSecret,
    ResumeTicket,
    RoundUpdate,
    ServerHello,
    ServerInterrupt,
    StateUpdate,
    Subtitle,
    TtsAudioChunk,
    TurnStages,
    VisemeTimeline,
)

ClientMessage = Annotated[
    ClientHello
    | StartListen
    | StopListen
    | AudioChunk
    | TextInput
    | ClientInterrupt
    | Settings
    | UiEvent
    | ContextUpdate
    | Playout
    | ResumeConfirm
    | PageState
    | Goodbye
    | Ping
    | Part,
    Field(discriminator="type"),
]
ServerMessage = Annotated[
    ServerHello
    | ResumeSecret
    | Restore
    | PageRequest
    | RoundUpdate
    | StateUpdate
    | AsrPartial
    | AsrFinal
    | AssistantTextDelta
    | AssistantText
    | GenerationStart
    | TurnStages
    | GenerationEnd
    | ServerInterrupt
    | Hold
    | Resume
    | VisemeTimeline
    | EmotionTag
    | Subtitle
    | Control
    | TtsAudioChunk
    | ContextAck
    | ErrorMessage
    | Clock
    | MediaFp
    | Pong
    | Part,
    Field(discriminator="type"),
]
CLIENT: TypeAdapter[ClientMessage] = TypeAdapter(ClientMessage)
SERVER: TypeAdapter[ServerMessage] = TypeAdapter(ServerMessage)

__all__ = [
    "CLIENT",
    "MAX_CONTEXT",
    "MAX_TEXT",
    "RATE",
    "SERVER",
    "AsrFinal",
    "AsrPartial",
    "AssistantText",
    "AssistantTextDelta",
    "AudioChunk",
    "AudioOptions",
    "ClientHello",
    "ClientInterrupt",
    "ClientMessage",
    "Clock",
    "Codec",
    "ContextAck",
    "ContextUpdate",
    "Control",
    "Count",
    "EmotionTag",
    "ErrorMessage",
    "GenerationEnd",
    "GenerationStart",
    "Goodbye",
    "Hold",
    "Identifier",
    "InterruptMode",
    "InterruptReason",
    "Language",
    "LanguageChoice",
    "Line",
    "MediaFp",
    "Message",
    "PageRequest",
    "PageState",
    "Part",
    "PastCommand",
    "PersonaInfo",
    "Ping",
    "Playout",
    "Pong",
    "Restore",
    "Resume",
    "ResumeConfirm",
    "ResumeSecret",
    "ResumeTicket",
    "RoundUpdate",
    "ServerHello",
    "ServerInterrupt",
    "ServerMessage",
    "Settings",
    "StartListen",
    "State",
    "StateUpdate",
    "StopListen",
    "Subtitle",
    "TextInput",
    "TtsAudioChunk",
    "TurnStages",
    "UiEvent",
    "VisemeTimeline",
]
