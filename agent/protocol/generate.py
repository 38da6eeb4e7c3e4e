"""Writes what is derived from the protocol: JSON Schema, TypeScript types and docs/protocol.md. `python -m agent.protocol.generate [--check]`."""

from __future__ import annotations

import inspect
import json
import sys
import typing
from pathlib import Path
from typing import Any, Final

from agent.protocol import messages as m
from agent.protocol.envelope import MAX_FRAME_BYTES, MAX_MESSAGE_BYTES, Envelope
from agent.protocol.errors import KINDS
from agent.protocol.frames import Flag, Kind
from agent.protocol.messages import Message

ROOT: Final = Path(__file__).resolve().parents[2]
ALIASES: Final = ("State", "Language", "LanguageChoice", "Codec", "InterruptReason")
NESTED: Final = (m.AudioOptions, m.PersonaInfo, m.ResumeTicket, m.Line, m.PastCommand)


def client_messages() -> tuple[type[Message], ...]:
    """The classes of `ClientMessage`, in order."""
    return typing.get_args(typing.get_args(m.ClientMessage)[0])


def server_messages() -> tuple[type[Message], ...]:
    """The classes of `ServerMessage`, in order."""
    return typing.get_args(typing.get_args(m.ServerMessage)[0])


def type_of(message: type[Message]) -> str:
    """The `type` on the wire."""
    return str(message.model_fields["type"].default)


def _body(model: type[Any]) -> dict[str, Any]:
    """The JSON Schema of a message's `d`."""
    schema: dict[str, Any] = model.model_json_schema(ref_template="#/$defs/{model}")
    schema["properties"] = {name: value for name, value in schema.get("properties", {}).items() if name != "type"}
    return schema


# ------------------------------------------------------------------------------------------------------------- JSON Schema


def json_schema() -> str:
    """One schema: an envelope is one of the client's or of the server's."""
    defs: dict[str, Any] = {}
    sides: dict[str, list[dict[str, str]]] = {"client": [], "server": []}
    for side, classes in (("client", client_messages()), ("server", server_messages())):
        for cls in classes:
            body = _body(cls)
            defs.update(body.pop("$defs", {}))
            body.pop("title", None)
            number = {"type": "integer", "minimum": 0, "maximum": 2**53 - 1}
            name = f"{side}.{type_of(cls)}"
            defs[name] = {
                "type": "object",
                "description": body.pop("description", ""),
                "properties": {
                    "v": {"const": 1},
                    "type": {"const": type_of(cls)},
                    "gen": number,
                    "seq": number,
                    "t": {"anyOf": [number, {"type": "null"}]},
                    "d": body,
                },
                "required": ["v", "type"] if not body.get("required") else ["v", "type", "d"],
            }
            sides[side].append({"$ref": f"#/$defs/{name}"})
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Visavis messages, version 1",
        "$defs": {**defs, "ClientEnvelope": {"oneOf": sides["client"]}, "ServerEnvelope": {"oneOf": sides["server"]}},
        "oneOf": [{"$ref": "#/$defs/ClientEnvelope"}, {"$ref": "#/$defs/ServerEnvelope"}],
    }
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


# ------------------------------------------------------------------------------------------------------------- TypeScript


def _aliases() -> dict[tuple[str, ...], str]:
    return {tuple(typing.get_args(getattr(m, name))): name for name in ALIASES}


def _ts(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        return str(schema["$ref"]).rsplit("/", 1)[-1]
    if "anyOf" in schema:
        return " | ".join(dict.fromkeys(_ts(option) for option in schema["anyOf"] if option.get("type") != "null"))
    if "const" in schema:
        return json.dumps(schema["const"])
    if "enum" in schema:
        values = tuple(schema["enum"])
        return _aliases().get(values) or " | ".join(json.dumps(value) for value in values)
    kind = schema.get("type")
    if kind == "array":
        inner = _ts(schema["items"])
        return f"({inner})[]" if "|" in inner else f"{inner}[]"
    if kind == "object":
        held = schema.get("additionalProperties")
        return f"Record<string, {_ts(held) if isinstance(held, dict) else 'unknown'}>"
    return {"integer": "number", "number": "number", "string": "string", "boolean": "boolean"}[str(kind)]


def _interface(model: type[Any], *, from_client: bool) -> str:
    doc = inspect.cleandoc(model.__doc__ or "").replace("\n", " ")
    body = _body(model)
    required = set(body.get("required", []))
    lines = []
    for name, schema in body["properties"].items():
        nullable = any(option.get("type") == "null" for option in schema.get("anyOf", []))
        optional = name not in required and (from_client or nullable)
        lines.append(f"  {name}{'?' if optional else ''}: {_ts(schema)};")
    if not lines:
        return f"/** {doc} */\nexport type {model.__name__} = Record<string, never>;\n"
    return f"/** {doc} */\nexport interface {model.__name__} {{\n" + "\n".join(lines) + "\n}\n"


def typescript() -> str:
    """The types of the SDK."""
    parts = ["// Generated from the protocol's Python definition. Do not edit.\n"]
    parts.append("".join(f"export type {name} = {' | '.join(json.dumps(v) for v in values)};\n" for values, name in _aliases().items()))
    parts += [_interface(cls, from_client=cls is m.AudioOptions) for cls in NESTED]
    parts += [_interface(cls, from_client=True) for cls in client_messages()]
    parts += [_interface(cls, from_client=False) for cls in server_messages() if cls not in client_messages()]
    for side, classes in (("Client", client_messages()), ("Server", server_messages())):
        rows = "\n".join(f"  {type_of(cls)}: {cls.__name__};" for cls in classes)
        parts.append(
            f"/** The `d` of each message from the {side.lower()}, by its `type`. */\nexport interface {side}Messages {{\n{rows}\n}}\n"
        )
    for side in ("Client", "Server"):
        parts.append(
            f"export type {side}Message = {{ [T in keyof {side}Messages]: {{ type: T; d: {side}Messages[T] }} }}[keyof {side}Messages];\n"
        )
    codes = " | ".join(json.dumps(code) for code in KINDS)
    parts.append(f"/** The codes of `error` messages. */\nexport type ErrorCode = {codes};\n")
    doc = inspect.cleandoc(Envelope.__doc__ or "").replace("or None for now", "or null for now")
    parts.append(
        f"/** {doc} */\nexport type Envelope<M extends ClientMessage | ServerMessage = ServerMessage> = "
        "M & { v: 1; gen: number; seq: number; t: number | null };\n"
    )
    return "\n".join(parts)


# ------------------------------------------------------------------------------------------------------------- Markdown


def _field_rows(model: type[Any]) -> list[str]:
    body = _body(model)
    required = set(body.get("required", []))
    rows = []
    for name, schema in body["properties"].items():
        limits = [
            text
            for option in (schema, schema.get("items", {}), *schema.get("anyOf", []))
            for key, text in (
                ("maxLength", f"at most {option.get('maxLength')} characters"),
                ("maxItems", f"at most {option.get('maxItems')}"),
                ("pattern", f"`{option.get('pattern')}`"),
            )
            if key in option
        ]
        default = schema.get("default")
        need = "required" if name in required else f"default `{json.dumps(default)}`" if default is not None else "optional"
        kind = _ts(schema).replace("|", "\\|")
        rows.append(f"| `{name}` | `{kind}` | {need}{'; ' + ', '.join(dict.fromkeys(limits)) if limits else ''} |")
    return rows


def _section(cls: type[Message]) -> str:
    doc = inspect.cleandoc(cls.__doc__ or "").replace("\n", " ")
    message = cls.model_validate(cls.example)
    example = Envelope(message, gen=3, seq=17, t=None).to_json().decode()
    rows = _field_rows(cls)
    table = "\n".join(["| field of `d` | type | |", "|---|---|---|", *rows]) + "\n\n" if rows else ""
    return f"### `{type_of(cls)}`\n\n{doc}\n\n{table}```json\n{example}\n```\n"


def markdown() -> str:
    """The reference for people, with an example of each message."""
    kinds = "\n".join(f"| `{k.code}` | {'yes' if k.recoverable else 'no'} | {k.meaning} |" for k in KINDS.values())
    aliases = "\n".join(f"- `{name}`: {', '.join(f'`{v}`' for v in values)}" for values, name in _aliases().items())
    nested = "\n".join(
        f"**{model.__name__}**: {inspect.cleandoc(model.__doc__ or '')}\n\n"
        + "\n".join(["| field | type | |", "|---|---|---|", *_field_rows(model)])
        + "\n"
        for model in NESTED
    )
    frame_kinds = "\n".join(f"- {int(k)}, {k.name.lower()}" for k in Kind)
    return f"""# The messages

This page is made from `agent/protocol`; so are `docs/protocol.schema.json` and the TypeScript types of the SDK.

## The envelope

Every message is a JSON object `{{"v": 1, "type": …, "gen": …, "seq": …, "t": …, "d": {{…}}}}` in UTF-8.

| field | meaning |
|---|---|
| `v` | version of the protocol, 1 |
| `type` | what the message is |
| `gen` | the generation id (also called turn id): it grows when an answer begins and at each interrupt; after an interrupt nothing of a smaller one counts |
| `seq` | counts the sender's messages, so that gaps and repetitions are seen |
| `t` | media time of the event: samples at 48 kHz since the session began, or null for now |
| `d` | the fields below |

Where it travels: the data channel `visavis` of a WebRTC peer, text frames of the WebSocket, data packets of topic `visavis` in a LiveKit room. The client's first
message is `hello`; the server answers with its own. A JSON message has at most {MAX_FRAME_BYTES} bytes; a larger one (up to {MAX_MESSAGE_BYTES}) travels in `part`
messages, or in a room as a text stream of topic `visavis`.

## Binary frames

Audio on the WebSocket may travel without JSON, behind a big-endian header of 20 bytes: `ver u8` (1), `kind u8`, `flags u16` (bit {int(Flag.OPUS) - 1}: Opus, otherwise 16-bit
little-endian PCM), `gen u32`, `seq u32`, `t u64`, then the payload.

{frame_kinds}

The microphone is 16 kHz mono, 20–40 ms a frame, and `t` counts its own samples: a gap is filled with silence, a repetition is dropped. An answer is 24 kHz mono
PCM, or Opus packets of 20 ms; `t` is the media sample of its first sample, and a jump in `t` is silence. A client asks for binary frames with
`wants: ["binary"]` in its `hello`, and for Opus with `audio.down`.

Blendshapes come to a client that has `blendshapes` in `wants`: on the lossy channel or topic `visavis.fast`, at the WebSocket among the others. The payload is
`fps u8`, `n u8` and `n` frames of 52 bytes (255 for 1.0) in the order that the server's `hello` names; the first is for media sample `t`, and a packet replaces what
came before from there on. `seq` counts these packets alone.

## Values

{aliases}

{nested}
## From the client

{"".join(_section(cls) + chr(10) for cls in client_messages())}## From the server

{"".join(_section(cls) + chr(10) for cls in server_messages() if cls is not m.Part)}## Error codes

| code | recoverable | meaning |
|---|---|---|
{kinds}
"""


OUTPUTS: Final = {
    "docs/protocol.schema.json": json_schema,
    "docs/protocol.md": markdown,
    "web_client/sdk/src/protocol.generated.ts": typescript,
}


def main(arguments: list[str]) -> int:
    """Write the files, or with --check say which are stale (exit code 1)."""
    stale = []
    for name, make in OUTPUTS.items():
        path, text = ROOT / name, make()
        if path.is_file() and path.read_text(encoding="utf-8") == text:
            continue
        if "--check" in arguments:
            stale.append(name)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            print(f"wrote {name}")
    if stale:
        print("stale: " + ", ".join(stale) + "; run `python -m agent.protocol.generate`", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
