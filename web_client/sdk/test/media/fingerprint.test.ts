import { describe, expect, test } from "vitest";
import { AnchorEstimate } from "../../src/media/anchor.js";
import { FingerprintMatcher, type Match } from "../../src/media/fingerprint.js";
import { Loudness } from "../../worklets/fingerprint.js";

/** Numbers in [0, 1) that are the same each time. */
function* numbers(seed: number): Generator<number, never> {
  for (let x = seed; ; ) yield (x = (x * 16807) % 2147483647) / 2147483647;
}

/** Noise in syllables. */
function voice(seconds: number, seed = 1): Float32Array {
  const random = numbers(seed);
  const out = new Float32Array(seconds * 48_000);
  let level = 0;
  for (let k = 0; k < out.length; k++) {
    if (k % 4800 === 0) level = 10 ** (-2 * random.next().value);
    out[k] = level * (random.next().value - 0.5);
  }
  return out;
}

/** Marks as the server makes them: every 480 samples. */
function marksOf(sound: Float32Array): Uint8Array {
  const loudness = new Loudness();
  const levels: number[] = [];
  loudness.push(sound, (level, taken) => taken % 480 === 0 && levels.push(Math.round(level)));
  return Uint8Array.from(levels);
}

/** The sound from sample `from` on, as the worklet reports it, beginning at frame `frame`. The last match in it. */
function listen(matcher: FingerprintMatcher, sound: Float32Array, from: number, frame: number, seconds: number): Match | null {
  const loudness = new Loudness();
  let levels: number[] = [];
  let first = 0;
  let found: Match | null = null;
  loudness.push(sound.subarray(from, from + seconds * 48_000), (level, taken) => {
    if (levels.length === 0) first = frame + taken;
    levels.push(level);
    if (levels.length < 20) return;
    found = matcher.heard(first, levels) ?? found;
    levels = [];
  });
  return found;
}

describe("marks in what is heard", () => {
  const sound = voice(4);
  const marks = marksOf(sound);

  test.each([0, 17, 60, 119, 4321])("are found to about a millisecond (%i samples off)", (off) => {
    const matcher = new FingerprintMatcher();
    matcher.told(100, marks.slice(0, 100));
    const match = listen(matcher, sound, off, 7000, 2)!;
    // Sample 0 of the sound is media sample 48,000; the listener's frame 7,000 is sample `off`.
    expect(Math.abs(match.t - 48_000 - off - (match.frame - 7000))).toBeLessThan(60);
  });

  test("are found in a sound that is softer and noisy", () => {
    const random = numbers(5);
    const noisy = sound.map((x) => 0.3 * x + 0.002 * (random.next().value - 0.5));
    const matcher = new FingerprintMatcher();
    matcher.told(0, marks.slice(0, 100));
    const match = listen(matcher, noisy, 0, 0, 2)!;
    expect(Math.abs(match.t - match.frame)).toBeLessThan(48);
  });

  test("are not found in another sound, in silence, or in a tone that says nothing of time", () => {
    const other = new FingerprintMatcher();
    other.told(0, marks.slice(0, 100));
    expect(listen(other, voice(4, 99), 0, 0, 3)).toBeNull();
    expect(listen(other, new Float32Array(48_000), 0, 48_000 * 9, 1)).toBeNull();
    const flat = new FingerprintMatcher();
    flat.told(0, new Uint8Array(200).fill(80));
    expect(listen(flat, sound, 0, 0, 3)).toBeNull();
  });

  test("are found however many newer ones were told before they are heard: a jitter buffer holds the sound back", () => {
    const matcher = new FingerprintMatcher();
    const ends: number[] = [];
    const loudness = new Loudness();
    let levels: number[] = [];
    let told = 0;
    loudness.push(sound, (level, taken) => {
      // what is heard lags 0.7 s behind what was told
      for (; told < marks.length && told * 480 < taken + 0.7 * 48_000; told += 16) matcher.told(told, marks.slice(told, told + 16));
      levels.push(level);
      if (levels.length < 20) return;
      const match = matcher.heard(taken - 19 * 120, levels);
      if (match) {
        expect(Math.abs(match.t - match.frame)).toBeLessThan(120);
        ends.push(match.t / 480);
      }
      levels = [];
    });
    expect(ends[0]).toBe(80);
    expect(ends).toEqual(ends.toSorted((a, b) => a - b));
    expect(new Set(ends).size).toBe(ends.length);
    expect(ends.length).toBeGreaterThan(15);
  });

  test("are found when they are told after they were heard", () => {
    const matcher = new FingerprintMatcher();
    expect(listen(matcher, sound, 0, 0, 1.5)).toBeNull();
    matcher.told(0, marks.slice(0, 100));
    // The first level is that of the first 480 samples; 29 whole reports went before.
    const match = matcher.heard(480 + 29 * 20 * 120, new Array<number>(20).fill(0));
    expect(match).not.toBeNull();
    expect(Math.abs(match!.t - match!.frame)).toBeLessThan(48);
  });

  test("are given up after a while", () => {
    const matcher = new FingerprintMatcher();
    matcher.told(0, marks.slice(0, 100));
    listen(matcher, new Float32Array(2 * 48_000), 0, 0, 2);
    expect(listen(matcher, sound, 0, 2 * 48_000, 2)).toBeNull();
  });

  test("a gap in either begins anew", () => {
    const matcher = new FingerprintMatcher();
    matcher.told(0, marks.slice(0, 79));
    matcher.told(90, marks.slice(90, 100));
    expect(listen(matcher, sound, 0, 0, 2)).toBeNull();
    const broken = new FingerprintMatcher();
    broken.told(0, marks.slice(0, 80));
    listen(broken, sound, 0, 0, 0.5);
    expect(listen(broken, sound, 24_000, 100_000, 0.5)).toBeNull();
  });
});

describe("the anchor", () => {
  test("is the median, and single estimates that are far off do not move it", () => {
    const anchor = new AnchorEstimate();
    for (const noise of [0, 100, -100, 50, -50, 10_000, -10_000]) anchor.add(2 ** 32 - 1000 + noise, 0);
    expect(Math.abs(anchor.add(2 ** 32 - 1000, 0))).toBeLessThanOrEqual(100);
  });

  test("stands when a queue makes the rest of an answer late, for some seconds", () => {
    const anchor = new AnchorEstimate();
    for (let k = 0; k < 30; k++) anchor.add(k * 480, k * 480);
    for (let k = 0; k < 11; k++) expect(anchor.add(k * 480 + 3000, k * 480)).toBe(-3000);
    expect(anchor.add(0, 0)).toBe(0);
    for (let k = 0; k < 11; k++) expect(anchor.add(k * 480 + 3000, k * 480)).toBe(-3000);
  });

  test("goes through the wrap of RTP time", () => {
    const anchor = new AnchorEstimate();
    expect(anchor.add(2 ** 32 - 480, 48_000)).toBe(0);
    expect(anchor.add(480, 48_960)).toBe(0);
  });

  test("follows a stream that was moved, when the new place lasts", () => {
    const anchor = new AnchorEstimate();
    for (let k = 0; k < 50; k++) anchor.add(k * 480, k * 480);
    const moved = Array.from({ length: 14 }, (_, k) => anchor.add(1e6 + k * 480, k * 480));
    expect(moved).toEqual([...Array<number>(11).fill(-1e6), 0, 0, 0]);
    const back = Array.from({ length: 4 }, (_, k) => anchor.add(k * 480, k * 480));
    expect(back).toEqual([1e6, 1e6, 0, 0]);
  });
});
