import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { toBase64 } from "../src/base64.js";
import { ConnectError } from "../src/errors.js";
import type { Ticket } from "../src/types.js";
import { HELLO } from "./protocol/messages.js";
import { memory, record, refuse, scene, stage, statuses, token } from "./stage.js";

let sessions = 0;
/** Each test has a session of its own: a page never comes back to one that it holds. */
let id: string;

let page: EventTarget;

beforeEach(() => {
  vi.useFakeTimers();
  page = new EventTarget();
  vi.stubGlobal("addEventListener", page.addEventListener.bind(page));
  id = `s-r${++sessions}`;
});
afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

const secret = (number: number) => ({ secret: `secret-${number}`, number, ttl_ms: 600_000 });
const hello = (number = 1, resumed = false) => ({ session_id: id, resume: secret(number), resumed });
const ticket = (more: Partial<Ticket> = {}): Ticket => ({ session_id: id, secret: "secret-3", number: 3, expires: Date.now() + 600_000, identity: "ann", room: "hall", ...more });

describe("the ticket", () => {
  test("is kept and confirmed, each newer one too, with whom and where the access token names", async () => {
    const store = memory();
    const { open, last } = scene(hello());
    await open({ store });
    expect(last().sent.map(({ type }) => type)).toEqual(["hello", "resume_confirm", "start_listen"]);
    last().tell("resume_secret", secret(2));
    expect(last().of("resume_confirm")).toEqual([{ number: 1 }, { number: 2 }]);
    expect(store.saved).toEqual([1, 2].map((number) => ({ session_id: id, secret: `secret-${number}`, number, expires: Date.now() + 600_000, identity: "ann", room: "hall" })));
  });

  test("is shown at each connection, the newest, and the token is asked for the same person and room", async () => {
    const tokenSource = vi.fn(() => Promise.resolve(token));
    const { open, doors, last, connections } = scene(hello(), hello(3, true));
    const session = await open({ tokenSource });
    expect(session.resumed).toBe(false);
    last().tell("resume_secret", secret(2));
    last().events.closed("connection_lost");
    await vi.advanceTimersByTimeAsync(400);
    expect(doors[1]!.of("hello")[0]).toMatchObject({ session_id: id, resume: "secret-2" });
    expect(doors[1]!.of("resume_confirm")).toEqual([{ number: 3 }]);
    expect(tokenSource.mock.calls).toEqual([[{}], [{ participant_identity: "ann", room_name: "hall" }]]);
    expect(session.resumed).toBe(true);
    expect(statuses(connections)).toEqual(["connecting", "connected", "reconnecting", "connected"]);
  });

  test("brings a page that was loaded again back to its session", async () => {
    const store = memory(ticket());
    const tokenSource = vi.fn(() => Promise.resolve(token));
    const { open, last } = scene(hello(4, true));
    const session = await open({ store, tokenSource });
    expect(last().of("hello")[0]).toMatchObject({ session_id: id, resume: "secret-3" });
    expect(tokenSource).toHaveBeenCalledWith({ participant_identity: "ann", room_name: "hall" });
    expect([session.id, session.resumed, store.ticket?.number]).toEqual([id, true, 4]);
  });

  test("that is too old is not shown", async () => {
    const store = memory(ticket({ expires: Date.now() }));
    const { open, last } = scene("s-new");
    await open({ store });
    expect(Object.keys(last().of("hello")[0]!)).not.toContain("session_id");
    expect(store.ticket).toBeUndefined();
  });

  test("of a session that this page holds is not for another one", async () => {
    const store = memory();
    await scene(hello()).open({ store });
    const other = scene({ session_id: "s-other", resume: secret(1) });
    const session = await other.open({ store });
    expect(other.last().of("hello")[0]!.resume).toBeUndefined();
    const newest = store.ticket;
    expect(newest?.session_id).toBe("s-other");
    await session.close();
    expect(store.ticket).toBeUndefined();
  });

  test("that cannot be kept or read harms nobody", async () => {
    const thrown: unknown[] = [];
    vi.stubGlobal("queueMicrotask", (raise: () => void) => {
      try {
        raise();
      } catch (error) {
        thrown.push(error);
      }
    });
    const broken = () => {
      throw new Error("no disk");
    };
    const { open, last } = scene(hello());
    await open({ store: { load: broken, save: broken } });
    expect(last().of("resume_confirm")).toEqual([{ number: 1 }]);
    expect(thrown).toHaveLength(2);
  });
});

describe("a session that cannot go on", () => {
  test.each(["resume_refused", "forbidden"])("(%s) is told, and a new one begins at once, for somebody new", async (code) => {
    const store = memory(ticket());
    const tokenSource = vi.fn(() => Promise.resolve(token));
    const { doors, connect } = scene(refuse(code), "s-new");
    const session = await connect({ store, tokenSource });
    const lost = record(session, "session_lost");
    await vi.advanceTimersByTimeAsync(0);
    expect(lost).toEqual([{ session_id: id, reason: code }]);
    expect([session.id, session.resumed, store.ticket]).toEqual(["s-new", false, undefined]);
    expect(doors).toHaveLength(2);
    expect(Object.keys(doors[1]!.of("hello")[0]!)).not.toContain("session_id");
    expect(tokenSource).toHaveBeenLastCalledWith({});
  });

  test("when a connection comes back, too", async () => {
    const { open, last, doors, connections } = scene(hello(), refuse("resume_refused"), "s-new");
    const session = await open();
    const lost = record(session, "session_lost");
    last().events.closed("connection_lost");
    await vi.advanceTimersByTimeAsync(400);
    expect(doors).toHaveLength(3);
    expect(lost).toEqual([{ session_id: id, reason: "resume_refused" }]);
    expect(statuses(connections)).toEqual(["connecting", "connected", "reconnecting", "connected"]);
  });

  test("because the server keeps none is told as well", async () => {
    const { open, last } = scene(id, "s-new");
    const session = await open();
    const lost = record(session, "session_lost");
    last().events.closed("connection_lost");
    await vi.advanceTimersByTimeAsync(400);
    expect(lost).toEqual([{ session_id: id, reason: "not_kept" }]);
  });

  test.each(["resume_taken", "busy", "not_ready"])("yet (%s) is waited for as long as the server says", async (code) => {
    const store = memory(ticket());
    const { connect, doors } = scene(refuse(code, 900), hello(4, true));
    const opening = connect({ store });
    await vi.advanceTimersByTimeAsync(890);
    expect(doors).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(400);
    expect((await opening).resumed).toBe(true);
  });

  test("without a ticket is not waited for", async () => {
    const { connect } = scene(refuse("busy", 900), "s-1");
    await expect(connect()).rejects.toMatchObject({ code: "busy", retryMs: 900 });
  });

  test("stays in the store when the server cannot be reached, for the next attempt", async () => {
    const store = memory(ticket());
    const { connect } = scene(new ConnectError("unreachable", "down"), hello(4, true));
    await expect(connect({ store })).rejects.toMatchObject({ code: "unreachable" });
    expect((await connect({ store })).resumed).toBe(true);
  });

  test("in a room where nobody is any more is looked for in another", async () => {
    const store = memory(ticket());
    const tokenSource = vi.fn(() => Promise.resolve(token));
    const { open, last } = stage("livekit", [new ConnectError("no_agent", "nobody"), hello(4, true)]);
    await open({ store, tokenSource });
    expect(tokenSource.mock.calls).toEqual([[{ participant_identity: "ann", room_name: "hall" }], [{ participant_identity: "ann" }]]);
    expect(last().setting.returning).toBe(false);
  });
});

describe("a session that another client has taken over", () => {
  test("is over, and nobody comes back to it", async () => {
    const store = memory();
    const { open, last, doors, connections } = scene(hello());
    const session = await open({ store });
    const errors = record(session, "error");
    last().tell("error", { code: "taken_over", message: "on another device", recoverable: false });
    await vi.advanceTimersByTimeAsync(60_000);
    expect(errors).toMatchObject([{ code: "taken_over" }]);
    expect(connections.at(-1)).toEqual({ status: "failed", door: "ws", reason: "taken_over" });
    expect(doors).toHaveLength(1);
    expect(store.ticket).toBeUndefined();
    expect(vi.getTimerCount()).toBe(0);
  });

  test("is not taken back, though the error itself was lost", async () => {
    const { open, last, doors, connections } = scene(hello());
    await open();
    last().events.closed("taken_over");
    await vi.advanceTimersByTimeAsync(60_000);
    expect(connections.at(-1)).toMatchObject({ status: "failed", reason: "taken_over" });
    expect(doors).toHaveLength(1);
  });
});

describe("the end", () => {
  test("for good says goodbye, waits for the server to hang up, and forgets the ticket", async () => {
    const store = memory();
    const { open, last, connections } = scene(hello());
    const session = await open({ store });
    const door = last();
    door.hangsUp = false;
    const closing = session.close();
    expect(last().sent.at(-1)!.type).toBe("goodbye");
    expect(store.ticket).toBeUndefined();
    expect(last().speaker.purge).toHaveBeenCalledWith(Infinity);
    await vi.advanceTimersByTimeAsync(100);
    expect(door.close).not.toHaveBeenCalled();
    door.events.closed("connection_lost");
    await closing;
    expect(door.close).toHaveBeenCalled();
    expect(statuses(connections)).toEqual(["connecting", "connected", "closed"]);
  });

  test("does not wait long", async () => {
    const { open, last } = scene(hello());
    const session = await open();
    last().hangsUp = false;
    const door = last();
    const closing = session.close();
    await vi.advanceTimersByTimeAsync(490);
    expect(door.close).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(10);
    await closing;
    expect(last().close).toHaveBeenCalled();
  });

  test.each([
    ["leaving", (session: { leave(): Promise<void> }) => void session.leave()],
    ["a page that is unloaded", () => void page.dispatchEvent(new Event("pagehide"))],
  ])("%s says nothing, and keeps the ticket for the next", async (_, leave) => {
    const store = memory();
    const { open, last } = scene(hello(), hello(2, true));
    const session = await open({ store });
    const first = last();
    leave(session);
    expect(first.close).toHaveBeenCalled(); // at once: a page that goes away has no time
    expect(first.of("goodbye")).toEqual([]);
    await vi.advanceTimersByTimeAsync(0);
    expect((await open({ store })).resumed).toBe(true);
  });
});

describe("the sound of a session that goes on", () => {
  test("is told of once, when it is at the ear: the server waits for that", async () => {
    const { open, last } = scene(hello(4, true));
    const session = await open({ store: memory(ticket()) });
    await vi.advanceTimersByTimeAsync(300);
    expect(last().of("playout")).toEqual([]);
    last().speaker.at = 96_000;
    await vi.advanceTimersByTimeAsync(2_000);
    expect(last().of("playout")).toEqual([{ gen: expect.any(Number) as number, t_heard: 96_000 }]);
    await session.close();
  });
});

describe("what is given back", () => {
  test("is the conversation as it was heard, and the page byte for byte", async () => {
    const content = Uint8Array.from({ length: 70_000 }, (_, i) => (i * 31) % 256);
    const { open, last } = scene(hello(4, true));
    const session = await open();
    const [restored, lines] = [record(session, "restored"), record(session, "agent_text")];
    last().tell("restore", {
      round: 4,
      loop: 3,
      lines: [{ who: "user", text: "Hi", interrupted: false }],
      omitted: 2,
      version: 7,
      content: toBase64(content),
      commands: [{ id: "c1", name: "show", args: { value: "bell" } }],
    });
    last().tell("assistant_text_delta", { id: "a1", text: "Hello" }, 1);
    expect(restored).toEqual([
      {
        round: 4,
        loop: 3,
        lines: [{ who: "user", text: "Hi", interrupted: false }],
        omitted: 2,
        snapshot: { version: 7, content },
        commands: [{ id: "c1", name: "show", args: { value: "bell" } }],
      },
    ]);
    expect(lines).toMatchObject([{ text: "Hello", final: false }]);
  });

  test("is asked for at the end of a round, and may have 1 MiB", async () => {
    const { open, last } = scene(hello());
    const session = await open({ wants: ["page_state"] });
    const [asked, rounds] = [record(session, "page_request"), record(session, "round")];
    last().tell("page_request", { round: 3 });
    last().tell("round_update", { round: 3, loop: 3, status: "closed" });
    expect([asked, rounds]).toEqual([[{ round: 3 }], [{ round: 3, loop: 3, status: "closed" }]]);
    session.reportPage(3, 1, "第三页");
    session.reportPage(3, 1, new Uint8Array(1024 * 1024));
    expect(() => session.reportPage(3, 1, new Uint8Array(1024 * 1024 + 1))).toThrow(RangeError);
    expect(() => session.reportPage(3, 1, "页".repeat(400_000))).toThrow(RangeError);
    expect(last().of("page_state").map(({ round, version, content }) => [round, version, content.length])).toEqual([
      [3, 1, 12],
      [3, 1, 1_398_104],
    ]);
    expect(last().of("page_state")[0]!.content).toBe(toBase64(new TextEncoder().encode("第三页")));
    expect(last().of("hello")[0]!.wants).toContain("page_state");
  });
});

describe("in a room, where another worker goes on in the place of one that died", () => {
  const begun = async () => {
    const scene = stage("livekit", [{ ...hello(), gen: 3 }]);
    const session = await scene.open();
    const door = scene.last();
    door.tell("generation_start", { t0: 1000 }, 4);
    door.tell("assistant_text_delta", { id: "a1", text: "Mount" }, 4);
    return { ...scene, session, door };
  };

  test("says hello by the ticket until it is heard, and what the old one said is void", async () => {
    const { session, door } = await begun();
    session.setMuted(true);
    const lines = record(session, "agent_text");
    door.events.status("reconnecting");
    Object.assign(door, { answer: null });
    door.events.status("connected");
    await vi.advanceTimersByTimeAsync(2100);
    expect(door.of("hello").slice(1)).toMatchObject([{ session_id: id, resume: "secret-1" }, { session_id: id, resume: "secret-1" }]);
    door.restart();
    door.tell("hello", { ...HELLO, ...hello(2, true) }, 6);
    expect(door.speaker.purge).toHaveBeenLastCalledWith(6);
    expect(door.setting.admits(5)).toBe(false);
    expect(door.sent.at(-1)!.type).toBe("stop_listen");
    door.tell("restore", { round: 1, loop: 1, lines: [], omitted: 0, commands: [] }, 6);
    door.tell("assistant_text_delta", { id: "a1", text: "Mount Everest" }, 7);
    expect(lines.map(({ id, text, final }) => [id, text, final])).toEqual([
      ["a1", "Mount", true],
      ["2.a1", "Mount Everest", false],
    ]);
    await vi.advanceTimersByTimeAsync(4000);
    expect(door.of("hello")).toHaveLength(3);
  });

  test("one that refuses ends this connection, and the next begins a new session", async () => {
    const { door, doors, session } = await begun();
    const lost = record(session, "session_lost");
    door.tell("error", { code: "resume_refused", message: "no", recoverable: false }, 4);
    expect(door.close).toHaveBeenCalled();
    doors.length = 0;
    await vi.advanceTimersByTimeAsync(400);
    expect(doors[0]!.of("hello")[0]).toMatchObject({ session_id: id });
    expect(lost).toEqual([{ session_id: id, reason: "not_kept" }]);
  });
});
