import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { watchEar } from "../src/heard.ts";

const T0 = 480_000;
const told: number[] = [];
/** The ear is at sample T0 at this moment. */
let sounds: number;
let ear: () => number | null;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval", "performance"] });
  told.length = 0;
  sounds = performance.now() + 90;
  ear = () => T0 + (performance.now() - sounds) * 48;
});
afterEach(() => vi.useRealTimers());

const watch = (): ReturnType<typeof watchEar> => watchEar(T0, () => ear(), (at) => told.push(at));

describe("the moment at which a sample is at the ear", () => {
  it("is told once, exactly, however coarsely one asks", () => {
    watch();
    vi.advanceTimersByTime(5_000);
    expect(told).toHaveLength(1);
    expect(told[0]).toBeCloseTo(sounds, 3);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("follows a clock that is set anew when the sound begins", () => {
    watch();
    vi.advanceTimersByTime(300);
    sounds += 70;
    vi.advanceTimersByTime(5_000);
    expect(told).toHaveLength(1);
    expect(told[0]).toBeCloseTo(sounds, 3);
  });

  it("is not invented where the door does not know, and the asking ends", () => {
    ear = () => null;
    watch();
    vi.advanceTimersByTime(11_000);
    expect(told).toEqual([]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("of an answer that was cut is told when it was heard before, and otherwise never", () => {
    const heard = watch();
    vi.advanceTimersByTime(200);
    heard.cut();
    expect(told).toHaveLength(1);
    sounds = performance.now() + 200;
    const unheard = watch();
    vi.advanceTimersByTime(100);
    unheard.cut();
    vi.advanceTimersByTime(5_000);
    expect(told).toHaveLength(1);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("is not told after one stops", () => {
    watch().stop();
    vi.advanceTimersByTime(5_000);
    expect(told).toEqual([]);
  });
});
