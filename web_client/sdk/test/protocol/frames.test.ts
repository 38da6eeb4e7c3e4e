import fc from "fast-check";
import { expect, test } from "vitest";
import { HEADER_BYTES, Kind, MAX_PAYLOAD_BYTES, ProtocolError, decodeFrame, encodeFrame } from "../../src/protocol/index.js";

const frames = fc.record({
  kind: fc.constantFrom(...Object.values(Kind)),
  gen: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
  seq: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
  t: fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
  opus: fc.boolean(),
  payload: fc.uint8Array({ maxLength: 700 }).map((bytes) => new Uint8Array(bytes.length % 2 ? [...bytes, 0] : bytes)),
});

test("a frame survives the wire", () => {
  fc.assert(
    fc.property(frames, (frame) => {
      expect(decodeFrame(encodeFrame(frame))).toEqual(frame);
    }),
  );
});

test("the header is the documented one, big-endian", () => {
  const bytes = encodeFrame({ kind: Kind.ANSWER, gen: 0x01020304, seq: 0x05060708, t: 0x000a0b0c0d0e0f, opus: true, payload: new Uint8Array([9]) });
  expect([...new Uint8Array(bytes)]).toEqual([1, 2, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f, 9]);
});

const base = { kind: Kind.ANSWER, gen: 1, seq: 1, t: 1, opus: false, payload: new Uint8Array(4) } as const;
const broken = (change: (view: DataView) => void): ArrayBuffer => {
  const bytes = encodeFrame(base);
  change(new DataView(bytes));
  return bytes;
};

test.each([
  ["too short", new ArrayBuffer(HEADER_BYTES - 1), /20 to/],
  ["too long", new ArrayBuffer(HEADER_BYTES + MAX_PAYLOAD_BYTES + 2), /20 to/],
  ["another version", broken((view) => view.setUint8(0, 2)), /version 1/],
  ["another kind", broken((view) => view.setUint8(1, 7)), /kind 1, 2 or 3/],
  ["a time past 2^53", broken((view) => view.setBigUint64(12, 2n ** 60n)), /2\^53/],
  ["half a sample", broken(() => undefined).slice(0, HEADER_BYTES + 3), /even number/],
])("%s is refused", (_, bytes, why) => {
  expect(() => decodeFrame(bytes)).toThrow(ProtocolError);
  expect(() => decodeFrame(bytes)).toThrow(why);
});
