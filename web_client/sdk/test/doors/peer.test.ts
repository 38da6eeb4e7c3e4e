import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Kind, encodeFrame } from "../../src/protocol/index.js";
import { dial } from "../../src/dial.js";
import { PeerDoor } from "../../src/doors/peer.js";
import { FakeAudio, FakePeer, FakeSocket, fakeBrowser } from "./browser.js";
import { envelope, microphone, setting } from "./setting.js";

const ok = () => Promise.resolve(new Response(JSON.stringify({ type: "answer", sdp: "answer", session_id: "s-1" })));

beforeEach(() => {
  vi.useFakeTimers();
  fakeBrowser();
  vi.stubGlobal("fetch", vi.fn(ok));
});
afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

async function open(...parameters: Parameters<typeof setting>) {
  const stage = setting(...parameters);
  const opening = PeerDoor.open(stage.given);
  await vi.advanceTimersByTimeAsync(0);
  const door = await opening;
  return { ...stage, door, peer: FakePeer.made.at(-1)! };
}

describe("opening", () => {
  test("asks no server but ours, and offers one audio line and two channels", async () => {
    const { context } = setting();
    const mic = microphone(context);
    const { peer } = await open({ microphone: mic });
    expect(peer.configuration).toEqual({ iceServers: [] });
    expect(peer.transceivers).toEqual([[mic.track, { direction: "sendrecv" }]]);
    expect(peer.channels.map(({ label, options }) => [label, options])).toEqual([
      ["visavis", { ordered: true }],
      ["visavis.fast", { ordered: false, maxRetransmits: 0 }],
    ]);
    const [url, init] = vi.mocked(fetch).mock.calls[0]!;
    expect(String(url)).toBe("http://127.0.0.1:8080/api/rtc/offer");
    expect(init).toMatchObject({ method: "POST", headers: { Authorization: "Bearer a.b.c" } });
    expect(JSON.parse(init!.body as string)).toMatchObject({ type: "offer", sdp: expect.stringContaining("a=candidate") as string });
  });

  test("waits a second at most for candidates", async () => {
    FakePeer.gathers = false;
    const opening = PeerDoor.open(setting().given);
    await vi.advanceTimersByTimeAsync(999);
    expect(fetch).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(1);
    expect(fetch).toHaveBeenCalled();
    await opening;
  });

  test.each([
    ["that is none", { sdp: 5 }, "bad_server"],
    ["that the browser refuses", { type: "answer", sdp: "nonsense" }, "bad_server"],
  ])("fails with an answer %s, and frees the connection", async (_, answer, code) => {
    vi.stubGlobal("fetch", () => Promise.resolve(new Response(JSON.stringify(answer))));
    await expect(PeerDoor.open(setting().given)).rejects.toMatchObject({ code });
    expect(FakePeer.made[0]!.close).toHaveBeenCalled();
  });

  test("can be given up", async () => {
    FakePeer.reachable = false;
    const controller = new AbortController();
    const failed = expect(PeerDoor.open(setting({ signal: controller.signal }).given)).rejects.toBe("enough");
    await vi.advanceTimersByTimeAsync(100);
    controller.abort("enough");
    await failed;
    expect(FakePeer.made[0]!.close).toHaveBeenCalled();
  });
});

describe("an open door", () => {
  test("passes messages on both ways, large ones in parts", async () => {
    const { door, peer, told } = await open();
    door.send(envelope("context_update", { version: 1, text: "a".repeat(30_000) }));
    expect(peer.channels[0]!.sent).toHaveLength(3);
    peer.channels[0]!.onmessage!({ data: "reliable" });
    peer.channels[1]!.onmessage!({ data: "fast" });
    peer.channels[0]!.onmessage!({ data: new ArrayBuffer(1) });
    expect(told).toEqual([
      ["text", "reliable"],
      ["text", "fast"],
    ]);
  });

  test("passes on frames of a face, and no other binary frame", async () => {
    const { peer, told } = await open();
    const face = { kind: Kind.BLENDSHAPES, gen: 2, seq: 1, t: 4800, opus: false, payload: Uint8Array.from([30, 0, 7]) } as const;
    for (const data of [encodeFrame(face), encodeFrame({ ...face, kind: Kind.ANSWER, payload: new Uint8Array(2) }), new ArrayBuffer(3)]) {
      peer.channels[1]!.onmessage!({ data });
    }
    expect(told).toEqual([["face", face]]);
  });

  test("in doubt says so, and believes again", async () => {
    const { peer, told } = await open();
    peer.become("connected");
    peer.become("disconnected");
    peer.become("connected");
    await vi.advanceTimersByTimeAsync(10_000);
    expect(told).toEqual([
      ["status", "reconnecting"],
      ["status", "connected"],
    ]);
  });

  test.each(["failed", "disconnected"])("that has %s is lost", async (state) => {
    const { peer, told } = await open();
    peer.become(state);
    await vi.advanceTimersByTimeAsync(4000);
    expect(told.at(-1)).toEqual(["closed", "connection_lost"]);
    expect(peer.close).toHaveBeenCalled();
  });

  test("that the server closes is lost, one that we close is not", async () => {
    const theirs = await open();
    theirs.peer.channels[0]!.onclose!();
    expect(theirs.told).toEqual([["closed", "connection_lost"]]);
    const ours = await open();
    await ours.door.close();
    expect(ours.peer.channels[0]!.onclose).toBeNull();
    expect(ours.told).toEqual([]);
  });
});

describe("sound", () => {
  const receiver = (rtpTimestamp: number) => ({
    getSynchronizationSources: () => [{ rtpTimestamp, timestamp: performance.now() }],
    getStats: () => Promise.resolve(new Map([["p", { type: "media-playout", totalPlayoutDelay: 0.02 * 48_000, totalSamplesCount: 48_000 }]])),
  });

  test("is heard by the clock that the server told, minus the way to the ear", async () => {
    const { door, peer } = await open();
    peer.ontrack!({ track: {}, receiver: receiver(148_000) });
    expect(door.speaker.heard()).toBeNull();
    door.clock(100_000, 0);
    expect(door.speaker.heard()).toBe(48_000);
    await vi.advanceTimersByTimeAsync(500);
    expect(door.speaker.heard()).toBe(48_000 - 960);
    await door.close();
  });

  test("is muted at once by an interrupt, until the new answer is at the ear", async () => {
    const { door, peer } = await open();
    const [element] = FakeAudio.made;
    let rtp = 100_000;
    peer.ontrack!({ track: {}, receiver: { ...receiver(0), getSynchronizationSources: () => [{ rtpTimestamp: rtp, timestamp: performance.now() }] } });
    door.clock(100_000, 0);
    expect(door.speaker.level()).toBeGreaterThan(0);
    door.speaker.purge(2);
    expect(element!.muted).toBe(true);
    expect(door.speaker.level()).toBe(0);
    await vi.advanceTimersByTimeAsync(5000);
    expect(element!.muted).toBe(true);
    door.speaker.begin(2, 20_000);
    await vi.advanceTimersByTimeAsync(100);
    expect(element!.muted).toBe(true);
    rtp = 121_000;
    await vi.advanceTimersByTimeAsync(20);
    expect(element!.muted).toBe(false);
    await door.close();
  });

  test("that the browser holds back is told", async () => {
    const { door, peer, told } = await open();
    FakeAudio.made[0]!.refusal = new DOMException("no gesture", "NotAllowedError");
    peer.ontrack!({ track: {}, receiver: receiver(0) });
    await vi.advanceTimersByTimeAsync(0);
    expect(told).toMatchObject([["trouble", "autoplay_blocked", expect.any(String)]]);
    door.clock(100_000, 0);
    expect(door.speaker.heard()).toBeNull(); // it is not
    FakeAudio.made[0]!.refusal = undefined;
    expect(door.speaker.heard()).not.toBeNull();
    await door.close();
  });
});

describe("auto", () => {
  const tried: string[] = [];
  const auto = (stage = setting()) => {
    tried.length = 0;
    return dial("auto", stage.given, (door) => tried.push(door));
  };

  test("takes the peer door when it opens", async () => {
    expect((await auto()).kind).toBe("peer");
    expect(tried).toEqual(["peer"]);
  });

  test("takes the WebSocket, with the same token, when WebRTC has not connected within 4 s of the answer", async () => {
    FakePeer.reachable = false;
    const opening = auto();
    await vi.advanceTimersByTimeAsync(3999);
    expect(FakeSocket.made).toHaveLength(0);
    await vi.advanceTimersByTimeAsync(1);
    FakeSocket.made[0]!.open();
    expect((await opening).kind).toBe("ws");
    expect(tried).toEqual(["peer", "ws"]);
    expect(FakePeer.made[0]!.close).toHaveBeenCalled();
  });

  test("does not wait where there is no candidate at all", async () => {
    FakePeer.candidates = "";
    const opening = auto();
    await vi.advanceTimersByTimeAsync(0);
    FakeSocket.made[0]!.open();
    expect((await opening).kind).toBe("ws");
    expect(fetch).not.toHaveBeenCalled();
  });

  test("takes the WebSocket when the server has no peer door", async () => {
    vi.stubGlobal("fetch", () => Promise.resolve(new Response("", { status: 404 })));
    const opening = auto();
    await vi.advanceTimersByTimeAsync(0);
    FakeSocket.made[0]!.open();
    expect((await opening).kind).toBe("ws");
  });

  test.each([
    [401, "unauthorized"],
    [503, "busy"],
  ])("does not try another door for status %i", async (status, code) => {
    vi.stubGlobal("fetch", () => Promise.resolve(new Response("", { status })));
    await expect(auto()).rejects.toMatchObject({ code });
    expect(tried).toEqual(["peer"]);
  });
});
