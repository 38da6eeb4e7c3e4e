"""The WebSocket door: `/ws/session`, sub-protocols `visavis.v1, token.TOKEN`.

Text frames are JSON envelopes, binary frames are sound (agent/protocol/frames.py). `hello.audio.down` chooses the coding of the answer, `"binary"` in
`hello.wants` its framing (agent/transports/websocket_sound.py). Close codes: 1000 the end, 1008 turned away, 1011 a fault of the server, 1013 try again later,
4000 the client read too slowly; the `error` message before it, and the reason, tell the code of the error.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any, Final

from fastapi import APIRouter, WebSocket, WebSocketDisconnect
from starlette.responses import JSONResponse
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from agent.aio import Tasks
from agent.config import Config, Limits
from agent.conversation.host import Busy, NotReady
from agent.conversation.ports import DoorKind
from agent.media.block import Block
from agent.protocol.envelope import Envelope
from agent.protocol.errors import ProtocolError
from agent.protocol.frames import Frame
from agent.protocol.messages import ClientHello, ErrorMessage, Message
from agent.transports.credentials import SUBPROTOCOL, Unauthorized, Verify, token_of_subprotocols
from agent.transports.outbox import Outbox, Shown, SlowReader
from agent.transports.visit import Arrivals, Host, Visit, error_message, refusal
from agent.transports.websocket_sound import Answer, MicrophoneFrames

logger = logging.getLogger("visavis.transports.websocket")

AHEAD_SECONDS: Final = 0.2
"""Sound that a client may have in its buffer: enough for a network's jitter, little to take back at an interrupt."""
CLOSE_SECONDS: Final = 1.0
"""How long a client may take to read its last words."""
ABORT_SECONDS: Final = 5.0
"""How long a connection that was closed may linger."""
MAX_FRAME_BYTES: Final = 16 * 1024 * 1024
"""A larger frame ends the connection (1009); one that is merely too large for a message is answered with `too_large`."""
READ_BYTES: Final = 16 * 1024
"""Bytes that are taken from a socket at once, so that a flood of tiny frames does not hold up the others."""

CLOSE_CODES: Final = {"busy": 1013, "not_ready": 1013, "resume_taken": 1013, "internal": 1011, "slow_reader": 4000}
_TURNED_AWAY: Final = 1008


class WebSocketProtocol(WebSocketsSansIOProtocol):
    """uvicorn's, with two bounds more: bytes read at once, and the time that a closed connection may linger with a client that does not read."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        if hasattr(transport, "max_size"):
            transport.max_size = READ_BYTES

    async def send(self, message: Any) -> None:
        await super().send(message)
        if message["type"] == "websocket.http.response.body":
            self.handshake_complete = True  # it was refused; uvicorn would log that it never came to an end

    async def run_asgi(self) -> None:
        await super().run_asgi()
        self.loop.call_later(ABORT_SECONDS, self.transport.abort)

    def keepalive_timeout(self) -> None:
        super().keepalive_timeout()
        self.loop.call_later(ABORT_SECONDS, self.transport.abort)


UVICORN: Final[dict[str, Any]] = {
    "ws": WebSocketProtocol,
    "ws_max_size": MAX_FRAME_BYTES,
    "ws_per_message_deflate": False,
    "ws_ping_interval": 10.0,
    "ws_ping_timeout": 10.0,
}
"""Settings of the uvicorn server that serves this door."""


class WebSocketClient:
    """One connected client (`ports.Transport`). `read` and `write` run as tasks beside the visit."""

    kind: DoorKind = "ws"
    ahead_seconds = AHEAD_SECONDS

    def __init__(self, websocket: WebSocket, limits: Limits) -> None:
        self.arrivals = Arrivals(1)
        self._websocket = websocket
        self._outbox = Outbox(limits.send_queue)
        self._answer = Answer(ClientHello())
        self._wake = asyncio.Event()
        self._written = asyncio.Event()
        self._last_word: ErrorMessage | None = None
        self._closing = False

    def agree(self, hello: ClientHello) -> None:
        self._answer = Answer(hello)

    def tell(self, message: Message) -> None:
        self.send(Envelope(message, self._outbox.numbering.gen))

    def send(self, envelope: Envelope[Any]) -> None:
        if self._closing:
            return
        if isinstance(envelope.message, ErrorMessage) and not envelope.message.recoverable:
            self._last_word = envelope.message
        try:
            self._outbox.put(envelope)
        except SlowReader as error:
            self._too_slow(error)
        except ProtocolError as error:
            logger.error("a message of the server cannot be sent: %s", error)
        self._wake.set()

    def show(self, frame: Frame) -> None:
        if not self._closing:
            self._outbox.show(frame.to_bytes())
            self._wake.set()

    async def play(self, block: Block) -> None:
        if self._closing:
            return
        try:
            for sound in self._answer.take(block):
                self._outbox.play(sound)
        except SlowReader as error:
            self._too_slow(error)
        self._wake.set()

    def clear(self) -> None:
        self._answer.clear()
        self._outbox.silence()

    async def close(self, error: ErrorMessage | None) -> None:
        if not self._closing:
            if error is not None:
                self.tell(error)
            self._closing = True
            self._wake.set()
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._written.wait()
        except TimeoutError:
            self._written.set()  # nobody is to wait for it again
        self.arrivals.end("the door was closed")

    def _too_slow(self, error: SlowReader) -> None:
        """Nothing more is written but the reason, if even that can be."""
        logger.warning("a client reads too slowly: %s", error)
        self._outbox.clear()
        self.tell(error_message("slow_reader", "the client read too slowly; connect again, and read what comes"))
        self._closing = True
        self.arrivals.end("it read too slowly")

    async def read(self) -> None:
        """Read until the client leaves."""
        while True:
            message = await self._websocket.receive()
            if message["type"] == "websocket.disconnect":
                break
            text = message.get("text")
            await self.arrivals.put(text if text is not None else message["bytes"])
        self.arrivals.end(f"the client left ({message.get('code')})")

    async def write(self) -> None:
        """Write what waits, until the door is closed and nothing waits, or the client is gone."""
        try:
            while True:
                item = self._outbox.pop()
                if isinstance(item, bytes):
                    await self._websocket.send_text(item.decode())
                elif isinstance(item, Shown):
                    await self._websocket.send_bytes(item.data)
                elif item is not None and self._answer.binary:
                    await self._websocket.send_bytes(self._answer.frame(item))
                elif item is not None:
                    for text in self._outbox.numbering.write(self._answer.message(item)):
                        await self._websocket.send_text(text.decode())
                elif self._closing:
                    break
                else:
                    self._wake.clear()
                    await self._wake.wait()
            word = self._last_word
            code = 1000 if word is None else CLOSE_CODES.get(word.code, _TURNED_AWAY)
            await self._websocket.close(code, "" if word is None else word.code)
        except (WebSocketDisconnect, RuntimeError):  # Starlette raises either when the client has gone
            self.arrivals.end("the connection was lost")
        finally:
            self._closing = True
            self._written.set()


def websocket_router(host: Host, verify: Verify, config: Config) -> APIRouter:
    """The door `/ws/session`. A server that mounts it is to be started with the settings `UVICORN`."""
    router = APIRouter()

    @router.websocket("/ws/session")
    async def session(websocket: WebSocket) -> None:
        offered: list[str] = websocket.scope["subprotocols"]
        try:
            identity = verify(token_of_subprotocols(offered))
        except Unauthorized as error:
            await _deny(websocket, 401, error_message("unauthorized", str(error)))
            return
        if SUBPROTOCOL not in offered:
            await _deny(websocket, 400, error_message("bad_message", f"expected the sub-protocols {SUBPROTOCOL}, token.TOKEN"))
            return
        await _serve(websocket, host, identity, config.limits)

    return router


async def _deny(websocket: WebSocket, status: int, error: ErrorMessage) -> None:
    """Refuse before the handshake: a browser sees a failed connection, others the status and the reason."""
    await websocket.send_denial_response(JSONResponse({"error": error.model_dump(exclude={"type"}, exclude_none=True)}, status))


async def _serve(websocket: WebSocket, host: Host, identity: str, limits: Limits) -> None:
    client = WebSocketClient(websocket, limits)
    tasks = Tasks("websocket", lambda error: client.arrivals.end("a fault of the server"))
    try:
        place = await host.admit()
    except (Busy, NotReady) as error:
        # Accepted all the same: a page cannot read the status of a refused handshake.
        await websocket.accept(SUBPROTOCOL)
        tasks.start(client.write(), "write")
        await client.close(refusal(error))
        await tasks.aclose()
        return
    try:
        await websocket.accept(SUBPROTOCOL)
        tasks.start(client.read(), "read")
        tasks.start(client.write(), "write")
        visit = Visit(host, client, place, identity, limits)
        await visit.run(client.arrivals, MicrophoneFrames(visit.hear))
        await client.close(None)
    finally:
        place.release()
        await tasks.aclose()
