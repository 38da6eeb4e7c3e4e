"""The peer door: `POST /api/rtc/offer` answers an SDP offer; the browser is the other end of the connection, without a server between.

Data channels, made by the client: "visavis" (reliable, ordered: hello and everything else) and "visavis.fast" (heard too, once hello was said). The answer's RTP
timestamps are the media clock plus an origin, which `clock` tells. Refusals are JSON, `{"error": {code, message, recoverable, retry_ms?}}`.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import JSONResponse

from agent.aio import Tasks
from agent.config import Config
from agent.conversation.host import Busy, NotReady
from agent.protocol.messages import ErrorMessage
from agent.transports.credentials import Unauthorized, Verify, token_of_header
from agent.transports.visit import Host, error_message, refusal
from agent.transports.webrtc_connection import Peer
from agent.transports.webrtc_offer import MAX_OFFER_BYTES, BadOffer, Offer, read_offer


class _Refused(Exception):
    """The request cannot be served: an HTTP status, and the error of its body."""

    def __init__(self, status: int, error: ErrorMessage) -> None:
        super().__init__(error.message)
        self.status = status
        self.error = error

    def response(self) -> JSONResponse:
        headers = {401: {"WWW-Authenticate": "Bearer"}, 413: {"Connection": "close"}}.get(self.status, {})
        if self.error.retry_ms is not None:
            headers["Retry-After"] = str(-(-self.error.retry_ms // 1000))
        return JSONResponse({"error": self.error.model_dump(exclude={"type"}, exclude_none=True)}, self.status, headers)


async def _body(request: Request) -> bytes:
    """The request's body, of which no more than its limit is read."""
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > MAX_OFFER_BYTES:
            raise _Refused(413, error_message("too_large", f"an offer may have {MAX_OFFER_BYTES} bytes"))
    return bytes(body)


def _offer(body: bytes) -> Offer:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        raise _Refused(400, error_message("bad_json", 'expected JSON {"sdp": …, "type": "offer"}')) from None
    if not isinstance(value, dict) or value.get("type") != "offer" or not isinstance(value.get("sdp"), str):
        raise _Refused(400, error_message("bad_message", 'expected {"sdp": …, "type": "offer"}'))
    try:
        return read_offer(value["sdp"])
    except BadOffer as error:
        raise _Refused(400, error_message("bad_message", f"sdp: {error}")) from None


def _is_loopback(request: Request) -> bool:
    """Whether the page is on this machine."""
    try:
        return request.client is not None and ipaddress.ip_address(request.client.host).is_loopback
    except ValueError:
        return False


def peer_router(host: Host, verify: Verify, config: Config) -> APIRouter:
    """The door `POST /api/rtc/offer`. Its lifespan ends all connections; an application that includes it runs it with its own."""
    tasks = Tasks("peers")

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        await tasks.aclose()

    router = APIRouter(lifespan=lifespan)

    async def answer(request: Request) -> str:
        try:
            identity = verify(token_of_header(request.headers.get("authorization")))
        except Unauthorized as error:
            raise _Refused(401, error_message("unauthorized", str(error))) from None
        offer = _offer(await _body(request))
        try:
            place = await host.admit()
        except (Busy, NotReady) as error:
            raise _Refused(503, refusal(error)) from None
        peer = Peer(config.ice)
        try:
            sdp = await peer.answer(offer, loopback=_is_loopback(request))
            tasks.start(peer.stay(host, place, identity, config), "peer")
        except BaseException as error:
            place.release()
            await peer.shut()
            if isinstance(error, BadOffer):
                raise _Refused(400, error_message("bad_message", f"sdp: {error}")) from None
            raise
        return sdp

    schema = {"type": "object", "required": ["sdp", "type"], "properties": {"sdp": {"type": "string"}, "type": {"const": "offer"}}}

    @router.post(
        "/api/rtc/offer",
        summary="Answer a WebRTC offer",
        responses={400: {}, 401: {}, 413: {}, 503: {}},
        openapi_extra={"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}},
    )
    async def offer(request: Request) -> JSONResponse:
        try:
            return JSONResponse({"sdp": await answer(request), "type": "answer"})
        except _Refused as refused:
            return refused.response()

    return router
