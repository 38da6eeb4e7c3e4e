import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { ConnectError } from "../src/errors.js";
import { HELLO } from "./protocol/messages.js";
import { record, scene, stage, statuses, token } from "./stage.js";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe("opening", () => {
  test("greets, opens the microphone, and is connected", async () => {
    const { open, connections, last } = scene("s-7");
    const session = await open({ persona: "guide", language: "zh", wants: ["subtitle"] });
    expect(session.id).toBe("s-7");
    expect(last().sent.map(({ type, seq }) => [type, seq])).toEqual([
      ["hello", 0],
      ["start_listen", 1],
    ]);
    expect(last().of("hello")[0]).toEqual({
      persona: "guide",
      language: "zh",
      wants: ["subtitle", "binary"],
      sdk: "visavis-web/0.1.0",
      audio: { up: "pcm", down: "pcm" },
    });
    expect(connections).toEqual([
      { status: "connecting", door: "ws" },
      { status: "connected", door: "ws" },
    ]);
  });

  test("tells nothing before the caller can listen, and everything then, in order", async () => {
    const { connect } = scene((door) => {
      // The agent of a room may greet before it was greeted, and go on at once.
      door.tell("hello", HELLO);
      door.tell("state_update", { state: "thinking" }, 1);
      door.tell("assistant_text_delta", { id: "a1", text: "Hello!" }, 1);
    });
    const session = await connect();
    expect(session.state).toBe("thinking");
    const told: string[] = [];
    session.on("state", ({ state }) => told.push(state));
    session.on("agent_text", ({ text }) => told.push(text));
    session.on("connection", ({ status }) => told.push(status));
    expect(told).toEqual([]);
    await vi.advanceTimersByTimeAsync(0);
    expect(told).toEqual(["thinking", "Hello!", "connected"]);
  });

  test("a server that refuses before it was greeted says why, too", async () => {
    const { connect, last } = scene((door) => {
      door.tell("error", { code: "not_ready", message: "the models are being fetched", recoverable: false });
      door.events.closed("not_ready");
    });
    await expect(connect()).rejects.toMatchObject({ code: "not_ready", message: "the models are being fetched" });
    expect(last().close).toHaveBeenCalled();
  });

  test("without a microphone says nothing about listening", async () => {
    const { open, last } = scene();
    const session = await open({ withMicrophone: false });
    session.setMuted(true);
    expect(session.hasMicrophone).toBe(false);
    expect(session.inputLevel()).toBe(0);
    expect(last().sent.map(({ type }) => type)).toEqual(["hello"]);
  });

  test("a server that refuses says why", async () => {
    const { open, last } = scene(null);
    const opening = open();
    const failed = expect(opening).rejects.toMatchObject({ code: "busy", message: "all places are taken", retryMs: 5000 });
    await vi.advanceTimersByTimeAsync(1);
    last().tell("error", { code: "busy", message: "all places are taken", recoverable: false, retry_ms: 5000 });
    await failed;
    expect(last().close).toHaveBeenCalled();
  });

  test("a server that does not greet is given up", async () => {
    const { open, last } = scene(null);
    const failed = expect(open()).rejects.toMatchObject({ code: "timeout" });
    await vi.advanceTimersByTimeAsync(10_000);
    await failed;
    expect(last().close).toHaveBeenCalled();
  });

  test("in a room, where the first words may be lost, greets again", async () => {
    const { connect, last } = stage("livekit", [null]);
    const opening = connect();
    await vi.advanceTimersByTimeAsync(4500);
    expect(last().of("hello")).toHaveLength(3);
    last().tell("hello", HELLO);
    await opening;
    await vi.advanceTimersByTimeAsync(4000);
    expect(last().of("hello")).toHaveLength(3);
  });

  test("can be given up by the caller", async () => {
    const { open } = scene(null);
    const controller = new AbortController();
    const failed = expect(open({ signal: controller.signal })).rejects.toMatchObject({ code: "aborted" });
    await vi.advanceTimersByTimeAsync(1);
    controller.abort();
    await failed;
  });
});

describe("talking", () => {
  test("tells states, texts, errors, and every message", async () => {
    const { open, last } = scene();
    const session = await open();
    const [states, user, agent, errors, messages] = [
      record(session, "state"),
      record(session, "user_text"),
      record(session, "agent_text"),
      record(session, "error"),
      record(session, "message"),
    ];
    last().tell("asr_final", { id: "u1", text: "Hi", language: "en", via: "voice" });
    last().tell("state_update", { state: "speaking" }, 1);
    last().tell("assistant_text_delta", { id: "a1", text: "Hello " }, 1);
    last().tell("assistant_text_delta", { id: "a1", text: "you" }, 1);
    last().tell("error", { code: "tts_failed", message: "the voice failed", recoverable: true }, 1);
    expect(states).toEqual([{ state: "speaking", gen: 1 }]);
    expect(session.state).toBe("speaking");
    expect(user).toEqual([{ id: "u1", text: "Hi", final: true, language: "en", via: "voice" }]);
    expect(agent.map(({ text, final }) => [text, final])).toEqual([
      ["Hello ", false],
      ["Hello you", false],
    ]);
    expect(errors).toEqual([{ code: "tts_failed", message: "the voice failed", recoverable: true }]);
    expect(messages.map(({ type }) => type)).toEqual(["asr_final", "state_update", "assistant_text_delta", "assistant_text_delta", "error"]);
  });

  test("keeps the last 1,000 messages, with the time of their arrival", async () => {
    const { open, last } = scene();
    const session = await open();
    for (let n = 0; n < 1100; n++) last().tell("pong", { id: n, t: n });
    expect(session.log).toHaveLength(1000);
    expect(session.log.at(-1)!.message.d).toEqual({ id: 1099, t: 1099 });
    expect(Math.abs(session.log.at(-1)!.at - (performance.timeOrigin + performance.now()))).toBeLessThan(1000);
  });

  test("text is trimmed, bounded, and nothing when blank", async () => {
    const { open, last } = scene();
    const session = await open();
    session.sendText("  hi  ");
    session.sendText("   ");
    session.sendText("🙂".repeat(8000));
    expect(() => session.sendText("a".repeat(8001))).toThrow(RangeError);
    expect(last().of("text_input")).toEqual([
      { text: "hi", id: "t1" },
      { text: "🙂".repeat(8000), id: "t2" },
    ]);
  });

  test("settings, context and events of the page go out as they are", async () => {
    const { open, last } = scene();
    const session = await open();
    session.setLanguage("zh");
    session.updateContext({ version: 3, text: "Gallery", ttl_ms: 1000 });
    session.uiEvent("page_turn", { page: 3 });
    expect(() => session.updateContext({ version: 4, text: "a".repeat(64_001) })).toThrow(RangeError);
    expect(last().sent.slice(2).map(({ type, d }) => [type, d])).toEqual([
      ["settings", { language: "zh" }],
      ["context_update", { version: 3, text: "Gallery", ttl_ms: 1000 }],
      ["ui_event", { name: "page_turn", data: { page: 3 } }],
    ]);
  });

  test("mute closes the microphone, and tells it", async () => {
    const { open, last, microphone } = scene();
    const session = await open();
    session.setMuted(true);
    expect(microphone.track.enabled).toBe(false);
    session.setMuted(true);
    session.setMuted(false);
    expect(microphone.track.enabled).toBe(true);
    expect(last().sent.slice(1).map(({ type }) => type)).toEqual(["start_listen", "stop_listen", "start_listen"]);
  });

  test("a microphone that goes away is told, and the session goes on", async () => {
    const { open, last, microphone } = scene();
    const session = await open();
    const errors = record(session, "error");
    microphone.track.dispatchEvent(new Event("ended"));
    expect(errors).toMatchObject([{ code: "microphone_lost", recoverable: true }]);
    expect(last().sent.at(-1)!.type).toBe("stop_listen");
  });
});

describe("an interrupt", () => {
  const speaking = async () => {
    const stage = scene();
    const session = await stage.open();
    const door = stage.last();
    door.tell("generation_start", { t0: 1000 }, 1);
    door.tell("assistant_text_delta", { id: "a1", text: "Mount" }, 1);
    door.speaker.at = 5000;
    return { ...stage, session, door };
  };

  test("of the server purges first, reports what was heard, and then is told", async () => {
    const { session, door } = await speaking();
    const seen: string[] = [];
    session.on("agent_text", ({ interrupted }) => seen.push(`text ${interrupted}`));
    session.on("interrupt", () => seen.push(`interrupt after purge ${door.speaker.purge.mock.calls.length}`));
    door.tell("interrupt", { cut_t: 4800, reason: "voice" }, 2);
    expect(door.speaker.purge).toHaveBeenCalledWith(2);
    expect(door.of("playout")).toEqual([{ gen: 1, t_heard: 5000 }]);
    expect(seen).toEqual(["text true", "interrupt after purge 1"]);
    expect(door.setting.admits(1)).toBe(false);
    expect(door.setting.admits(2)).toBe(true);
  });

  test("a hold silences at once and says what was heard; the answer goes on, or not", async () => {
    const { session, door } = await speaking();
    const seen: object[] = [];
    session.on("hold", (event) => seen.push({ ...event, silent: door.speaker.hold.mock.calls.length }));
    session.on("resume", (event) => seen.push(event));
    door.tell("hold", { cut_t: 6000 }, 1);
    expect(door.of("playout")).toEqual([{ gen: 1, t_heard: 5000 }]);
    door.tell("resume", { t0: 30_000 }, 1);
    expect(door.speaker.goOn).toHaveBeenCalledWith(1, 30_000);
    expect(seen).toEqual([
      { gen: 1, cut_t: 6000, silent: 1 },
      { gen: 1, t0: 30_000 },
    ]);
    door.tell("interrupt", { cut_t: 40_000, reason: "voice" }, 2);
    door.tell("resume", { t0: 50_000 }, 1);
    expect(door.speaker.goOn).toHaveBeenCalledTimes(1);
  });

  test("of the user is silent before the server knows, and is not reported twice", async () => {
    const { session, door } = await speaking();
    session.interrupt();
    expect(door.speaker.purge).toHaveBeenCalledWith(2);
    expect(door.sent.slice(-2).map(({ type }) => type)).toEqual(["playout", "interrupt"]);
    door.tell("generation_start", { t0: 1 }, 1);
    expect(door.speaker.begin).toHaveBeenCalledTimes(1);
    door.tell("interrupt", { cut_t: 4800, reason: "button" }, 2);
    expect(door.of("playout")).toHaveLength(1);
  });

  test("play-out is reported every 500 ms while there is sound", async () => {
    const { door } = await speaking();
    await vi.advanceTimersByTimeAsync(1000);
    door.tell("generation_end", { t_end: 6000, interrupted: false }, 1);
    door.speaker.at = 7000;
    await vi.advanceTimersByTimeAsync(2000);
    expect(door.of("playout").map(({ t_heard }) => t_heard)).toEqual([5000, 5000, 7000]);
  });

  test("the end of an answer is reported when it was heard, and not half a second later", async () => {
    const { door } = await speaking();
    await vi.advanceTimersByTimeAsync(400);
    door.tell("generation_end", { t_end: 5000 + 48 * 50, interrupted: false }, 1);
    await vi.advanceTimersByTimeAsync(40);
    expect(door.of("playout")).toEqual([]);
    door.speaker.at = 5000 + 48 * 51;
    await vi.advanceTimersByTimeAsync(20);
    expect(door.of("playout")).toEqual([{ gen: 1, t_heard: 5000 + 48 * 51 }]);
    await vi.advanceTimersByTimeAsync(2000);
    expect(door.of("playout")).toHaveLength(1);
  });

  test("a clock that stands before the end is asked again, and nothing is said that is not so", async () => {
    const { door } = await speaking();
    door.tell("generation_end", { t_end: 5001, interrupted: false }, 1);
    await vi.advanceTimersByTimeAsync(1600);
    expect(door.of("playout").map(({ t_heard }) => t_heard)).toEqual([5000, 5000, 5000]);
    door.speaker.at = 5001;
    await vi.advanceTimersByTimeAsync(25);
    expect(door.of("playout").at(-1)).toEqual({ gen: 1, t_heard: 5001 });
  });

  test("in a room, while nobody knows what is at the ear, the end alone is reported, by the time that has passed", async () => {
    const { open, last } = stage("livekit", ["s-1"]);
    await open();
    last().tell("generation_start", { t0: 4800 }, 1);
    last().tell("generation_end", { t_end: 4800 + 48_000, interrupted: false }, 1);
    await vi.advanceTimersByTimeAsync(1000);
    expect(last().of("playout")).toEqual([]);
    await vi.advanceTimersByTimeAsync(200);
    expect(last().of("playout")).toHaveLength(1);
    expect(last().of("playout")[0]!.t_heard).toBeGreaterThanOrEqual(4800 + 48_000);
    expect(last().of("playout")[0]!.t_heard).toBeLessThan(4800 + 48 * 1200);
  });
});

describe("a lost connection", () => {
  test("comes back as the same session, with a new token and the microphone as it was", async () => {
    const stage = scene("s-1", new ConnectError("unreachable", "down"), "s-1");
    const tokenSource = vi.fn(() => Promise.resolve(token));
    const session = await stage.open({ tokenSource });
    session.setMuted(true);
    session.setLanguage("en");
    stage.doors[0]!.events.closed("connection_lost");
    await vi.advanceTimersByTimeAsync(3000);
    expect(statuses(stage.connections)).toEqual(["connecting", "connected", "reconnecting", "connected"]);
    expect(tokenSource).toHaveBeenCalledTimes(3);
    expect(stage.last().of("hello")[0]).toMatchObject({ session_id: "s-1", language: "en" });
    expect(stage.last().sent.at(-1)!.type).toBe("stop_listen");
    session.sendText("still here");
    expect(stage.last().of("text_input")).toHaveLength(1);
  });

  test.each([
    ["livekit", 2],
    ["ws", 1],
  ] as const)("that mended itself at the door %s is followed by a hello where something may be lost", async (kind, hellos) => {
    const { open, last } = stage(kind, ["s-1"]);
    await open();
    last().events.status("reconnecting");
    last().events.status("connected");
    expect(last().of("hello")).toHaveLength(hellos);
  });

  test("is given up after a while", async () => {
    const stage = scene("s-1", ...Array.from({ length: 20 }, () => new ConnectError("unreachable", "down")));
    await stage.open();
    stage.last().events.closed("connection_lost");
    await vi.advanceTimersByTimeAsync(120_000);
    expect(stage.connections.at(-1)).toEqual({ status: "failed", door: "ws", reason: "unreachable" });
    expect(stage.context.state).toBe("closed");
    expect(stage.microphone.close).toHaveBeenCalled();
    expect(vi.getTimerCount()).toBe(0);
  });

  test("is not tried again when it is hopeless", async () => {
    const stage = scene("s-1", new ConnectError("unknown_persona", "no such persona"));
    await stage.open();
    stage.last().events.closed("connection_lost");
    await vi.advanceTimersByTimeAsync(1000);
    expect(stage.connections.at(-1)).toEqual({ status: "failed", door: "ws", reason: "unknown_persona" });
  });

  test("is noticed by silence after a ping", async () => {
    const stage = scene("s-1", "s-1");
    await stage.open();
    const [door] = stage.doors;
    await vi.advanceTimersByTimeAsync(5000);
    expect(door!.of("ping")).toEqual([{ id: 0 }]);
    door!.tell("pong", { id: 0, t: 1 });
    await vi.advanceTimersByTimeAsync(20_000);
    expect(door!.close).toHaveBeenCalled();
    expect(statuses(stage.connections)).toEqual(["connecting", "connected", "reconnecting", "connected"]);
  });

  test("while the session is being greeted again counts as another failure", async () => {
    const stage = scene("s-1", null, "s-2");
    const session = await stage.open();
    stage.last().events.closed("connection_lost");
    await vi.advanceTimersByTimeAsync(500);
    stage.last().events.closed("connection_lost");
    await vi.advanceTimersByTimeAsync(3000);
    expect(stage.doors).toHaveLength(3);
    expect(session.id).toBe("s-2");
  });
});

describe("the end", () => {
  test("frees everything, once", async () => {
    const { open, last, context, microphone, connections } = scene();
    const session = await open();
    await Promise.all([session.close(), session.close()]);
    await session.close();
    expect(last().close).toHaveBeenCalledTimes(1);
    expect(microphone.close).toHaveBeenCalledTimes(1);
    expect(context.state).toBe("closed");
    expect(statuses(connections)).toEqual(["connecting", "connected", "closed"]);
    expect(vi.getTimerCount()).toBe(0);
    session.sendText("nobody is there");
    expect(session.heardMedia()).toBeNull();
  });

  test("while coming back ends the attempts", async () => {
    const stage = scene("s-1", ...Array.from({ length: 20 }, () => new ConnectError("unreachable", "down")));
    const session = await stage.open();
    stage.last().events.closed("connection_lost");
    await vi.advanceTimersByTimeAsync(2000);
    await session.close();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(statuses(stage.connections).filter((status) => status === "closed" || status === "failed")).toEqual(["closed"]);
  });
});
