import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Driver } from "../../src/driving/driver.js";

const MS = 48;

/** What fired, with the sample that was heard then. */
function face(clock: "known" | "unknown" = "known") {
  const begun = performance.now();
  const heard = (): number => (performance.now() - begun) * MS;
  const fired: [string, number][] = [];
  const note = (what: string): number => fired.push([what, Math.round(heard() / MS)]);
  const driver = new Driver(() => (clock === "known" ? heard() : null), {
    viseme: ({ name, weight }) => note(`${name} ${weight}`),
    emotion: ({ name }) => note(name),
    subtitle: ({ text }) => note(text),
    word: ({ start, length }) => note(`${start}+${length}`),
  });
  return { driver, fired };
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test("shapes and words come when their samples are heard", () => {
  const { driver, fired } = face();
  driver.visemes(1, 100 * MS, [0, 1, 100, 50 * MS, 10, 80, 90 * MS, 0, 0]);
  driver.subtitle(1, 100 * MS, "a1.0", "Hi you", [
    [0, 0, 2],
    [70 * MS, 3, 3],
  ]);
  vi.advanceTimersByTime(1000);
  expect(fired.map(([what]) => what)).toEqual(["PP 1", "Hi you", "0+2", "aa 0.8", "3+3", "sil 0"]);
  for (const [k, at] of [100, 100, 100, 150, 170, 190].entries()) expect(Math.abs(fired[k]![1] - at)).toBeLessThanOrEqual(1);
});

test("an interrupt brings the mouth to rest at once, and nothing older fires", () => {
  const { driver, fired } = face();
  driver.visemes(1, 0, [0, 10, 100, 50 * MS, 1, 100]);
  vi.advanceTimersByTime(10);
  driver.purge(2);
  driver.visemes(2, 200 * MS, [0, 13, 90]);
  vi.advanceTimersByTime(1000);
  expect(fired.map(([what]) => what)).toEqual(["aa 1", "sil 0", "O 0.9"]);
  expect(fired[1]![1]).toBe(10);
});

test("a hold brings it to rest, and what is told again comes where it is now", () => {
  const { driver, fired } = face();
  driver.visemes(1, 0, [0, 10, 100, 50 * MS, 1, 100, 80 * MS, 0, 0]);
  driver.subtitle(1, 0, "a1.0", "one two", [
    [0, 0, 3],
    [60 * MS, 4, 3],
  ]);
  vi.advanceTimersByTime(20);
  driver.hold(20 * MS);
  vi.advanceTimersByTime(200);
  driver.visemes(1, 220 * MS, [0, 10, 100, 30 * MS, 1, 100, 60 * MS, 0, 0]);
  driver.subtitle(1, 220 * MS, "a1.0", "one two", [[40 * MS, 4, 3]]);
  vi.advanceTimersByTime(1000);
  expect(fired).toEqual([
    ["aa 1", 0],
    ["one two", 0],
    ["0+3", 0],
    ["sil 0", 20],
    ["aa 1", 220],
    ["one two", 220],
    ["PP 1", 250],
    ["4+3", 260],
    ["sil 0", 280],
  ]);
});

test("while the clock is not known, the arrival of the sound's beginning has to do", () => {
  const { driver, fired } = face("unknown");
  driver.visemes(1, 48_000, [0, 1, 100]);
  vi.advanceTimersByTime(500);
  expect(fired).toEqual([]);
  driver.begin(48_000);
  vi.advanceTimersByTime(500);
  expect(fired).toHaveLength(1);
  expect(Math.abs(fired[0]![1] - 620)).toBeLessThanOrEqual(40);
});

test("an emotion comes when its sample is heard, and not when it was cut before", () => {
  const { driver, fired } = face();
  const emotion = (name: string, t: number): void => driver.emotion({ name, intensity: 1, fade_ms: 300, ttl: 6000, gen: 1, t });
  emotion("happy", 50 * MS);
  emotion("sad", 90 * MS);
  vi.advanceTimersByTime(60);
  driver.purge(2);
  vi.advanceTimersByTime(1000);
  expect(fired).toEqual([["happy", 50]]);
});

test("what cannot be a shape is left out", () => {
  const { driver, fired } = face();
  driver.visemes(1, 0, [0, 15, 100, 5, 3, 250, 7]);
  vi.advanceTimersByTime(100);
  expect(fired).toEqual([["TH 1", 0]]);
});

test("nothing fires after the end", () => {
  const { driver, fired } = face();
  driver.visemes(1, 100 * MS, [0, 1, 100]);
  driver.close();
  vi.advanceTimersByTime(1000);
  expect(fired).toEqual([]);
});
