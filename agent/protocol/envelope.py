"""The JSON envelope `{v, type, gen, seq, t, d}` around a message, and the only place where messages become text or the other way round."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar, cast

import pydantic_core
from pydantic import TypeAdapter, ValidationError

from agent.protocol.base import MAX_FRAME_BYTES
from agent.protocol.errors import ProtocolError
from agent.protocol.messages import CLIENT, SERVER, ClientMessage, Message, ServerMessage

VERSION: Final = 1
MAX_MESSAGE_BYTES: Final = 1536 * 1024
"""A larger message is refused, whole or in parts: a page of 1 MiB has room, in base64."""

M = TypeVar("M", bound=Message)


@dataclass(frozen=True, slots=True)
class Envelope(Generic[M]):
    """A message with its place: `gen` is the generation id, `seq` counts the sender's messages, `t` is media time (samples at 48 kHz) or None for now."""

    message: M
    gen: int = 0
    seq: int = 0
    t: int | None = None

    def to_json(self) -> bytes:
        d = self.message.model_dump(exclude={"type"}, exclude_none=True)
        type_ = cast(Any, self.message).type
        return pydantic_core.to_json({"v": VERSION, "type": type_, "gen": self.gen, "seq": self.seq, "t": self.t, "d": d})


def decode_client(data: bytes | str) -> Envelope[Any]:
    """Read what a client sent. Raises `ProtocolError`; the `message` is one of `ClientMessage`."""
    return _decode(data, CLIENT)


def decode_server(data: bytes | str) -> Envelope[Any]:
    """Read what a server sent. Raises `ProtocolError`; the `message` is one of `ServerMessage`."""
    return _decode(data, SERVER)


def _decode(data: bytes | str, adapter: TypeAdapter[Any]) -> Envelope[Any]:
    raw = data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data
    if len(raw) > MAX_MESSAGE_BYTES:
        raise ProtocolError("too_large", f"a message may have {MAX_MESSAGE_BYTES} bytes; this one has {len(raw)}")
    try:
        value = pydantic_core.from_json(raw)
    except ValueError as error:
        raise ProtocolError("bad_json", f"expected JSON in UTF-8: {error}") from None
    if not isinstance(value, dict):
        raise ProtocolError("bad_envelope", f"expected an object {{v, type, gen, seq, t, d}}, not {type(value).__name__}")
    if value.get("v") != VERSION or isinstance(value.get("v"), bool):
        raise ProtocolError("bad_envelope", f"expected v: {VERSION}, not {_short(value.get('v'))}")
    type_ = value.get("type")
    if not isinstance(type_, str):
        raise ProtocolError("bad_envelope", f"expected type to be a string, not {_short(type_)}")
    body = value.get("d", {})
    if not isinstance(body, dict):
        raise ProtocolError("bad_envelope", f"expected d to be an object, not {_short(body)}")
    gen, seq, t = value.get("gen", 0), value.get("seq", 0), value.get("t")
    for name, number in (("gen", gen), ("seq", seq), ("t", t)):
        if name == "t" and number is None:
            continue
        if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number < 2**53:
            raise ProtocolError("bad_envelope", f"expected {name} to be a whole number from 0 to 2^53 - 1, not {_short(number)}")
    try:
        message = adapter.validate_python({**body, "type": type_})
    except ValidationError as error:
        raise _explain(type_, error) from None
    return Envelope(message, gen, seq, t)


def _explain(type_: str, error: ValidationError) -> ProtocolError:
    first = error.errors(include_url=False, include_context=True)[0]
    if first["type"] == "union_tag_invalid":
        expected = first.get("ctx", {}).get("expected_tags", "")
        return ProtocolError("unknown_type", f"type {_short(type_)} is not known; known are {expected}")
    place = ".".join(str(part) for part in first["loc"][1:])
    return ProtocolError("bad_message", f"{type_}{'.' if place else ''}{place}: {first['msg']}")


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."


__all__ = [
    "MAX_FRAME_BYTES",
    "MAX_MESSAGE_BYTES",
    "VERSION",
    "ClientMessage",
    "Envelope",
    "ServerMessage",
    "decode_client",
    "decode_server",
]
