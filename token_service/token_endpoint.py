"""`POST /api/token`: LiveKit's standard token endpoint, for every door."""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Callable
from typing import Annotated, Any, Final

from fastapi import APIRouter, Header, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agent.config import Config
from token_service.tokens import Tokens

MAX_BODY: Final = 64 * 1024
_NAME: Final = re.compile(r"^[\w.@ -]{1,128}$")
NO_STORE: Final = {"Cache-Control": "no-store"}


class AgentRequest(BaseModel):
    """An agent that the client asks for. Other fields (a deployment, attributes) are taken and ignored."""

    model_config = ConfigDict(extra="ignore")

    agent_name: str = Field(default="", max_length=128)
    metadata: str = Field(default="", max_length=8_192)


class TokenRequest(BaseModel):
    """The body, every field optional."""

    model_config = ConfigDict(extra="ignore")

    room_name: str | None = None
    participant_name: str | None = Field(default=None, max_length=128)
    participant_identity: str | None = None
    participant_metadata: str | None = Field(default=None, max_length=8_192)
    participant_attributes: dict[Annotated[str, Field(max_length=128)], Annotated[str, Field(max_length=1_024)]] | None = Field(
        default=None, max_length=32
    )
    room_config: dict[str, Any] | None = None


class Refused(Exception):
    """The request cannot be granted: `status` and a text that says what to change."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code


def router(config: Config, tokens: Tokens, own_url: Callable[[Request], str]) -> APIRouter:
    """`own_url` gives the `server_url` where there is no LiveKit."""
    routes = APIRouter()

    @routes.post("/api/token", summary="A token for every door", response_model=None)
    async def token(request: Request, authorization: Annotated[str | None, Header()] = None) -> JSONResponse:
        try:
            trusted = _authorize(config, authorization)
            body = _parse(await _read(request))
            answer = _grant(config, tokens, body, trusted=trusted, url=own_url(request))
        except Refused as refusal:
            error = {"error": {"code": refusal.code, "message": str(refusal)}}
            return JSONResponse(error, refusal.status, headers=NO_STORE)
        return JSONResponse(answer, 200, headers=NO_STORE)

    return routes


async def _read(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY:
            raise Refused(413, "too_large", f"the request may have {MAX_BODY} bytes")
    return bytes(body)


def _parse(raw: bytes) -> TokenRequest:
    try:
        return TokenRequest.model_validate_json(raw or b"{}")
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise Refused(400, "bad_request", f"{place + ': ' if place else ''}{first['msg']}") from None


def _authorize(config: Config, authorization: str | None) -> bool:
    """Whether the caller is a server of ours (an API key), which may choose rooms and identities. Raises `Refused`."""
    offered = (authorization or "").removeprefix("Bearer ").strip()
    for key in config.auth.api_keys:
        if offered and hmac.compare_digest(offered.encode(), key.get_secret_value().encode()):
            return True
    if config.auth.mode == "open":
        return True
    raise Refused(401, "unauthorized", "an API key is needed: Authorization: Bearer KEY, sent by your server and never by a page")


def _grant(config: Config, tokens: Tokens, body: TokenRequest, *, trusted: bool, url: str) -> dict[str, str]:
    for name, value in (("room_name", body.room_name), ("participant_identity", body.participant_identity)):
        if value and not _NAME.match(value):
            raise Refused(400, "bad_request", f"{name}: expected 1 to 128 letters, digits, spaces or . _ - @")
        if value and not trusted:
            raise Refused(403, "forbidden", f"{name} cannot be chosen here")
    attributes = body.participant_attributes or {}
    if reserved := [name for name in attributes if name.lower().startswith("lk.")]:
        raise Refused(400, "bad_request", f"participant_attributes: {reserved[0]} is reserved for LiveKit")
    room = body.room_name or f"visavis-{secrets.token_hex(8)}"
    identity = body.participant_identity or f"user-{secrets.token_hex(8)}"
    token = tokens.mint(
        identity=identity,
        room=room,
        name=body.participant_name or "",
        metadata=body.participant_metadata or "",
        attributes=attributes,
        agents=_agents(config, body.room_config or {}),
    )
    answer = {"server_url": config.livekit.public_url or config.livekit.url or url, "participant_token": token, "room_name": room}
    return {**answer, "participant_name": body.participant_name} if body.participant_name else answer


def _agents(config: Config, room_config: dict[str, Any]) -> list[tuple[str, str]]:
    """The agents to dispatch: only ours, with the client's metadata. Everything else in a room's configuration is refused, not copied."""
    if foreign := sorted(name for name, value in room_config.items() if name != "agents" and value):
        raise Refused(400, "bad_request", f"room_config.{foreign[0]} cannot be chosen by a client; only room_config.agents can")
    wanted = room_config.get("agents") or []
    if not isinstance(wanted, list) or len(wanted) > 4:
        raise Refused(400, "bad_request", "room_config.agents: expected a list of at most 4 agents")
    chosen: list[tuple[str, str]] = []
    for entry in wanted:
        try:
            agent = AgentRequest.model_validate(entry)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            raise Refused(400, "bad_request", f"room_config.agents: {first['msg']}") from None
        if agent.agent_name not in ("", config.agent_name):
            raise Refused(400, "bad_request", f"room_config.agents: {agent.agent_name} is not served here; ask for {config.agent_name!r}")
        chosen.append((config.agent_name, agent.metadata))
    if not config.agent_name:
        return []  # an agent without a name is dispatched to every room by LiveKit itself
    return chosen[:1] or [(config.agent_name, "")]
