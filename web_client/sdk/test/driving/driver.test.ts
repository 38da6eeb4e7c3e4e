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
    control: ({ id, name }) => note(`${name} ${id}`),
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

const command = (id: string, t: number, more: object = {}) =>
  ({ id, name: "show", args: {}, late: "run", max_late_ms: 100, dur: 0, gen: 1, t: t * MS, ...more }) as const;

test("commands come in their order, each once, also when they are late, unless they may be skipped", () => {
  const { driver, fired } = face();
  for (const [id, t] of [["a", 50], ["b", 50], ["a", 50], ["c", 80]] as const) driver.control(command(id, t));
  vi.advanceTimersByTime(500);
  driver.control(command("late", 100));
  driver.control(command("skipped", 110, { late: "skip" }));
  driver.control(command("just in time", 450, { late: "skip" }));
  vi.advanceTimersByTime(100);
  expect(fired).toEqual([
    ["show a", 50],
    ["show b", 50],
    ["show c", 80],
    ["show late", 500],
    ["show just in time", 500],
  ]);
  expect(driver.skipped).toBe(1);
});

test("nothing happens during a hold, and what was still to happen has moved with the sound, an emotion too", () => {
  const { driver, fired } = face();
  driver.control(command("before", 20));
  driver.control(command("after", 60));
  driver.emotion({ name: "happy", intensity: 1, fade_ms: 300, ttl: 1000, gen: 1, t: 70 * MS });
  vi.advanceTimersByTime(40);
  driver.hold(100 * MS);
  vi.advanceTimersByTime(260);
  driver.resume(320 * MS, 30 * MS);
  vi.advanceTimersByTime(500);
  expect(fired).toEqual([
    ["show before", 20],
    ["show after", 350],
    ["happy", 360],
  ]);
});

test("of a cut answer nothing happens any more", () => {
  const { driver, fired } = face();
  driver.control(command("a", 50));
  vi.advanceTimersByTime(20);
  driver.hold(30 * MS);
  driver.purge(2);
  driver.control(command("b", 90, { gen: 2 }));
  vi.advanceTimersByTime(500);
  expect(fired).toEqual([["show b", 90]]);
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
