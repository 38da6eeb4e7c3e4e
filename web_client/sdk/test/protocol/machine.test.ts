import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { SequenceWindow, SessionMachine } from "../../src/protocol/index.js";
import { HELLO, Numbered, message } from "./messages.js";


/** A talk as a server would send it: answers of several deltas, some cut by an interrupt. */
const talks = fc.array(fc.record({ deltas: fc.array(fc.string({ maxLength: 8 }), { maxLength: 5 }), cut: fc.boolean() }), { maxLength: 6 });

function script(talk: { deltas: string[]; cut: boolean }[]): string[] {
  const server = new Numbered();
  const frames: string[] = [];
  let gen = 0;
  talk.forEach(({ deltas, cut }, n) => {
    gen += 1;
    frames.push(server.next("state_update", { state: "speaking" }, gen), server.next("generation_start", { t0: gen * 1000 }, gen));
    for (const text of deltas) frames.push(server.next("assistant_text_delta", { id: `a${n}`, text }, gen));
    if (cut) {
      gen += 1;
      frames.push(server.next("interrupt", { cut_t: gen * 1000, reason: "voice" }, gen), server.next("state_update", { state: "listening" }, gen));
    } else {
      frames.push(server.next("generation_end", { t_end: gen * 1000 + 500, interrupted: false }, gen));
      frames.push(server.next("assistant_text", { id: `a${n}`, text: deltas.join(""), final: true, interrupted: false }, gen));
    }
  });
  return frames;
}

describe("generations", () => {
  test("nothing of an older generation comes out after an interrupt, whatever the order, loss and repetition of messages", () => {
    fc.assert(
      fc.property(talks, fc.infiniteStream(fc.integer({ min: 0, max: 99 })), (talk, dice) => {
        const machine = new SessionMachine();
        const roll = () => dice.next().value;
        const frames = script(talk)
          .flatMap((frame) => (roll() < 10 ? [] : roll() < 20 ? [frame, frame] : [frame]))
          .map((frame) => [roll(), frame] as const)
          .sort(([a], [b]) => a - b);
        let oldest = 0;
        for (const [, frame] of frames) {
          for (const event of machine.receive(frame)) {
            if (event.type === "interrupt") oldest = Math.max(oldest, event.gen);
            else if ("gen" in event) expect(event.gen).toBeGreaterThanOrEqual(oldest);
            else if (event.type === "message") expect(event.message.gen).toBeGreaterThanOrEqual(oldest);
          }
          for (let gen = 0; gen < oldest; gen++) expect(machine.admits(gen)).toBe(false);
          expect(machine.admits(Math.max(machine.gen, oldest))).toBe(true);
        }
      }),
    );
  });

  test("an interrupt ends the open answer before anything else hears of it", () => {
    const server = new Numbered();
    const machine = new SessionMachine();
    machine.receive(server.next("assistant_text_delta", { id: "a1", text: "Mount " }, 1));
    const events = machine.receive(server.next("interrupt", { cut_t: 5, reason: "voice" }, 2));
    expect(events.map((event) => event.type)).toEqual(["agent_text", "interrupt", "message"]);
    expect(events[0]).toMatchObject({ id: "a1", text: "Mount ", final: true, interrupted: true, gen: 1 });
    expect(machine.receive(server.next("assistant_text_delta", { id: "a1", text: "Everest" }, 1))).toEqual([]);
    expect(machine.counters.stale).toBe(1);
  });

  test("what was heard may replace the text of an answer that was cut", () => {
    const server = new Numbered();
    const machine = new SessionMachine();
    machine.receive(server.next("assistant_text_delta", { id: "a1", text: "Mount Everest, almost" }, 1));
    machine.receive(server.next("interrupt", { cut_t: 5, reason: "voice" }, 2));
    const [event] = machine.receive(server.next("assistant_text", { id: "a1", text: "Mount Everest,", final: true, interrupted: true }, 2));
    expect(event).toMatchObject({ type: "agent_text", id: "a1", gen: 2, text: "Mount Everest,", final: true, interrupted: true });
  });

  test("a newer answer that overtakes the interrupt is not cut by it", () => {
    const machine = new SessionMachine();
    machine.receive(message("assistant_text_delta", { id: "a2", text: "New" }, { gen: 3, seq: 9 }));
    const events = machine.receive(message("interrupt", { cut_t: 0, reason: "text" }, { gen: 2, seq: 8 }));
    expect(events.filter((event) => event.type === "agent_text")).toEqual([]);
    const [event] = machine.receive(message("assistant_text_delta", { id: "a2", text: " one" }, { gen: 3, seq: 10 }));
    expect(event).toMatchObject({ text: "New one", final: false });
  });

  test("errors, clock and pong have no age", () => {
    const server = new Numbered();
    const machine = new SessionMachine();
    machine.receive(server.next("interrupt", { cut_t: 0, reason: "voice" }, 7));
    expect(machine.receive(server.next("error", { code: "tts_failed", message: "…", recoverable: true }, 1))[0]!.type).toBe("error");
    expect(machine.receive(server.next("clock", { rtp: 1, t: 2 }, 1))[0]!.type).toBe("clock");
    expect(machine.gen).toBe(7);
  });
});

describe("the button", () => {
  test("silences the answer at once, and lets the next one through", () => {
    const server = new Numbered();
    const machine = new SessionMachine();
    machine.receive(server.next("assistant_text_delta", { id: "a1", text: "One" }, 1));
    expect(machine.interrupt()).toMatchObject([{ type: "agent_text", id: "a1", final: true, interrupted: true }]);
    expect(machine.admits(1)).toBe(false);
    expect(machine.receive(server.next("assistant_text_delta", { id: "a1", text: " two" }, 1))).toEqual([]);
    expect(machine.receive(server.next("state_update", { state: "idle" }, 1))[0]).toMatchObject({ type: "state" });
    expect(machine.receive(server.next("generation_start", { t0: 9 }, 2))[0]).toMatchObject({ type: "generation_start", gen: 2 });
    expect(machine.admits(2)).toBe(true);
  });
});

describe("text", () => {
  test("is the sum of its deltas, however they are cut and mixed", () => {
    const answers = fc.uniqueArray(fc.string({ unit: "grapheme", maxLength: 30 }), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(answers, fc.infiniteStream(fc.nat()), (whole, dice) => {
        const server = new Numbered();
        const machine = new SessionMachine();
        const left = whole.map((text, n) => ({ id: `a${n}`, text, at: 0 }));
        const seen = new Map<string, string>();
        for (;;) {
          const open = left.filter(({ at, text }) => at < text.length);
          if (open.length === 0) break;
          const answer = open[dice.next().value % open.length]!;
          const size = 1 + (dice.next().value % 5);
          const text = answer.text.slice(answer.at, answer.at + size);
          answer.at += size;
          for (const event of machine.receive(server.next("assistant_text_delta", { id: answer.id, text }, 1))) {
            if (event.type === "agent_text") seen.set(event.id, event.text);
          }
        }
        for (const { id, text } of left) if (text) expect(seen.get(id)).toBe(text);
      }),
    );
  });

  test("of a final answer does not grow any more", () => {
    const server = new Numbered();
    const machine = new SessionMachine();
    machine.receive(server.next("assistant_text", { id: "a1", text: "Done.", final: true, interrupted: false }, 1));
    const events = machine.receive(server.next("assistant_text_delta", { id: "a1", text: " More" }, 1));
    expect(events.map((event) => event.type)).toEqual(["message"]);
  });

  test("of the user is told with its language and its way in", () => {
    const server = new Numbered();
    const machine = new SessionMachine();
    expect(machine.receive(server.next("asr_partial", { id: "u1", text: "what" }))[0]).toEqual({ type: "user_text", id: "u1", text: "what", final: false, via: "voice" });
    expect(machine.receive(server.next("asr_final", { id: "u2", text: "你好", language: "zh", via: "text" }))[0]).toEqual({
      type: "user_text",
      id: "u2",
      text: "你好",
      final: true,
      language: "zh",
      via: "text",
    });
  });
});

describe("sequence numbers", () => {
  test("a number is taken once; what is missing is counted", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 900 }), { maxLength: 200 }), (numbers) => {
        const window = new SequenceWindow();
        const taken = numbers.filter((number) => window.accept(number));
        const distinct = new Set(numbers);
        expect(taken.length).toBe(distinct.size);
        const span = numbers.length === 0 ? 0 : Math.max(...numbers) - Math.min(...numbers) + 1;
        expect(window.missing).toBe(span - distinct.size);
      }),
    );
  });

  test("what is older than the window is taken for a duplicate", () => {
    const window = new SequenceWindow();
    expect(window.accept(5000)).toBe(true);
    expect(window.accept(5000 - 1023)).toBe(true);
    expect(window.accept(5000 - 1024)).toBe(false);
  });
});

describe("a new connection", () => {
  const hello = (id: string, gen = 0) => message("hello", { ...HELLO, session_id: id }, { gen });

  test("of the same session keeps the generations", () => {
    const machine = new SessionMachine();
    machine.receive(hello("s1"));
    machine.receive(message("interrupt", { cut_t: 0, reason: "voice" }, { gen: 4, seq: 1 }));
    machine.reconnected();
    expect(machine.receive(hello("s1", 4))[0]).toMatchObject({ type: "hello", fresh: false });
    expect(machine.receive(message("generation_start", { t0: 1 }, { gen: 3, seq: 1 }))).toEqual([]);
    expect(machine.receive(message("generation_start", { t0: 1 }, { gen: 5, seq: 2 }))[0]!.type).toBe("generation_start");
  });

  test.each([
    ["of another session", "s2", 0],
    ["of a server that has forgotten", "s1", 0],
  ])("%s begins from nothing", (_, id, gen) => {
    const machine = new SessionMachine();
    machine.receive(hello("s1"));
    machine.receive(message("interrupt", { cut_t: 0, reason: "voice" }, { gen: 4, seq: 1 }));
    machine.receive(message("assistant_text_delta", { id: "a1", text: "Half" }, { gen: 5, seq: 2 }));
    machine.reconnected();
    const events = machine.receive(hello(id, gen));
    expect(events[0]).toMatchObject({ type: "agent_text", id: "a1", text: "Half", final: true, interrupted: true });
    expect(events[1]).toMatchObject({ type: "hello", fresh: true });
    expect(machine.receive(message("assistant_text_delta", { id: "a1", text: "Hi" }, { gen: 1, seq: 1 }))[0]).toMatchObject({ id: "2.a1", text: "Hi" });
  });
});

describe("a session that goes on in other hands", () => {
  const hello = (gen: number, seq: number, resumed = true) => message("hello", { ...HELLO, resumed }, { gen, seq });

  test("makes void what came before, and counts its messages anew", () => {
    const machine = new SessionMachine();
    machine.receive(hello(0, 1, false));
    for (let seq = 2; seq < 2000; seq++) machine.receive(message("pong", { id: 1, t: 1 }, { seq }));
    machine.receive(message("assistant_text_delta", { id: "a1", text: "Half" }, { gen: 5, seq: 2000 }));
    const events = machine.receive(hello(7, 1));
    expect(events[0]).toMatchObject({ type: "agent_text", id: "a1", final: true, interrupted: true });
    expect(events[1]).toMatchObject({ type: "hello", fresh: false, moved: true });
    expect(machine.admits(6)).toBe(false);
    expect(machine.receive(message("assistant_text_delta", { id: "a1", text: " of it" }, { gen: 6, seq: 2001 }))).toEqual([]);
    expect(machine.receive(message("state_update", { state: "thinking" }, { gen: 7, seq: 2 }))[0]).toMatchObject({ type: "state" });
    expect(machine.counters.duplicate).toBe(0);
  });

  test("and one that says hello again in the same hands go on as they were", () => {
    const machine = new SessionMachine();
    machine.receive(hello(0, 1, false));
    machine.receive(message("assistant_text_delta", { id: "a1", text: "Mount" }, { gen: 5, seq: 2 }));
    expect(machine.receive(hello(5, 3))[0]).toMatchObject({ type: "hello", fresh: false, moved: false });
    expect(machine.receive(message("assistant_text_delta", { id: "a1", text: " Everest" }, { gen: 5, seq: 4 }))[0]).toMatchObject({ id: "a1", text: "Mount Everest" });
    expect(machine.receive(message("assistant_text_delta", { id: "a1", text: " Everest" }, { gen: 5, seq: 4 }))).toEqual([]);
  });

  test("is told anew: answers, words and commands begin lines of their own", () => {
    const machine = new SessionMachine();
    machine.receive(hello(0, 1, false));
    machine.receive(message("assistant_text_delta", { id: "a1", text: "Mount" }, { gen: 1, seq: 2 }));
    const restore = { round: 2, loop: 1, lines: [{ who: "agent", text: "Mount", interrupted: true }], version: 3, content: "AQID" };
    const events = machine.receive(message("restore", restore as never, { seq: 3 }));
    expect(events.map(({ type }) => type)).toEqual(["agent_text", "restore", "message"]);
    expect(events[1]).toEqual({ type: "restore", round: 2, loop: 1, lines: restore.lines, omitted: 0, commands: [], snapshot: { version: 3, content: Uint8Array.from([1, 2, 3]) } });
    const t = 5;
    expect(machine.receive(message("assistant_text_delta", { id: "a1", text: "Mount" }, { gen: 2, seq: 4 }))[0]).toMatchObject({ id: "2.a1", text: "Mount" });
    expect(machine.receive(message("subtitle", { id: "a1.0", text: "Mount", final: true, words: [] }, { gen: 2, seq: 5, t }))[0]).toMatchObject({ id: "2.a1.0" });
    expect(machine.receive(message("control", { id: "c1", name: "show", args: {}, late: "run", max_late_ms: 0, dur: 0 }, { gen: 2, seq: 6, t }))[0]).toMatchObject({ id: "2.c1" });
  });

  test.each([{ lines: "no" }, { lines: [{ who: "nobody", text: "" }] }, { content: 7 }, { commands: [{ id: "c1" }] }])("is not told from %j", (wrong) => {
    const machine = new SessionMachine();
    expect(machine.receive(message("restore", { round: 1, loop: 1, lines: [], ...wrong } as never))).toEqual([]);
    expect(machine.counters.faults.bad_message).toBe(1);
  });

  test("has secrets, requests and rounds, which have no age", () => {
    const server = new Numbered();
    const machine = new SessionMachine();
    machine.receive(server.next("interrupt", { cut_t: 0, reason: "voice" }, 7));
    expect(machine.receive(server.next("resume_secret", { secret: "s", number: 2, ttl_ms: 9 }))[0]).toEqual({ type: "resume_secret", secret: "s", number: 2, ttl_ms: 9 });
    expect(machine.receive(server.next("page_request", { round: 3 }))[0]).toEqual({ type: "page_request", round: 3 });
    const update = { round: 3, loop: 2, status: "rolled_back", reason: "no answer" } as const;
    expect(machine.receive(server.next("round_update", update))[0]).toEqual({ type: "round", ...update });
  });
});

test("messages to send carry the newest generation and their own count", () => {
  const machine = new SessionMachine();
  machine.receive(message("state_update", { state: "thinking" }, { gen: 3, seq: 1 }));
  expect(machine.compose("ping", { id: 1 })).toEqual({ v: 1, type: "ping", gen: 3, seq: 0, t: null, d: { id: 1 } });
  expect(machine.compose("interrupt", {}).seq).toBe(1);
});
