"""A bad network between a page and a server on this machine: sound packets are lost and late on their way to the page.

WebRTC goes through a relay: the page learns the relay's port in place of the server's, and tells a wrong port of its own, so that there is no other way.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from typing import Any, Final

from playwright.async_api import Page, WebSocketRoute

LOSS: Final = 0.05
JITTER_SECONDS: Final = 0.08
RETRANSMIT_SECONDS: Final = 0.2
"""TCP loses nothing: what is lost comes so much later, and everything behind it too."""

THROUGH_RELAY: Final = """
(() => {
  const one = async (candidate) => {
    const words = candidate.split(" ");
    if (words.length < 8 || words[2].toLowerCase() !== "udp") return null;
    const port = await window.relayPort(words[4], Number(words[5]));
    return [...words.slice(0, 4), "127.0.0.1", port, ...words.slice(6)].join(" ");
  };
  const remote = async (sdp) => {
    const lines = await Promise.all(sdp.split("\\r\\n").map((line) => (line.startsWith("a=candidate:") ? one(line) : line)));
    return lines.filter((line) => line !== null).join("\\r\\n");
  };
  const peer = RTCPeerConnection.prototype;
  const { setRemoteDescription, addIceCandidate } = peer;
  peer.setRemoteDescription = async function ({ type, sdp }) {
    return setRemoteDescription.call(this, { type, sdp: sdp && (await remote(sdp)) });
  };
  peer.addIceCandidate = async function (told) {
    if (!told?.candidate) return addIceCandidate.call(this, told);
    const candidate = await one(told.candidate);
    if (candidate === null) return;
    return addIceCandidate.call(this, { candidate, sdpMid: told.sdpMid, sdpMLineIndex: told.sdpMLineIndex });
  };
  for (const name of ["localDescription", "currentLocalDescription", "pendingLocalDescription"]) {
    const { get } = Object.getOwnPropertyDescriptor(peer, name);
    Object.defineProperty(peer, name, {
      get() {
        const found = get.call(this);
        return found && new RTCSessionDescription({ type: found.type, sdp: found.sdp.replace(/(a=candidate:\\S+ \\d+ udp \\d+) \\S+ \\d+/gi, "$1 127.0.0.1 9") });
      },
    });
  }
  const kept = (listener) => (event) => event.candidate || listener?.call(event.target, event);
  const { get, set } = Object.getOwnPropertyDescriptor(peer, "onicecandidate");
  Object.defineProperty(peer, "onicecandidate", { get, set(listener) { set.call(this, listener && kept(listener)); } });
  const { addEventListener } = peer;
  peer.addEventListener = function (type, listener, options) {
    return addEventListener.call(this, type, type === "icecandidate" ? kept(listener) : listener, options);
  };
})();
"""
"""In the page, before anything else."""


def is_sound(packet: bytes) -> bool:
    """An RTP packet, and neither RTCP nor DTLS nor STUN (RFC 7983)."""
    return len(packet) > 1 and 128 <= packet[0] <= 191 and not 192 <= packet[1] <= 223


class _Side(asyncio.DatagramProtocol):
    """One of the two sockets of a relay."""

    def __init__(self) -> None:
        self.other: _Side
        self.transport: asyncio.DatagramTransport
        self.address: Any = None
        """To whom this side speaks."""
        self.impaired: random.Random | None = None
        self.lost = self.sounds = 0

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        if self.address is None or self.impaired is None:
            self.address = addr
        self.other.forward(data)

    def forward(self, data: bytes) -> None:
        if self.address is None or self.transport.is_closing():
            return
        chance = self.other.impaired
        if chance is None or not is_sound(data):
            self.transport.sendto(data, self.address)
            return
        self.sounds += 1
        if chance.random() < LOSS:
            self.lost += 1
            return
        asyncio.get_running_loop().call_later(JITTER_SECONDS * chance.random(), self._late, data)

    def _late(self, data: bytes) -> None:
        if not self.transport.is_closing():
            self.transport.sendto(data, self.address)


class Impairment:
    """Relays, one for each address that the page is told of."""

    def __init__(self) -> None:
        self._random = random.Random(5)
        self._relays: dict[tuple[str, int], tuple[_Side, _Side]] = {}

    @property
    def lost(self) -> int:
        """Sound packets that never reached the page."""
        return sum(page.lost for page, _ in self._relays.values())

    async def port(self, host: str, port: int) -> int:
        """Where the page reaches `host:port` through a relay."""
        if (host, port) not in self._relays:
            loop = asyncio.get_running_loop()
            _, page = await loop.create_datagram_endpoint(_Side, local_addr=("127.0.0.1", 0))
            _, server = await loop.create_datagram_endpoint(_Side, local_addr=("0.0.0.0", 0))
            page.other, server.other = server, page
            server.address, server.impaired = (host, port), self._random
            self._relays[host, port] = (page, server)
        found: int = self._relays[host, port][0].transport.get_extra_info("sockname")[1]
        return found

    def close(self) -> None:
        for sides in self._relays.values():
            for side in sides:
                side.transport.close()

    def websocket(self, page_side: WebSocketRoute) -> None:
        """Messages to the page come late, in their order."""
        server_side = page_side.connect_to_server()
        loop = asyncio.get_running_loop()
        due = 0.0

        def late(message: str | bytes) -> None:
            nonlocal due
            wait = JITTER_SECONDS * self._random.random() + (RETRANSMIT_SECONDS if self._random.random() < LOSS else 0.0)
            due = max(due, loop.time() + wait)
            loop.call_at(due, page_side.send, message)

        server_side.on_message(late)


@contextlib.asynccontextmanager
async def impaired(page: Page) -> AsyncIterator[Impairment]:
    """Everything that the page hears comes over a bad network. Before the page is opened."""
    impairment = Impairment()
    await page.expose_function("relayPort", impairment.port)
    await page.add_init_script(THROUGH_RELAY)
    await page.route_web_socket("**/ws/session", impairment.websocket)
    try:
        yield impairment
    finally:
        impairment.close()
