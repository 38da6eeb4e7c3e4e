import { expect, test } from "vitest";
import { BlendshapeTrack } from "../../src/driving/blendshapes.js";

const SIZE = 3;
const STEP = 1600;

/** A packet whose frames hold `values`, each three times. */
const packet = (...values: number[]): Uint8Array => Uint8Array.from([30, values.length, ...values.flatMap((value) => Array<number>(SIZE).fill(value))]);

const at = (track: BlendshapeTrack, t: number): number | null => {
  const weights = track.at(t);
  return weights && Math.round(weights[1]! * 255);
};

test("frames are what they are at their samples, and flow into each other between them", () => {
  const track = new BlendshapeTrack(SIZE);
  track.add(1, 1, 48_000, packet(0, 100, 200));
  expect(at(track, 47_999)).toBeNull();
  expect([0, 0.5, 1, 1.5, 2].map((k) => at(track, 48_000 + k * STEP))).toEqual([0, 50, 100, 150, 200]);
});

test("a hundred milliseconds behind the last frame the face is not known any more", () => {
  const track = new BlendshapeTrack(SIZE);
  track.add(1, 1, 0, packet(100));
  expect(at(track, 4800)).toBe(100);
  expect(at(track, 4801)).toBeNull();
});

test("over a packet that was lost nothing is invented", () => {
  const track = new BlendshapeTrack(SIZE);
  track.add(1, 1, 0, packet(0));
  track.add(1, 3, 10_000, packet(255));
  expect(at(track, 2000)).toBe(0);
  expect(at(track, 6000)).toBeNull();
});

test("a newer packet replaces what is there from its sample on; one that was overtaken does not", () => {
  const track = new BlendshapeTrack(SIZE);
  track.add(1, 1, 0, packet(10, 10, 10, 10));
  track.add(1, 3, 2 * STEP, packet(90, 90));
  track.add(1, 2, 2 * STEP, packet(50, 50));
  expect([0, 1, 2, 3].map((k) => at(track, k * STEP))).toEqual([10, 10, 90, 90]);
});

test("a hold and an interrupt cut it", () => {
  const track = new BlendshapeTrack(SIZE);
  track.add(1, 7, 0, packet(10, 10, 10, 10, 10, 10));
  track.cut(STEP);
  expect(at(track, 4 * STEP)).toBeNull();
  track.add(2, 8, 0, packet(20));
  track.purge(3);
  expect(at(track, 0)).toBeNull();
});

test("nonsense is ignored, and memory is bounded", () => {
  const track = new BlendshapeTrack(SIZE);
  for (const nonsense of [[], [30], [0, 1, 1, 1, 1], [30, 2, 1, 1, 1]]) track.add(1, 1, 0, Uint8Array.from(nonsense));
  expect(track.at(0)).toBeNull();
  for (let k = 0; k < 1000; k++) track.add(1, k + 1, k * 2 * STEP, packet(k % 256, 0));
  expect(at(track, 0)).toBeNull();
  expect(at(track, 999 * 2 * STEP)).toBe(999 % 256);
});
