"""What clients say. `base` tells what all messages have in common."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from agent.protocol.base import (
    MAX_CONTEXT,
    MAX_TEXT,
    Codec,
    Count,
    Identifier,
    InterruptMode,
    LanguageChoice,
    Message,
)


class AudioOptions(BaseModel):
    """How a WebSocket client sends and wants audio."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)

    up: Codec = "pcm"
    down: Codec = "pcm"


class ClientHello(Message):
    """The first message at every door. With `session_id` and the newest `resume` secret of that session it goes on; without them a new one begins.

    `wants` may name `stages` (when each stage of an answer was reached), `binary` (sound in binary frames, at the WebSocket), `blendshapes` (frames of the
    whole face), `page_state` (the front end reports its page at the end of each round) and `echo_cancellation`: the client has no echo canceller of its own, so the server takes the digital human's voice out of what the microphone sends, up to 0.4 s late.
    """

    example: ClassVar[dict[str, Any]] = {"persona": "default", "language": "auto", "wants": ["subtitle"], "sdk": "visavis-web/0.1.0"}
    type: Literal["hello"] = "hello"
    session_id: Identifier | None = None
    resume: str | None = Field(default=None, max_length=256, repr=False)
    persona: str | None = Field(default=None, max_length=64)
    language: LanguageChoice | None = None
    wants: list[Annotated[str, Field(max_length=64)]] = Field(default=[], max_length=32)
    sdk: str | None = Field(default=None, max_length=64)
    audio: AudioOptions | None = None


class StartListen(Message):
    """The microphone is open: what it sends is heard."""

    example: ClassVar[dict[str, Any]] = {}
    type: Literal["start_listen"] = "start_listen"


class StopListen(Message):
    """The microphone is closed (muted, or the button of push-to-talk was released): what was said until now is answered."""

    example: ClassVar[dict[str, Any]] = {}
    type: Literal["stop_listen"] = "stop_listen"


class AudioChunk(Message):
    """20–40 ms of the microphone, 16 kHz mono, little-endian 16-bit PCM in base64. WebSocket only; binary frames of kind 1 carry the same without base64."""

    example: ClassVar[dict[str, Any]] = {"seq": 7, "format": "pcm", "sample_rate": 16000, "data": "AAAAAA=="}
    type: Literal["audio_chunk"] = "audio_chunk"
    seq: Count
    format: Literal["pcm"] = "pcm"
    sample_rate: int = 16_000
    data: str = Field(max_length=16_384)


class TextInput(Message):
    """The user typed instead of speaking. It interrupts an answer that is being spoken."""

    example: ClassVar[dict[str, Any]] = {"text": "What can you do?", "id": "t1"}
    type: Literal["text_input"] = "text_input"
    text: str = Field(min_length=1, max_length=MAX_TEXT)
    id: Identifier | None = None


class ClientInterrupt(Message):
    """The user wants silence, now."""

    example: ClassVar[dict[str, Any]] = {}
    type: Literal["interrupt"] = "interrupt"


class Settings(Message):
    """What the user changes in mid-conversation. `interrupt`: whether a voice stops an answer at once and is then judged (`auto`), only words that were
    understood do (`strict`), or the voice never does (`off`).
    """

    example: ClassVar[dict[str, Any]] = {"language": "zh", "interrupt": "strict"}
    type: Literal["settings"] = "settings"
    language: LanguageChoice | None = None
    interrupt: InterruptMode | None = None


class UiEvent(Message):
    """Something happened on the user's screen: a page turned, a picture clicked."""

    example: ClassVar[dict[str, Any]] = {"name": "page_turn", "data": {"page": 3}}
    type: Literal["ui_event"] = "ui_event"
    name: str = Field(min_length=1, max_length=64)
    data: dict[str, Any] = Field(default_factory=dict)


class ContextUpdate(Message):
    """The text of the page or paragraph on the user's screen. It shapes the next answers; it is data, never an instruction. `version` only grows.

    An answer that is being given goes on, unless `interrupt` asks to end it.
    """

    example: ClassVar[dict[str, Any]] = {"version": 4, "text": "Gallery 3: a bronze bell of the Shang dynasty.", "ttl_ms": 600000}
    type: Literal["context_update"] = "context_update"
    version: Count
    text: str = Field(max_length=MAX_CONTEXT)
    ttl_ms: Annotated[int, Field(gt=0, le=86_400_000)] | None = None
    source: str | None = Field(default=None, max_length=200)
    interrupt: bool = False


class Playout(Message):
    """What was heard: the media sample now at the user's ear. Every 500 ms while sound plays, and on an interrupt."""

    example: ClassVar[dict[str, Any]] = {"gen": 3, "t_heard": 480000}
    type: Literal["playout"] = "playout"
    gen: Count
    t_heard: Count


class ResumeConfirm(Message):
    """The secret of this number has arrived and is kept: those before it are good no more."""

    example: ClassVar[dict[str, Any]] = {"number": 2}
    type: Literal["resume_confirm"] = "resume_confirm"
    number: Count


class PageState(Message):
    """The front end's page at the end of round `round`, asked for by `page_request`: up to 1 MiB of its own, in base64, given back byte for byte when a client comes
    back. `version` is the front end's own number of the form in which it is written.
    """

    example: ClassVar[dict[str, Any]] = {"round": 3, "version": 1, "content": "eyJwYWdlIjozfQ=="}
    type: Literal["page_state"] = "page_state"
    round: Count
    version: Count
    content: str


class Goodbye(Message):
    """The user has ended the session: nobody will come back to it. A connection that is lost, or a page that is reloaded, says nothing."""

    example: ClassVar[dict[str, Any]] = {}
    type: Literal["goodbye"] = "goodbye"


class Ping(Message):
    """Asks for a `pong`: the time there and back, and the server's media time."""

    example: ClassVar[dict[str, Any]] = {"id": 12}
    type: Literal["ping"] = "ping"
    id: Count
