import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Kind, encodeFrame } from "../../src/protocol/index.js";
import { LiveKitDoor } from "../../src/doors/livekit.js";
import { FakeAudio, fakeBrowser } from "./browser.js";
import { envelope, microphone, setting } from "./setting.js";

/** livekit-client, as much of it as the door uses. */
const fake = vi.hoisted(() => {
  type Listener = (...values: unknown[]) => void;

  class Emitter {
    listeners = new Map<string, Set<Listener>>();
    on(event: string, listener: Listener): void {
      this.listeners.set(event, (this.listeners.get(event) ?? new Set()).add(listener));
    }
    off(event: string, listener: Listener): void {
      this.listeners.get(event)?.delete(listener);
    }
    emit(event: string, ...values: unknown[]): void {
      for (const listener of [...(this.listeners.get(event) ?? [])]) listener(...values);
    }
    get count(): number {
      return [...this.listeners.values()].reduce((sum, set) => sum + set.size, 0);
    }
  }

  class ConnectionError extends Error {
    reason = 0;
  }

  class LocalAudioTrack {
    startPreConnectBuffer = vi.fn();
    stopPreConnectBuffer = vi.fn();
    constructor(readonly mediaStreamTrack: unknown) {}
  }

  class Room extends Emitter {
    static made: Room[] = [];
    static failure: Error | undefined;
    state = "disconnected";
    remoteParticipants = new Map<string, unknown>();
    textHandlers = new Map<string, (reader: { readAll: () => Promise<string> }, from: { identity: string }) => void>();
    published: [LocalAudioTrack, unknown][] = [];
    data: [string, { topic: string; reliable: boolean; destinationIdentities: string[] }][] = [];
    texts: [string, unknown][] = [];
    localParticipant = {
      getTrackPublication: () => undefined,
      publishTrack: (track: LocalAudioTrack, options: unknown) => Promise.resolve(void this.published.push([track, options])),
      unpublishTrack: vi.fn(() => Promise.resolve()),
      publishData: (bytes: Uint8Array, options: Room["data"][number][1]) => Promise.resolve(void this.data.push([new TextDecoder().decode(bytes), options])),
      sendText: (text: string, options: unknown) => Promise.resolve(void this.texts.push([text, options])),
    };
    connect = vi.fn((_url: string, _token: string, _options: unknown) => {
      if (Room.failure) return Promise.reject(Room.failure);
      this.state = "connected";
      return Promise.resolve();
    });
    disconnect = vi.fn(() => Promise.resolve());
    constructor() {
      super();
      Room.made.push(this);
    }
    registerTextStreamHandler(topic: string, handler: Room["textHandlers"] extends Map<string, infer H> ? H : never): void {
      this.textHandlers.set(topic, handler);
    }
    unregisterTextStreamHandler(topic: string): void {
      this.textHandlers.delete(topic);
    }
    join(identity: string, isAgent = false): { identity: string; isAgent: boolean; trackPublications: Map<string, unknown> } {
      const participant = { identity, isAgent, trackPublications: new Map<string, unknown>() };
      this.remoteParticipants.set(identity, participant);
      this.emit("participantConnected", participant);
      return participant;
    }
  }

  const module = {
    Room,
    LocalAudioTrack,
    ConnectionError,
    ConnectionState: { Disconnected: "disconnected" },
    DisconnectReason: { DUPLICATE_IDENTITY: 2 },
    ConnectionErrorReason: { NotAllowed: 0, ServerUnreachable: 1 },
    RoomEvent: {
      DataReceived: "dataReceived",
      TrackSubscribed: "trackSubscribed",
      SignalReconnecting: "signalReconnecting",
      Reconnecting: "reconnecting",
      Reconnected: "reconnected",
      Disconnected: "disconnected",
      ParticipantConnected: "participantConnected",
      ParticipantDisconnected: "participantDisconnected",
    },
    TrackEvent: { ElementAttached: "elementAttached", ElementDetached: "elementDetached" },
    Track: { Kind: { Audio: "audio" }, Source: { Microphone: "microphone" } },
  };
  return { module, Room, ConnectionError, Emitter };
});
vi.mock("livekit-client", () => fake.module);

type FakeRoom = InstanceType<typeof fake.Room>;

beforeEach(() => {
  vi.useFakeTimers();
  fakeBrowser();
  fake.Room.made.length = 0;
  fake.Room.failure = undefined;
});
afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

async function open(...parameters: Parameters<typeof setting>) {
  const stage = setting(...parameters);
  const opening = LiveKitDoor.open(stage.given);
  await vi.advanceTimersByTimeAsync(10);
  const room = (stage.given.room as unknown as FakeRoom | undefined) ?? fake.Room.made[0]!;
  const agent = room.join("agent-1", true);
  const door = await opening;
  return { ...stage, room, agent, door };
}

const bytes = (text: string) => new TextEncoder().encode(text);

describe("entering", () => {
  test("sends for the agent with the persona, and asks no foreign server for a way", async () => {
    const { given, room } = await open({ dispatch: { persona: "guide" } });
    expect(given.token).toHaveBeenCalledWith({ persona: "guide" });
    expect(room.connect).toHaveBeenCalledWith("ws://127.0.0.1:7880", "a.b.c", { rtcConfig: { iceServers: [] } });
  });

  test("elsewhere takes the room's own servers", async () => {
    const { room } = await open({ token: () => Promise.resolve({ server_url: "wss://127.0.0.1.example.org", participant_token: "t" }) });
    expect(room.connect).toHaveBeenCalledWith("wss://127.0.0.1.example.org", "t", {});
  });

  test("publishes the microphone at once, and records what is said before the agent hears", async () => {
    const mic = microphone(setting().context);
    const { room } = await open({ microphone: mic });
    const [[track, options]] = room.published as [FakeRoom["published"][number]];
    expect(track.mediaStreamTrack).toBe(mic.track);
    expect(track.startPreConnectBuffer).toHaveBeenCalled();
    expect(options).toEqual({ source: "microphone" });
  });

  test("waits for an agent, 20 s at most, and leaves the room again", async () => {
    const failed = expect(LiveKitDoor.open(setting().given)).rejects.toMatchObject({ code: "no_agent" });
    await vi.advanceTimersByTimeAsync(10);
    fake.Room.made[0]!.join("another-user");
    await vi.advanceTimersByTimeAsync(20_000);
    await failed;
    expect(fake.Room.made[0]!.disconnect).toHaveBeenCalledWith(false);
    expect(fake.Room.made[0]!.count).toBe(0);
  });

  test.each([
    [0, "unauthorized"],
    [1, "unreachable"],
  ])("tells why the room does not let us in (%i)", async (reason, code) => {
    fake.Room.failure = Object.assign(new fake.ConnectionError("no"), { reason });
    await expect(LiveKitDoor.open(setting().given)).rejects.toMatchObject({ code });
  });
});

describe("messages", () => {
  test("are taken from the agent alone, of our topics alone", async () => {
    const { room, agent, told } = await open();
    room.emit("dataReceived", bytes("1"), agent, undefined, "visavis");
    room.emit("dataReceived", bytes("2"), agent, undefined, "visavis.fast");
    room.emit("dataReceived", bytes("other topic"), agent, undefined, "lk.chat");
    room.emit("dataReceived", bytes("other user"), room.join("mallory"), undefined, "visavis");
    room.emit("dataReceived", bytes("other agent"), room.join("agent-2", true), undefined, "visavis");
    room.emit("dataReceived", bytes("a server"), undefined, undefined, "visavis");
    const handler = room.textHandlers.get("visavis")!;
    handler({ readAll: () => Promise.resolve("mallory's") }, { identity: "mallory" });
    handler({ readAll: () => Promise.reject(new Error("cut off")) }, { identity: "agent-1" });
    handler({ readAll: () => Promise.resolve("large") }, { identity: "agent-1" });
    await vi.advanceTimersByTimeAsync(0);
    expect(told).toEqual([
      ["text", "1"],
      ["text", "2"],
      ["text", "large"],
    ]);
  });

  test("that are frames of a face are told as such", async () => {
    const { room, agent, told } = await open();
    const face = { kind: Kind.BLENDSHAPES, gen: 2, seq: 1, t: 4800, opus: false, payload: Uint8Array.from([30, 0, 7]) } as const;
    room.emit("dataReceived", new Uint8Array(encodeFrame(face)), agent, undefined, "visavis.fast");
    room.emit("dataReceived", new Uint8Array(encodeFrame(face)), room.join("mallory"), undefined, "visavis.fast");
    room.emit("dataReceived", Uint8Array.from([1, 2, 3]), agent, undefined, "visavis.fast");
    expect(told).toEqual([["face", face]]);
  });

  test("go to the agent alone, large ones as a text stream, in order", async () => {
    const { room, door } = await open();
    door.send(envelope("ping", { id: 1 }));
    door.send(envelope("context_update", { version: 1, text: "a".repeat(30_000) }));
    await vi.advanceTimersByTimeAsync(0);
    expect(room.data.map(([, options]) => options)).toEqual([{ reliable: true, topic: "visavis", destinationIdentities: ["agent-1"] }]);
    expect(room.texts).toHaveLength(1);
    expect(room.texts[0]![1]).toEqual({ topic: "visavis", destinationIdentities: ["agent-1"] });
  });
});

describe("the agent's voice", () => {
  function voice() {
    return Object.assign(new fake.Emitter(), { kind: "audio", mediaStreamTrack: {}, attachedElements: [] as FakeAudio[] });
  }

  test("is its microphone track; no other is played", async () => {
    const { room, agent } = await open();
    const [element] = FakeAudio.made;
    room.emit("trackSubscribed", voice(), { source: "microphone" }, room.join("mallory"));
    room.emit("trackSubscribed", voice(), { source: "screen_share_audio" }, agent);
    expect(element!.srcObject).toBeNull();
    room.emit("trackSubscribed", voice(), { source: "microphone" }, agent);
    expect(element!.srcObject).not.toBeNull();
    expect(element!.muted).toBe(false);
  });

  test("is left to the caller's own element as soon as there is one, which is muted by an interrupt all the same", async () => {
    const { room, agent, door } = await open();
    const [element] = FakeAudio.made;
    const track = voice();
    room.emit("trackSubscribed", track, { source: "microphone" }, agent);
    const theirs = new FakeAudio();
    track.attachedElements.push(theirs);
    track.emit("elementAttached", theirs);
    expect([element!.muted, theirs.muted]).toEqual([true, false]);
    door.speaker.purge(2);
    expect([element!.muted, theirs.muted]).toEqual([true, true]);
    door.speaker.begin(2, 0);
    await vi.advanceTimersByTimeAsync(400);
    expect([element!.muted, theirs.muted]).toEqual([true, false]);
    expect(door.speaker.heard()).toBeNull();
  });
});

describe("another worker in the place of one that died", () => {
  const voice = () => Object.assign(new fake.Emitter(), { kind: "audio", mediaStreamTrack: {}, attachedElements: [] as FakeAudio[] });

  test.each(["agent-1", "agent-2"])("is obeyed and heard (%s)", async (identity) => {
    const { room, agent, told, door } = await open();
    room.emit("trackSubscribed", voice(), { source: "microphone" }, agent);
    const before = FakeAudio.made[0]!.srcObject;
    door.speaker.purge(7); // an answer was being cut
    room.emit("participantDisconnected", agent);
    await vi.advanceTimersByTimeAsync(7000);
    const next = room.join(identity, true);
    expect(told).toEqual([
      ["status", "reconnecting"],
      ["status", "connected"],
    ]);
    room.emit("trackSubscribed", voice(), { source: "microphone" }, next);
    expect(FakeAudio.made[0]!.srcObject).not.toBe(before);
    expect(FakeAudio.made[0]!.muted).toBe(false);
    room.emit("dataReceived", bytes("hello"), next, undefined, "visavis");
    room.emit("dataReceived", bytes("late"), { identity: "agent-9", isAgent: true }, undefined, "visavis");
    door.send(envelope("ping", { id: 1 }));
    await vi.advanceTimersByTimeAsync(60_000);
    expect(told.slice(2)).toEqual([["text", "hello"]]);
    expect(room.data.at(-1)![1].destinationIdentities).toEqual([identity]);
  });

  test("may put the old one out by coming in under its name, of which the room tells nothing", async () => {
    const { room, agent, told } = await open();
    room.emit("trackSubscribed", voice(), { source: "microphone" }, agent);
    expect(told).toEqual([]);
    Object.assign(agent, { sid: "PA_2" });
    room.emit("trackSubscribed", voice(), { source: "microphone" }, agent);
    expect(told).toEqual([["status", "connected"]]);
    room.emit("trackSubscribed", voice(), { source: "microphone" }, agent);
    expect(told).toHaveLength(1);
  });

  test("may come while the caller's room itself is being restored", async () => {
    const theirs = new fake.Room();
    theirs.state = "connected";
    const { room, agent, told } = await open({ room: theirs as never });
    room.emit("reconnecting");
    room.emit("participantDisconnected", agent);
    room.emit("reconnected");
    expect(told).toEqual([
      ["status", "reconnecting"],
      ["status", "reconnecting"],
    ]);
    room.join("agent-1", true);
    expect(told.at(-1)).toEqual(["status", "connected"]);
  });

  test("is not waited for long in a room that was left", async () => {
    const failed = expect(LiveKitDoor.open(setting({ returning: true }).given)).rejects.toMatchObject({ code: "no_agent" });
    await vi.advanceTimersByTimeAsync(5010);
    await failed;
  });
});

describe("the end", () => {
  test.each([
    ["the room is over", "disconnected", undefined, [["closed", "connection_lost"]]],
    ["the room would be entered anew, and lose what is sent meanwhile", "reconnecting", undefined, [["closed", "connection_lost"]]],
    ["somebody else has come in by the same name", "disconnected", 2, [["closed", "taken_over"]]],
    [
      "the agent has left and no other comes",
      "participantDisconnected",
      { identity: "agent-1" },
      [
        ["status", "reconnecting"],
        ["closed", "agent_left"],
      ],
    ],
  ])("is told when %s", async (_, event, value, end) => {
    const { room, told } = await open();
    room.emit("participantDisconnected", { identity: "mallory" });
    expect(told).toEqual([]);
    room.emit(event, value);
    await vi.advanceTimersByTimeAsync(8000);
    expect(told).toEqual(end);
    expect(room.count).toBe(0);
    expect(vi.getTimerCount()).toBe(0);
  });

  test("of the caller's own room is the caller's", async () => {
    const room = new fake.Room();
    room.state = "connected";
    const { door, given } = await open({ room: room as never, microphone: microphone(setting().context) });
    expect(given.token).not.toHaveBeenCalled();
    expect(room.connect).not.toHaveBeenCalled();
    await door.close();
    expect(room.disconnect).not.toHaveBeenCalled();
    expect(room.localParticipant.unpublishTrack).toHaveBeenCalledWith(room.published[0]![0], false);
    expect(room.count).toBe(0);
    expect(room.textHandlers.size).toBe(0);
  });
});
