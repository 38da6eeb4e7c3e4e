"""The codes of `error` messages, with what each means and what a client does about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class ErrorKind:
    """One code of the table in docs/protocol.md."""

    code: str
    recoverable: bool
    meaning: str


KINDS: Final = {
    kind.code: kind
    for kind in (
        ErrorKind("bad_json", True, "A frame was not JSON in UTF-8. It was ignored."),
        ErrorKind("bad_envelope", True, "A message had no valid envelope (v, type, gen, seq, t, d). It was ignored."),
        ErrorKind("unknown_type", True, "The message's type is not known here. It was ignored."),
        ErrorKind("bad_message", True, "A field of the message was missing or wrong; the text names it. It was ignored."),
        ErrorKind("bad_frame", True, "A binary frame had a wrong header or payload. It was ignored."),
        ErrorKind("bad_audio", True, "Audio of a wrong rate, length or coding, or too much of it at once. It was ignored."),
        ErrorKind("too_large", True, "The message is larger than the limit. It was ignored; send less."),
        ErrorKind("hello_expected", False, "The first message was no `hello`, or none came within the time limit. The door was closed."),
        ErrorKind("unknown_persona", False, "No persona of that name is configured."),
        ErrorKind("unauthorized", False, "The token is missing, wrong or expired. Fetch a new one and connect again."),
        ErrorKind("forbidden", False, "The credential does not allow this."),
        ErrorKind("busy", False, "All places are taken. Try again after `retry_ms`."),
        ErrorKind("not_ready", False, "The models are still being fetched or warmed. Try again after `retry_ms`."),
        ErrorKind(
            "resume_refused", False, "The resume secret is wrong, too old, or was replaced by one that was used. Begin a new session."
        ),
        ErrorKind(
            "resume_taken",
            False,
            "The session is being resumed by another client, or still held by a server that has died. Try again after `retry_ms`.",
        ),
        ErrorKind("taken_over", False, "Another client has resumed the session; this one is over."),
        ErrorKind("slow_reader", False, "The client read too slowly; its connection was closed."),
        ErrorKind("rate_limited", True, "Too many messages in too short a time. The surplus was ignored."),
        ErrorKind("asr_failed", True, "Speech recognition failed; say it again, or type."),
        ErrorKind("llm_failed", True, "The language model failed; ask again."),
        ErrorKind("tts_failed", True, "The voice failed; the answer goes on as text."),
        ErrorKind("internal", False, "A fault of the server; the session is closed. The server's log has the details."),
    )
}


class ProtocolError(ValueError):
    """What came cannot be understood. `code` is a key of `KINDS`; the text says what was expected and what came."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = KINDS[code].code
