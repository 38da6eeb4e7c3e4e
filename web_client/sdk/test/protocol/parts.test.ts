import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { toBase64 } from "../../src/base64.js";
import {
  Joiner,
  MAX_FRAME_BYTES,
  MAX_MESSAGE_BYTES,
  MAX_PAGE_BYTES,
  MAX_PARTS,
  ProtocolError,
  SessionMachine,
  encode,
  split,
  type Part,
} from "../../src/protocol/index.js";
import { HELLO, message } from "./messages.js";

const utf8 = new TextEncoder();
const texts = fc
  .tuple(fc.string({ unit: fc.constantFrom("a", '"', "\\", "\n", "\u0001", "嗯", "🙂", "é"), minLength: 1, maxLength: 40 }), fc.integer({ min: 1, max: 2000 }))
  .map(([unit, times]) => unit.repeat(times).slice(0, 60_000));

describe("what is cut into parts", () => {
  test("fits its frames and comes together in any order", () => {
    fc.assert(
      fc.property(texts, fc.infiniteStream(fc.nat()), (text, dice) => {
        const envelope = new SessionMachine().compose("context_update", { version: 1, text });
        const frames = split(envelope, "p1");
        for (const frame of frames) expect(utf8.encode(frame).byteLength).toBeLessThanOrEqual(MAX_FRAME_BYTES);
        if (frames.length === 1) {
          expect(frames[0]).toBe(encode(envelope));
          return;
        }
        const parts = frames.map((frame) => (JSON.parse(frame) as { d: { id: string; i: number; n: number; data: string } }).d);
        const shuffled = parts.map((part) => [dice.next().value, part] as const).sort(([a], [b]) => a - b);
        const joiner = new Joiner();
        const results = shuffled.map(([, part]) => joiner.add(part));
        expect(results.at(-1)).toBe(encode(envelope));
        expect(results.slice(0, -1).every((result) => result === undefined)).toBe(true);
      }),
      { numRuns: 60 },
    );
  });

  test.each(["A", '"', "\\", "馆", "🙂", "\u0001"])("has few enough parts, however large and whatever it says (%j)", (character) => {
    const cost = utf8.encode(JSON.stringify(character)).byteLength - 2;
    const content = character.repeat(Math.floor((MAX_MESSAGE_BYTES - 200) / cost));
    const envelope = new SessionMachine().compose("page_state", { round: 1, version: 1, content });
    const frames = split(envelope, "p".repeat(64));
    expect(frames.length).toBeLessThanOrEqual(MAX_PARTS);
    for (const frame of frames) expect(utf8.encode(frame).byteLength).toBeLessThanOrEqual(MAX_FRAME_BYTES);
    const joiner = new Joiner();
    const whole = frames.map((frame) => joiner.add((JSON.parse(frame) as { d: Part }).d)).at(-1);
    expect(whole === encode(envelope)).toBe(true);
  });

  test("has room for a page of 1 MiB", () => {
    const page = new SessionMachine().compose("page_state", { round: 1, version: 1, content: toBase64(new Uint8Array(MAX_PAGE_BYTES)) });
    expect(split(page, "p")).toHaveLength(102);
  });

  test("has a limit", () => {
    const envelope = new SessionMachine().compose("context_update", { version: 1, text: "🙂".repeat(400_000) });
    expect(() => split(envelope, "p")).toThrow(ProtocolError);
  });
});

describe("the joiner", () => {
  test("counts a slice once", () => {
    const joiner = new Joiner();
    expect(joiner.add({ id: "a", i: 0, n: 2, data: "x" })).toBeUndefined();
    expect(joiner.add({ id: "a", i: 0, n: 2, data: "x" })).toBeUndefined();
    expect(joiner.add({ id: "a", i: 1, n: 2, data: "y" })).toBe("xy");
  });

  test("forgets the oldest of five unfinished messages", () => {
    const joiner = new Joiner();
    for (const id of ["a", "b", "c", "d", "e"]) joiner.add({ id, i: 0, n: 2, data: id });
    expect(joiner.add({ id: "b", i: 1, n: 2, data: "!" })).toBe("b!");
    expect(joiner.add({ id: "a", i: 1, n: 2, data: "!" })).toBeUndefined();
  });

  test.each([
    [{ id: "a", i: 2, n: 2, data: "" }],
    [{ id: "a", i: 0, n: 1, data: "" }],
    [{ id: "a", i: 0, n: 257, data: "" }],
  ])("refuses %j", (part) => {
    expect(() => new Joiner().add(part)).toThrow(ProtocolError);
  });

  test("refuses a message that grows past the limit", () => {
    const joiner = new Joiner();
    joiner.add({ id: "a", i: 0, n: 3, data: "x".repeat(800_000) });
    expect(() => joiner.add({ id: "a", i: 1, n: 3, data: "x".repeat(800_000) })).toThrow(/bytes/);
  });
});

test("the machine takes a message from its parts, and no part from a part", () => {
  const machine = new SessionMachine();
  const inner = message("hello", HELLO, { seq: 9 });
  const part = (i: number, data: string) => message("part", { id: "p", i, n: 2, data }, { seq: 9 });
  expect(machine.receive(part(1, inner.slice(30)))).toEqual([]);
  expect(machine.receive(part(0, inner.slice(0, 30))).map((event) => event.type)).toEqual(["hello", "message"]);
  const nested = message("part", { id: "q", i: 0, n: 2, data: "" });
  machine.receive(part(0, nested.slice(0, 5)));
  machine.receive(part(1, nested.slice(5)));
  expect(machine.counters.faults.bad_message).toBe(1);
});
