import { describe, expect, it } from "vitest";
import { LoudnessMouth, type Viseme } from "../src/face/loudness.ts";
import { VISEMES } from "../src/face/visemes.ts";

const FRAME = 1 / 60;
const VOWELS = new Set(["aa", "E", "I", "O", "U"]);
const run = (mouth: LoudnessMouth, seconds: number, level: (t: number) => number): Viseme[] =>
  Array.from({ length: Math.round(seconds / FRAME) }, (_, i) => mouth.step(level(i * FRAME), FRAME));
const names = (visemes: Viseme[]): string[] => visemes.map(({ id }) => VISEMES[id] ?? "");
const changes = (list: string[]): string[] => list.filter((name, i) => name !== list[i - 1]);

/** Four syllables a second, as speech has: 0.85 at their height, 0.35 between. */
const speech = (t: number): number => 0.6 + 0.25 * Math.sin(2 * Math.PI * 4 * t);

describe("a mouth driven by loudness", () => {
  it("is closed in silence", () => {
    for (const viseme of run(new LoudnessMouth(), 1, () => 0)) expect(viseme).toEqual({ id: 0, weight: 0 });
  });

  it("opens for about one vowel a syllable and closes between", () => {
    const seen = changes(names(run(new LoudnessMouth(), 3, speech)));
    const vowels = seen.filter((name) => VOWELS.has(name));
    expect(vowels.length).toBeGreaterThanOrEqual(10);
    expect(vowels.length).toBeLessThanOrEqual(14);
    expect(seen.filter((name) => !VOWELS.has(name) && name !== "sil").length).toBeGreaterThanOrEqual(9);
  });

  it("is not the same flap again and again", () => {
    const vowels = changes(names(run(new LoudnessMouth(), 3, speech))).filter((name) => VOWELS.has(name));
    expect(new Set(vowels).size).toBeGreaterThanOrEqual(3);
  });

  it("moves as much for a quiet voice as for a loud one", () => {
    const widest = (offset: number): number => Math.max(...run(new LoudnessMouth(), 6, (t) => speech(t) - offset).slice(-120).map((v) => v.weight));
    expect(widest(0.22)).toBeGreaterThan(0.8 * widest(0));
  });

  it("shuts within 150 ms after the voice ends", () => {
    const mouth = new LoudnessMouth();
    run(mouth, 1, speech);
    expect(names(run(mouth, 0.15, () => 0)).at(-1)).toBe("sil");
  });

  it("takes levels that are none", () => {
    const mouth = new LoudnessMouth();
    for (const level of [Number.NaN, -3, 40]) {
      const { id, weight } = mouth.step(level, FRAME);
      expect(VISEMES[id]).toBeDefined();
      expect(weight).toBeGreaterThanOrEqual(0);
      expect(weight).toBeLessThanOrEqual(1);
    }
  });
});
