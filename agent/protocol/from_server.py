"""What the server says. `base` tells what all messages have in common."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from agent.protocol.base import (
    Codec,
    Count,
    Identifier,
    InterruptReason,
    Language,
    LanguageChoice,
    Message,
    State,
)


class PersonaInfo(BaseModel):
    """Who answers."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)

    id: str
    name: str
    language: LanguageChoice


class ResumeTicket(BaseModel):
    """With `secret` the client may come back to the session for `ttl_ms`, from another connection or device. `number` is no secret: by it the client says that it
    has got this one."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)

    secret: str = Field(repr=False)
    number: Count
    ttl_ms: Count


class Line(BaseModel):
    """A part of the conversation as it was heard. `interrupted`: an answer that was cut; then `text` is what was heard of it."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)

    who: Literal["user", "agent"]
    text: str
    interrupted: bool = False


class PastCommand(BaseModel):
    """A command of an answer that is not heard again."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)

    id: str
    name: str
    args: dict[str, Any]


class ServerHello(Message):
    """The answer to the client's `hello`: the session is open. `stored` tells whether words are written down beyond the session, `recorded` whether the sound is.
    `resumed`: this is the session that the client named, and `restore` follows. `resume` is there when the session can be resumed. `blendshapes`: the names of what
    frames of the face hold, in their order, for a client that wants `blendshapes`.
    """

    example: ClassVar[dict[str, Any]] = {
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
    recorded: bool = False
    resumed: bool = False
    resume: ResumeTicket | None = None
    blendshapes: list[str] | None = None


class ResumeSecret(Message):
    """A newer secret, in the place of the one in `hello`, which is good until this one is confirmed or used."""

    example: ClassVar[dict[str, Any]] = {"secret": "Zm9yIHRoZSBleGFtcGxl", "number": 2, "ttl_ms": 600000}
    type: Literal["resume_secret"] = "resume_secret"
    secret: str = Field(repr=False)
    number: Count
    ttl_ms: Count


class Restore(Message):
    """After the `hello` of a session that goes on: what was said, as it was heard (the last of it, where it is long; `omitted` lines came before), the round in which
    it goes on, the page that the front end reported last, and the commands that came after that page. An answer that was not heard to its end follows from its start.
    """

    example: ClassVar[dict[str, Any]] = {
        "round": 4,
        "loop": 3,
        "lines": [{"who": "user", "text": "What is this?", "interrupted": False}],
        "omitted": 0,
        "version": 1,
        "content": "eyJwYWdlIjozfQ==",
        "commands": [{"id": "c1", "name": "show", "args": {"value": "bell"}}],
    }
    type: Literal["restore"] = "restore"
    round: Count
    loop: Count
    lines: list[Line]
    omitted: Count = 0
    version: Count | None = None
    content: str | None = None
    commands: list[PastCommand] = Field(default_factory=list)


class PageRequest(Message):
    """A round is over: let the front end report its page with `page_state`."""

    example: ClassVar[dict[str, Any]] = {"round": 3}
    type: Literal["page_request"] = "page_request"
    round: Count


class RoundUpdate(Message):
    """How it goes with a question and its answer. `loop` counts them. `confirmed`: the answer begins; `rolled_back`: there is none, and the counter is as it was;
    `heard` or `cut`: it will never be heard again; `closed`: its page has been reported, or there is none.
    """

    example: ClassVar[dict[str, Any]] = {"round": 3, "loop": 3, "status": "confirmed"}
    type: Literal["round_update"] = "round_update"
    round: Count
    loop: Count
    status: Literal["confirmed", "rolled_back", "heard", "cut", "closed"]
    reason: str | None = None


class StateUpdate(Message):
    """What the digital human is doing, at each change."""

    example: ClassVar[dict[str, Any]] = {"state": "thinking"}
    type: Literal["state_update"] = "state_update"
    state: State
    reason: str | None = None


class AsrPartial(Message):
    """What the user is understood to be saying, so far. Replaces the earlier text of the same `id`."""

    example: ClassVar[dict[str, Any]] = {"id": "u1", "text": "what is the", "language": "en"}
    type: Literal["asr_partial"] = "asr_partial"
    id: Identifier
    text: str
    language: Language | None = None


class AsrFinal(Message):
    """What the user was understood to say; it will be answered."""

    example: ClassVar[dict[str, Any]] = {"id": "u1", "text": "What is the tallest mountain?", "language": "en", "via": "voice"}
    type: Literal["asr_final"] = "asr_final"
    id: Identifier
    text: str
    language: Language | None = None
    via: Literal["voice", "text"] = "voice"


class AssistantTextDelta(Message):
    """The next piece of the answer's text, as it is spoken."""

    example: ClassVar[dict[str, Any]] = {"id": "a1", "text": "Mount Everest, "}
    type: Literal["assistant_text_delta"] = "assistant_text_delta"
    id: Identifier
    text: str


class AssistantText(Message):
    """The whole text of an answer that has ended; of an interrupted one, what was said."""

    example: ClassVar[dict[str, Any]] = {
        "id": "a1",
        "text": "Mount Everest, almost nine kilometres high.",
        "final": True,
        "interrupted": False,
    }
    type: Literal["assistant_text"] = "assistant_text"
    id: Identifier
    text: str
    final: Literal[True] = True
    interrupted: bool = False


class GenerationStart(Message):
    """The first sound of generation `gen` is at media sample `t0`."""

    example: ClassVar[dict[str, Any]] = {"t0": 96000}
    type: Literal["generation_start"] = "generation_start"
    t0: Count


class TurnStages(Message):
    """Sent with `generation_start` to a client that wants `stages`: when each stage of this answer was reached, in ms after the user fell silent.

    `silence` the pause was noticed, `transcript` the words were known, `asked` the model got them, `first_token` and `first_chunk` of its answer,
    `first_sound` of the voice, `commit` the turn was the digital human's, `out` the first sound was sent. What is smaller than `commit` was done ahead.
    """

    example: ClassVar[dict[str, Any]] = {
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

    example: ClassVar[dict[str, Any]] = {"t_end": 240000, "interrupted": False}
    type: Literal["generation_end"] = "generation_end"
    t_end: Count
    interrupted: bool = False


class ServerInterrupt(Message):
    """Stop: everything older than this envelope's `gen` is void, and media after `cut_t` of the older generation is not to be played."""

    example: ClassVar[dict[str, Any]] = {"cut_t": 130560, "reason": "voice"}
    type: Literal["interrupt"] = "interrupt"
    cut_t: Count
    reason: InterruptReason


class Hold(Message):
    """Somebody speaks: the answer `gen` falls silent at `cut_t`, for now. Mute at once; nothing fires until `resume`, or an `interrupt` ends it for good."""

    example: ClassVar[dict[str, Any]] = {"cut_t": 130560}
    type: Literal["hold"] = "hold"
    cut_t: Count


class Resume(Message):
    """It was no interruption: the answer goes on at `t0`, from the beginning of the word that was broken off, whose sound came at `from_t` before. What was still
    to happen from there on has moved by as much.
    """

    example: ClassVar[dict[str, Any]] = {"t0": 158400, "from_t": 124800}
    type: Literal["resume"] = "resume"
    t0: Count
    from_t: Count | None = None


class VisemeTimeline(Message):
    """Shapes of the mouth from media sample `t` of the envelope on, for `dur` samples: what was told before from `t` on is void.

    `ev` is flat: for each shape its samples after `t`, its id (0..14 of `set`, Oculus' order) and how far it is formed, in hundredths. A shape lasts until the
    next one. Shapes come 25 ms before their sound, as mouths do. `src`: how the times are known, from the voice (`tts`), by laying text over sound (`align`),
    from a model (`model`), or from loudness alone (`energy`).
    """

    example: ClassVar[dict[str, Any]] = {
        "set": "oculus15",
        "dur": 24000,
        "ev": [0, 1, 100, 4320, 10, 86, 12960, 8, 75, 19200, 0, 0],
        "src": "tts",
    }
    type: Literal["viseme_timeline"] = "viseme_timeline"
    set: Literal["oculus15"] = "oculus15"
    dur: Count
    ev: list[Count]
    src: Literal["tts", "align", "model", "energy"]


class EmotionTag(Message):
    """From media sample `t` of the envelope on the face shows this emotion; after `ttl` milliseconds it is neutral again. An unknown name is neutral."""

    example: ClassVar[dict[str, Any]] = {"name": "happy", "intensity": 1.0, "fade_ms": 300, "ttl": 6000}
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

    example: ClassVar[dict[str, Any]] = {"id": "c1", "name": "show", "args": {"value": "bell"}, "late": "run", "max_late_ms": 500, "dur": 0}
    type: Literal["control"] = "control"
    id: Identifier
    name: Annotated[str, Field(min_length=1, max_length=64)]
    args: dict[str, Any] = Field(default_factory=dict)
    late: Literal["run", "skip"] = "run"
    max_late_ms: Count = 500
    dur: Count = 0


class Subtitle(Message):
    """A piece of the answer's text, to be shown from media sample `t` of the envelope on. `words`: for each word (of Chinese: each character) the samples after
    `t` at which it is said, its first character in `text`, and how many. A later message of the same `id` replaces it: what was held has moved, and it holds the
    words that are still to come.
    """

    example: ClassVar[dict[str, Any]] = {"id": "a3.0", "text": "Mount Everest, ", "final": True, "words": [[0, 0, 5], [14400, 6, 7]]}
    type: Literal["subtitle"] = "subtitle"
    id: Identifier
    text: str
    final: bool = True
    words: list[Annotated[list[Count], Field(min_length=3, max_length=3)]]


class TtsAudioChunk(Message):
    """Answer audio for WebSocket clients that take JSON; binary frames of kind 2 carry the same without base64. The envelope's `t` is the first sample's media time."""

    example: ClassVar[dict[str, Any]] = {"codec": "pcm", "sample_rate": 24000, "seq": 3, "data": "AAAAAA=="}
    type: Literal["tts_audio_chunk"] = "tts_audio_chunk"
    codec: Codec
    sample_rate: int
    seq: Count
    data: str


class ContextAck(Message):
    """A `context_update` was taken, or why not."""

    example: ClassVar[dict[str, Any]] = {"version": 4, "accepted": True}
    type: Literal["context_ack"] = "context_ack"
    version: Count
    accepted: bool
    reason: str | None = None


class ErrorMessage(Message):
    """Something went wrong. `code` is one of the table of codes; `message` says what to do; a recoverable error leaves the session open."""

    example: ClassVar[dict[str, Any]] = {
        "code": "bad_message",
        "message": "text_input.text: expected at most 8000 characters",
        "recoverable": True,
    }
    type: Literal["error"] = "error"
    code: str
    message: str
    recoverable: bool
    retry_ms: Count | None = None


class Clock(Message):
    """The peer door's anchor: the RTP timestamp of media sample `t`."""

    example: ClassVar[dict[str, Any]] = {"rtp": 2463534242, "t": 0}
    type: Literal["clock"] = "clock"
    rtp: Count
    t: Count


class MediaFp(Message):
    """In a LiveKit room, while the voice sounds: its loudness, so that a client can find out which media sample it hears (through an SFU the sound carries no
    clock). Byte `k` of `b64` is for the `hop` media samples from `hop · (i0 + k)` on: every 8 samples (−1 … 1) are averaged, of the 60 averages X is the
    discrete Fourier transform, and the level is round(20 · log10(√(2 · Σ|X_b|², b = 2 … 18) / 60 + 1e-5) + 100), within 0 … 255.
    """

    example: ClassVar[dict[str, Any]] = {"i0": 1200, "hop": 480, "b64": "PEZQWls="}
    type: Literal["media_fp"] = "media_fp"
    i0: Count
    hop: Literal[480] = 480
    b64: str


class Pong(Message):
    """The answer to `ping`; `t` is the media sample being sent now."""

    example: ClassVar[dict[str, Any]] = {"id": 12, "t": 480000}
    type: Literal["pong"] = "pong"
    id: Count
    t: Count
