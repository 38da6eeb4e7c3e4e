"""The messages, as small immutable values. Each class is one `type` on the wire; its fields are the `d` of the envelope.

Media time is an integer count of samples at 48 kHz (`RATE`). Text offsets are Unicode code points. Unknown fields are ignored, so that an older
side understands a newer one; unknown types are an error that names the known ones.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

RATE = 48_000
"""Samples of media time a second, at every door."""
MAX_TEXT = 8_000
"""Characters in one `text_input`."""
MAX_CONTEXT = 64_000
"""Characters in one `context_update`."""

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


# ------------------------------------------------------------------------------------------------------------- from the client


class AudioOptions(BaseModel):
    """How a WebSocket client sends and wants audio."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)

    up: Codec = "pcm"
    down: Codec = "pcm"


class ClientHello(Message):
    """The first message at every door. Without `session_id` a new session begins.

    `wants` may name `stages` (when each stage of an answer was reached), `binary` (sound in binary frames, at the WebSocket), `blendshapes` (frames of the
    whole face) and `echo_cancellation`: the client has no echo canceller of its own, so the server takes the digital human's voice out of what the microphone sends, up to 0.4 s late.
    """

    example = {"persona": "default", "language": "auto", "wants": ["subtitle"], "sdk": "visavis-web/0.1.0"}
    type: Literal["hello"] = "hello"
    session_id: Identifier | None = None
    resume: str | None = Field(default=None, max_length=256)
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

    example = {"seq": 7, "format": "pcm", "sample_rate": 16000, "data": "AAAAAA=="}
    type: Literal["audio_chunk"] = "audio_chunk"
    seq: Count
    format: Literal["pcm"] = "pcm"
    sample_rate: int = 16_000
    data: str = Field(max_length=16_384)


class TextInput(Message):
    """The user typed instead of speaking. It interrupts an answer that is being spoken."""

    example = {"text": "What can you do?", "id": "t1"}
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

    example = {"language": "zh", "interrupt": "strict"}
    type: Literal["settings"] = "settings"
    language: LanguageChoice | None = None
    interrupt: InterruptMode | None = None


class UiEvent(Message):
    """Something happened on the user's screen: a page turned, a picture clicked."""

    example = {"name": "page_turn", "data": {"page": 3}}
    type: Literal["ui_event"] = "ui_event"
    name: str = Field(min_length=1, max_length=64)
    data: dict[str, Any] = {}


class ContextUpdate(Message):
    """The text of the page or paragraph on the user's screen. It shapes the next answers; it is data, never an instruction. `version` only grows.

    An answer that is being given goes on, unless `interrupt` asks to end it.
    """

    example = {"version": 4, "text": "Gallery 3: a bronze bell of the Shang dynasty.", "ttl_ms": 600000}
    type: Literal["context_update"] = "context_update"
    version: Count
    text: str = Field(max_length=MAX_CONTEXT)
    ttl_ms: Annotated[int, Field(gt=0, le=86_400_000)] | None = None
    source: str | None = Field(default=None, max_length=200)
    interrupt: bool = False


class Playout(Message):
    """What was heard: the media sample now at the user's ear. Every 500 ms while sound plays, and on an interrupt."""

    example = {"gen": 3, "t_heard": 480000}
    type: Literal["playout"] = "playout"
    gen: Count
    t_heard: Count


class Ping(Message):
    """Asks for a `pong`: the time there and back, and the server's media time."""

    example = {"id": 12}
    type: Literal["ping"] = "ping"
    id: Count


class Part(Message):
    """A slice of a message that is larger than one frame: the JSON text of the whole envelope, cut into `n` slices. Both directions, not in LiveKit rooms."""

    example = {"id": "p1", "i": 0, "n": 2, "data": '{"v":1,"type":"con'}
    type: Literal["part"] = "part"
    id: Identifier
    i: Annotated[int, Field(ge=0, lt=64)]
    n: Annotated[int, Field(ge=2, le=64)]
    data: str


# ------------------------------------------------------------------------------------------------------------- from the server


class PersonaInfo(BaseModel):
    """Who answers."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)

    id: str
    name: str
    language: LanguageChoice


class ServerHello(Message):
    """The answer to the client's `hello`: the session is open. `stored` tells whether words are written down beyond the session. `blendshapes`: the names of what
    frames of the face hold, in their order, for a client that wants `blendshapes`.
    """

    example = {
        "session_id": "s-1f0c",
        "rate": 48000,
        "features": ["text_input", "interrupt"],
        "persona": {"id": "default", "name": "Vera", "language": "auto"},
        "ai": True,
        "stored": False,
    }
    type: Literal["hello"] = "hello"
    session_id: Identifier
    rate: Literal[48000] = 48_000
    features: list[str]
    persona: PersonaInfo
    ai: Literal[True] = True
    stored: bool
    blendshapes: list[str] | None = None


class StateUpdate(Message):
    """What the digital human is doing, at each change."""

    example = {"state": "thinking"}
    type: Literal["state_update"] = "state_update"
    state: State
    reason: str | None = None


class AsrPartial(Message):
    """What the user is understood to be saying, so far. Replaces the earlier text of the same `id`."""

    example = {"id": "u1", "text": "what is the", "language": "en"}
    type: Literal["asr_partial"] = "asr_partial"
    id: Identifier
    text: str
    language: Language | None = None


class AsrFinal(Message):
    """What the user was understood to say; it will be answered."""

    example = {"id": "u1", "text": "What is the tallest mountain?", "language": "en", "via": "voice"}
    type: Literal["asr_final"] = "asr_final"
    id: Identifier
    text: str
    language: Language | None = None
    via: Literal["voice", "text"] = "voice"


class AssistantTextDelta(Message):
    """The next piece of the answer's text, as it is spoken."""

    example = {"id": "a1", "text": "Mount Everest, "}
    type: Literal["assistant_text_delta"] = "assistant_text_delta"
    id: Identifier
    text: str


class AssistantText(Message):
    """The whole text of an answer that has ended; of an interrupted one, what was said."""

    example = {"id": "a1", "text": "Mount Everest, almost nine kilometres high.", "final": True, "interrupted": False}
    type: Literal["assistant_text"] = "assistant_text"
    id: Identifier
    text: str
    final: Literal[True] = True
    interrupted: bool = False


class GenerationStart(Message):
    """The first sound of generation `gen` is at media sample `t0`."""

    example = {"t0": 96000}
    type: Literal["generation_start"] = "generation_start"
    t0: Count


class TurnStages(Message):
    """Sent with `generation_start` to a client that wants `stages`: when each stage of this answer was reached, in ms after the user fell silent.

    `silence` the pause was noticed, `transcript` the words were known, `asked` the model got them, `first_token` and `first_chunk` of its answer,
    `first_sound` of the voice, `commit` the turn was the digital human's, `out` the first sound was sent. What is smaller than `commit` was done ahead.
    """

    example = {
        "stages": {
            "silence": 130,
            "transcript": 210,
            "asked": 212,
            "first_token": 330,
            "commit": 402,
            "first_chunk": 560,
            "first_sound": 600,
            "out": 612,
        }
    }
    type: Literal["turn_stages"] = "turn_stages"
    stages: dict[str, int]


class GenerationEnd(Message):
    """The last sample of generation `gen` was before `t_end` (its closing blank included)."""

    example = {"t_end": 240000, "interrupted": False}
    type: Literal["generation_end"] = "generation_end"
    t_end: Count
    interrupted: bool = False


class ServerInterrupt(Message):
    """Stop: everything older than this envelope's `gen` is void, and media after `cut_t` of the older generation is not to be played."""

    example = {"cut_t": 130560, "reason": "voice"}
    type: Literal["interrupt"] = "interrupt"
    cut_t: Count
    reason: InterruptReason


class Hold(Message):
    """Somebody speaks: the answer `gen` falls silent at `cut_t`, for now. Mute at once; nothing fires until `resume`, or an `interrupt` ends it for good."""

    example = {"cut_t": 130560}
    type: Literal["hold"] = "hold"
    cut_t: Count


class Resume(Message):
    """It was no interruption: the answer goes on at `t0`, from the beginning of the word that was broken off, whose sound came at `from_t` before. What was still
    to happen from there on has moved by as much.
    """

    example = {"t0": 158400, "from_t": 124800}
    type: Literal["resume"] = "resume"
    t0: Count
    from_t: Count | None = None


class VisemeTimeline(Message):
    """Shapes of the mouth from media sample `t` of the envelope on, for `dur` samples: what was told before from `t` on is void.

    `ev` is flat: for each shape its samples after `t`, its id (0..14 of `set`, Oculus' order) and how far it is formed, in hundredths. A shape lasts until the
    next one. Shapes come 25 ms before their sound, as mouths do. `src`: how the times are known, from the voice (`tts`), by laying text over sound (`align`),
    from a model (`model`), or from loudness alone (`energy`).
    """

    example = {"set": "oculus15", "dur": 24000, "ev": [0, 1, 100, 4320, 10, 86, 12960, 8, 75, 19200, 0, 0], "src": "tts"}
    type: Literal["viseme_timeline"] = "viseme_timeline"
    set: Literal["oculus15"] = "oculus15"
    dur: Count
    ev: list[Count]
    src: Literal["tts", "align", "model", "energy"]


class EmotionTag(Message):
    """From media sample `t` of the envelope on the face shows this emotion; after `ttl` milliseconds it is neutral again. An unknown name is neutral."""

    example = {"name": "happy", "intensity": 1.0, "fade_ms": 300, "ttl": 6000}
    type: Literal["emotion_tag"] = "emotion_tag"
    name: Annotated[str, Field(min_length=1, max_length=32)]
    intensity: Annotated[float, Field(ge=0, le=1)] = 1.0
    fade_ms: Count = 300
    ttl: Count = 6_000


class Control(Message):
    """At media sample `t` of the envelope something happens beside the speech: an expression, a page of courseware, the recording of a reply; any name, with
    what it needs in `args`. It takes `dur` samples, and the answer lasts as long. Commands come in order, and the same `id` is obeyed once. One that would
    be more than `max_late_ms` late is left out if `late` is `skip`, and carried out all the same if it is `run`. What hangs behind a hold happens after it.
    """

    example = {"id": "c1", "name": "show", "args": {"value": "bell"}, "late": "run", "max_late_ms": 500, "dur": 0}
    type: Literal["control"] = "control"
    id: Identifier
    name: Annotated[str, Field(min_length=1, max_length=64)]
    args: dict[str, Any] = {}
    late: Literal["run", "skip"] = "run"
    max_late_ms: Count = 500
    dur: Count = 0


class Subtitle(Message):
    """A piece of the answer's text, to be shown from media sample `t` of the envelope on. `words`: for each word (of Chinese: each character) the samples after
    `t` at which it is said, its first character in `text`, and how many. A later message of the same `id` replaces it: what was held has moved, and it holds the
    words that are still to come.
    """

    example = {"id": "a3.0", "text": "Mount Everest, ", "final": True, "words": [[0, 0, 5], [14400, 6, 7]]}
    type: Literal["subtitle"] = "subtitle"
    id: Identifier
    text: str
    final: bool = True
    words: list[Annotated[list[Count], Field(min_length=3, max_length=3)]]


class TtsAudioChunk(Message):
    """Answer audio for WebSocket clients that take JSON; binary frames of kind 2 carry the same without base64. The envelope's `t` is the first sample's media time."""

    example = {"codec": "pcm", "sample_rate": 24000, "seq": 3, "data": "AAAAAA=="}
    type: Literal["tts_audio_chunk"] = "tts_audio_chunk"
    codec: Codec
    sample_rate: int
    seq: Count
    data: str


class ContextAck(Message):
    """A `context_update` was taken, or why not."""

    example = {"version": 4, "accepted": True}
    type: Literal["context_ack"] = "context_ack"
    version: Count
    accepted: bool
    reason: str | None = None


class ErrorMessage(Message):
    """Something went wrong. `code` is one of the table of codes; `message` says what to do; a recoverable error leaves the session open."""

    example = {"code": "bad_message", "message": "text_input.text: expected at most 8000 characters", "recoverable": True}
    type: Literal["error"] = "error"
    code: str
    message: str
    recoverable: bool
    retry_ms: Count | None = None


class Clock(Message):
    """The peer door's anchor: the RTP timestamp of media sample `t`."""

    example = {"rtp": 2463534242, "t": 0}
    type: Literal["clock"] = "clock"
    rtp: Count
    t: Count


class MediaFp(Message):
    """In a LiveKit room, while the voice sounds: its loudness, so that a client can find out which media sample it hears (through an SFU the sound carries no
    clock). Byte `k` of `b64` is for the `hop` media samples from `hop · (i0 + k)` on: every 8 samples (−1 … 1) are averaged, of the 60 averages X is the
    discrete Fourier transform, and the level is round(20 · log10(√(2 · Σ|X_b|², b = 2 … 18) / 60 + 1e-5) + 100), within 0 … 255.
    """

    example = {"i0": 1200, "hop": 480, "b64": "PEZQWls="}
    type: Literal["media_fp"] = "media_fp"
    i0: Count
    hop: Literal[480] = 480
    b64: str


class Pong(Message):
    """The answer to `ping`; `t` is the media sample being sent now."""

    example = {"id": 12, "t": 480000}
    type: Literal["pong"] = "pong"
    id: Count
    t: Count


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
    | Ping
    | Part,
    Field(discriminator="type"),
]
ServerMessage = Annotated[
    ServerHello
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
