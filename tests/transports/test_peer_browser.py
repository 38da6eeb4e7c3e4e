"""The peer door with a real browser: its candidates, its Opus, its data channels."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import pytest
from fastapi import FastAPI
from fastapi.responses import HTMLResponse
from playwright.async_api import Page, async_playwright

from agent.config import Config
from agent.transports.webrtc_peer import peer_router
from tests.transports.echo import TOKEN, EchoHost, serving, verify

pytestmark = pytest.mark.browser

CONNECT = """
async ({token, microphone}) => {
  const connection = new RTCPeerConnection({iceServers: []});
  const tracks = microphone ? (await navigator.mediaDevices.getUserMedia({audio: true})).getAudioTracks() : [];
  connection.addTransceiver(tracks[0] ?? "audio", {direction: "sendrecv"});
  const channel = connection.createDataChannel("visavis", {ordered: true});
  const messages = [];
  channel.onmessage = ({data}) => messages.push(JSON.parse(data));
  await connection.setLocalDescription(await connection.createOffer());
  await new Promise((done) => {
    if (connection.iceGatheringState === "complete") done();
    connection.onicegatheringstatechange = () => connection.iceGatheringState === "complete" && done();
  });
  const offer = connection.localDescription.sdp;
  const began = performance.now();
  const response = await fetch("/api/rtc/offer", {
    method: "POST", headers: {Authorization: `Bearer ${token}`, "Content-Type": "application/json"}, body: JSON.stringify({type: "offer", sdp: offer}),
  });
  const answered = performance.now();
  await connection.setRemoteDescription(await response.json());
  await new Promise((done) => { channel.onopen = done; });
  const opened = performance.now();
  channel.send(JSON.stringify({v: 1, type: "hello", gen: 0, seq: 1, t: null, d: {}}));
  Object.assign(window, {connection, channel, messages});
  return {offer, answer_ms: answered - began, open_ms: opened - began};
}
"""
RECEIVED = """
async () => {
  const stats = [...(await connection.getStats()).values()];
  const {packetsReceived = 0, totalAudioEnergy = 0, concealedSamples = 0} = stats.find(({type}) => type === "inbound-rtp") ?? {};
  return {packets: packetsReceived, energy: totalAudioEnergy, types: messages.map(({type}) => type)};
}
"""
SEND_A_PAGE = """
async () => {
  const bytes = new Uint8Array(1024 * 1024);
  for (let i = 0; i < bytes.length; i += 65536) crypto.getRandomValues(bytes.subarray(i, i + 65536));
  const content = btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
  const envelope = (type, d) => JSON.stringify({v: 1, type, gen: 0, seq: 2, t: null, d});
  const whole = envelope("page_state", {round: 1, version: 1, content});
  const size = 13_800;
  const n = Math.ceil(whole.length / size);
  for (let i = 0; i < n; i++) channel.send(envelope("part", {id: "p1", i, n, data: whole.slice(i * size, (i + 1) * size)}));
  for (;;) {
    const parts = messages.filter(({type}) => type === "part").map(({d}) => d);
    if (parts.length > 0 && parts.length === parts[0].n) return JSON.parse(parts.map(({data}) => data).join("")).d.content === content;
    await new Promise((done) => setTimeout(done, 20));
  }
}
"""


@asynccontextmanager
async def page_of(host: EchoHost, config: Config, chromium: str) -> AsyncIterator[Page]:
    app = FastAPI()
    app.include_router(peer_router(host, verify, config))

    @app.get("/", response_class=HTMLResponse)
    async def index() -> str:
        return "<!doctype html><title>Test</title>"

    arguments = ["--no-sandbox", "--use-fake-device-for-media-stream", "--autoplay-policy=no-user-gesture-required"]
    async with serving(app) as address, async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=arguments)
        context = await browser.new_context()
        page = await context.new_page()
        await page.goto(f"http://{address}/")
        yield page
        await browser.close()


async def until(page: Page, enough: str) -> Any:
    await page.wait_for_function(f"async () => {{ const now = await ({RECEIVED})(); return {enough}; }}", timeout=20_000)
    return await page.evaluate(RECEIVED)


async def test_a_page_that_hides_its_addresses_connects(host: EchoHost, config: Config, chromium_path: str) -> None:
    async with page_of(host, config, chromium_path) as page:
        result = await page.evaluate(CONNECT, {"token": TOKEN, "microphone": False})
        assert ".local" in result["offer"]
        await until(page, "now.packets > 50 && now.types.includes('clock')")
        print(f"\nanswered in {result['answer_ms']:.0f} ms, open after {result['open_ms']:.0f} ms")
        assert host.guests[0].received == []


async def test_a_page_with_a_microphone_is_heard_and_hears(host: EchoHost, config: Config, chromium_path: str) -> None:
    async with page_of(host, config, chromium_path) as page:
        await page.context.grant_permissions(["microphone"])
        result = await page.evaluate(CONNECT, {"token": TOKEN, "microphone": True})
        await host.until(lambda: bool(host.guests))
        (guest,) = host.guests
        await guest.until(lambda: len(guest.heard) > 3 * 32_000, 20)
        heard = np.frombuffer(bytes(guest.heard), "<i2").astype(float)
        assert np.abs(heard).max() > 500, "the fake microphone beeps"
        await until(page, "now.energy > 0")
        print(f"\nanswered in {result['answer_ms']:.0f} ms, open after {result['open_ms']:.0f} ms")
        await page.evaluate("connection.close()")
        await host.until(lambda: not host.places)


async def test_a_snapshot_of_1_mib_travels_both_ways(host: EchoHost, config: Config, chromium_path: str) -> None:
    async with page_of(host, config, chromium_path) as page:
        await page.evaluate(CONNECT, {"token": TOKEN, "microphone": False})
        async with asyncio.timeout(20):
            assert await page.evaluate(SEND_A_PAGE) is True
        assert [envelope.message.type for envelope in host.guests[0].received] == ["page_state"]


async def test_a_page_that_is_closed_gives_its_place_back(host: EchoHost, config: Config, chromium_path: str) -> None:
    async with page_of(host, config, chromium_path) as page:
        await page.evaluate(CONNECT, {"token": TOKEN, "microphone": False})
        await host.until(lambda: bool(host.guests))
        await page.close()
        await host.until(lambda: not host.places, 20)
