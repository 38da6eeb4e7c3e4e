"""What messages of both sides have in common. Each class is one `type` on the wire; its fields are the `d` of the envelope.

Media time is an integer count of samples at 48 kHz (`RATE`). Text offsets are Unicode code points. Unknown fields are ignored, so that an older
side understands a newer one; unknown types are an error that names the known ones.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

RATE = 48_000
"""Samples of media time a second, at every door."""
MAX_TEXT = 8_000
"""Characters in one `text_input`."""
MAX_CONTEXT = 64_000
"""Characters in one `context_update`."""
MAX_FRAME_BYTES = 14 * 1024
"""A larger message travels in parts (or, in a LiveKit room, as a text stream)."""
MAX_PARTS = 256
"""Slices of one message: enough for the largest one, even if JSON escapes each of its characters."""

State = Literal["idle", "listening", "thinking", "speaking"]
Language = Literal["en", "zh"]
LanguageChoice = Literal["auto", "en", "zh"]
Codec = Literal["pcm", "opus"]
InterruptMode = Literal["auto", "strict", "off"]
InterruptReason = Literal["voice", "button", "text", "operator", "context"]
Identifier = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_.:-]+$")]
Count = Annotated[int, Field(ge=0, le=2**53 - 1)]


class Message(BaseModel):
    """Base of all messages: immutable, compared by value."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)

    example: ClassVar[dict[str, Any]]


class Part(Message):
    """A slice of a message that is larger than one frame: the JSON text of the whole envelope, cut into `n` slices. Both directions, not in LiveKit rooms."""

    example = {"id": "p1", "i": 0, "n": 2, "data": '{"v":1,"type":"con'}
    type: Literal["part"] = "part"
    id: Identifier
    i: Annotated[int, Field(ge=0, lt=MAX_PARTS)]
    n: Annotated[int, Field(ge=2, le=MAX_PARTS)]
    data: str = Field(max_length=MAX_FRAME_BYTES)
