"""What a client sends, before anybody acts on it: decoded, put together from its parts, and counted. Sans I/O: data and the time go in."""

from __future__ import annotations

from typing import Any, Final

from agent.protocol.envelope import MAX_MESSAGE_BYTES, Envelope, decode_client
from agent.protocol.errors import ProtocolError
from agent.protocol.messages import AudioChunk, ErrorMessage, Part
from agent.protocol.parts import Joiner
from agent.transports.bucket import Bucket

FRAMES_PER_SECOND: Final = 200
"""Frames that may come in a second beside the messages: sound in chunks of 10 ms, at twice the pace of real time, and parts, of which the largest message has a few hundred."""
COMPLAINTS_AT_ONCE: Final = 10
"""Errors of one code that are told at once; then one a second."""


class Inbox:
    """One client's messages."""

    def __init__(self, messages_per_second: int) -> None:
        self._limit = messages_per_second
        self._messages = Bucket(messages_per_second, 2 * messages_per_second)
        self._frames = Bucket(messages_per_second + FRAMES_PER_SECOND, 2 * (messages_per_second + FRAMES_PER_SECOND))
        self._joiner = Joiner()

    def take(self, data: str | bytes, now: float) -> Envelope[Any] | None:
        """The message in `data`, or None when it is a part of one that is not complete. `now` is in seconds on any steady clock.

        Raises `ProtocolError`: `rate_limited` before any work is done, otherwise what the protocol says.
        """
        self.count(now)
        if len(data) > MAX_MESSAGE_BYTES:
            raise ProtocolError("too_large", f"a message may have {MAX_MESSAGE_BYTES} bytes; this one has {len(data)} or more")
        envelope = decode_client(data)
        if isinstance(envelope.message, AudioChunk):
            return envelope
        if isinstance(envelope.message, Part):
            whole = self._joiner.add(envelope.message)
            if whole is None:
                return None
            envelope = decode_client(whole)
            if isinstance(envelope.message, Part | AudioChunk):
                raise ProtocolError("bad_message", f"{envelope.message.type} cannot travel in parts")
        if not self._messages.take(1, now):
            raise ProtocolError("rate_limited", f"expected at most {self._limit} messages a second; the surplus is ignored")
        return envelope

    def count(self, now: float) -> None:
        """Count a frame of any kind. Raises `ProtocolError` (`rate_limited`)."""
        if not self._frames.take(1, now):
            raise ProtocolError("rate_limited", f"expected at most {self._limit} messages a second; the surplus is ignored")


class Complaints:
    """What a client is told about its mistakes: all of a few, and of a flood one a second."""

    def __init__(self) -> None:
        self._told: dict[str, Bucket] = {}

    def about(self, error: ErrorMessage, now: float) -> ErrorMessage | None:
        """`error`, or None when enough was said about its code."""
        bucket = self._told.get(error.code)
        if bucket is None:
            bucket = self._told[error.code] = Bucket(1, 1 if error.code == "rate_limited" else COMPLAINTS_AT_ONCE)
        return error if bucket.take(1, now) else None
