import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { WebSocketDoor } from "../../src/doors/websocket.js";
import { Kind, decodeFrame, encodeFrame } from "../../src/protocol/index.js";
import { FakeSocket, FakeWorklet, fakeBrowser } from "./browser.js";
import { envelope, microphone, setting } from "./setting.js";

beforeEach(() => {
  vi.useFakeTimers();
  fakeBrowser();
});
afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

async function open(...parameters: Parameters<typeof setting>) {
  const stage = setting(...parameters);
  const opening = WebSocketDoor.open(stage.given);
  await vi.advanceTimersByTimeAsync(0);
  const socket = FakeSocket.made.at(-1)!;
  socket.open();
  return { ...stage, socket, door: await opening };
}

async function openWithMicrophone() {
  const { context } = setting();
  const mic = microphone(context);
  const stage = await open({ microphone: mic });
  const capture = FakeWorklet.named("visavis-microphone");
  const frame = (): void => capture.port.onmessage!({ data: new Int16Array(320).fill(7).buffer });
  const sounds = () => stage.socket.sent.filter((data) => data instanceof ArrayBuffer).map((data) => decodeFrame(data));
  return { ...stage, mic, frame, sounds };
}

describe("opening", () => {
  test("shows the token as a sub-protocol, never in the address", async () => {
    const { socket } = await open();
    expect(socket.url).toBe("ws://127.0.0.1:8080/ws/session");
    expect(socket.protocols).toEqual(["visavis.v1", "token.a.b.c"]);
  });

  test("is wss from https, and keeps the server's path", async () => {
    const { socket } = await open({ base: new URL("https://example.org/talk/") });
    expect(socket.url).toBe("wss://example.org/talk/ws/session");
  });

  test("fails when nobody answers, and when the handshake is refused", async () => {
    const late = WebSocketDoor.open(setting().given);
    const failed = expect(late).rejects.toMatchObject({ code: "timeout" });
    await vi.advanceTimersByTimeAsync(5000);
    await failed;
    expect(FakeSocket.made.at(-1)!.close).toHaveBeenCalled();

    const refused = expect(WebSocketDoor.open(setting().given)).rejects.toMatchObject({ code: "unreachable" });
    await vi.advanceTimersByTimeAsync(0);
    FakeSocket.made.at(-1)!.onclose!({ reason: "" });
    await refused;
  });

  test("loads the worklets from files of their own", async () => {
    const { context } = await open();
    const [url] = context.audioWorklet.addModule.mock.calls[0]!;
    expect(url.pathname).toMatch(/\/worklets\/player\.js$/);
  });
});

describe("the microphone", () => {
  test("goes out as numbered frames of 20 ms on its own clock", async () => {
    const { frame, sounds } = await openWithMicrophone();
    frame();
    frame();
    expect(sounds()).toMatchObject([
      { kind: Kind.MICROPHONE, seq: 0, t: 0, opus: false },
      { kind: Kind.MICROPHONE, seq: 1, t: 320 },
    ]);
    expect(sounds()[0]!.payload.byteLength).toBe(640);
  });

  test("sends nothing while it is muted, and goes on where it stopped", async () => {
    const { frame, sounds, mic } = await openWithMicrophone();
    frame();
    mic.track.enabled = false;
    frame();
    mic.track.enabled = true;
    frame();
    expect(sounds().map(({ t }) => t)).toEqual([0, 320]);
  });

  test("leaves frames out when the network is too slow, and its clock goes on: the server hears silence, not the past", async () => {
    const { frame, sounds, socket } = await openWithMicrophone();
    frame();
    socket.bufferedAmount = 100_000;
    frame();
    socket.bufferedAmount = 0;
    frame();
    expect(sounds().map(({ t }) => t)).toEqual([0, 640]);
  });
});

describe("an answer", () => {
  const sound = (gen: number, t: number) => encodeFrame({ kind: Kind.ANSWER, gen, seq: 0, t, opus: false, payload: new Uint8Array(960) });

  test("is handed to the player with its generation and its time", async () => {
    const { socket } = await open();
    socket.onmessage!({ data: sound(3, 9600) });
    const [{ chunk } = {}] = FakeWorklet.named("visavis-player").posted;
    expect(chunk).toMatchObject({ gen: 3, t: 9600 });
    expect(chunk!.samples).toHaveLength(960);
  });

  test("that came as JSON is played alike; what is no base64 or another coding is left out", async () => {
    const { door } = await open();
    door.audio(3, 9600, { codec: "pcm", sample_rate: 24_000, data: btoa("\0".repeat(960)) });
    door.audio(3, 9600, { codec: "pcm", sample_rate: 24_000, data: "%%%" });
    door.audio(3, 9600, { codec: "opus", sample_rate: 48_000, data: "AAAA" });
    const { posted } = FakeWorklet.named("visavis-player");
    expect(posted).toHaveLength(1);
    expect(posted[0]!.chunk).toMatchObject({ gen: 3, t: 9600 });
  });

  test("comes with a face", async () => {
    const { socket, told } = await open();
    const face = { kind: Kind.BLENDSHAPES, gen: 2, seq: 1, t: 4800, opus: false, payload: Uint8Array.from([30, 0, 7]) } as const;
    socket.onmessage!({ data: encodeFrame(face) });
    expect(told).toEqual([["face", face]]);
    expect(FakeWorklet.named("visavis-player").posted).toEqual([]);
  });

  test("of an older generation, and what is no frame, is not played", async () => {
    const { socket } = await open({ admits: (gen) => gen >= 4 });
    for (const data of [sound(3, 0), new ArrayBuffer(3), encodeFrame({ kind: 1, gen: 9, seq: 0, t: 0, opus: false, payload: new Uint8Array(2) })]) {
      socket.onmessage!({ data });
    }
    expect(FakeWorklet.named("visavis-player").posted).toEqual([]);
  });

  test("is purged in the player", async () => {
    const { door } = await open();
    door.speaker.purge(7);
    expect(FakeWorklet.named("visavis-player").posted).toEqual([{ purge: 7 }]);
  });

  test("is heard where the player's marks say", async () => {
    const { door } = await open();
    expect(door.speaker.heard()).toBeNull();
    const player = FakeWorklet.named("visavis-player");
    player.port.onmessage!({ data: { marks: [{ frame: 40_000, t: 96_000 }], underruns: 0, dropped: 0 } });
    expect(door.speaker.heard()).toBe(96_000 + 48_000 - 40_000);
  });
});

describe("messages", () => {
  test("are cut into parts when they are large", async () => {
    const { door, socket } = await open();
    door.send(envelope("context_update", { version: 1, text: "a".repeat(30_000) }));
    expect(socket.sent.map((data) => (JSON.parse(data as string) as { type: string }).type)).toEqual(["part", "part", "part"]);
  });

  test("come as they are, until the connection is lost, whose reason is told once", async () => {
    const { socket, told, door } = await open();
    socket.onmessage!({ data: "{}" });
    const { onclose } = socket;
    onclose!({ reason: "slow_reader" });
    await door.close();
    expect(told).toEqual([
      ["text", "{}"],
      ["closed", "slow_reader"],
    ]);
    expect(socket.onmessage).toBeNull();
  });

  test("that nobody takes end the connection", async () => {
    const { door, socket, told } = await open();
    socket.bufferedAmount = 5 * 1024 * 1024;
    door.send(envelope("ping", { id: 1 }));
    expect(told).toEqual([["closed", "connection_lost"]]);
  });

  test("are silent after closing", async () => {
    const { door, socket, told } = await open();
    await door.close();
    expect(socket.onclose).toBeNull();
    expect(socket.close).toHaveBeenCalledWith(1000);
    expect(told).toEqual([]);
  });
});
