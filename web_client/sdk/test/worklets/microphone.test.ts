import { describe, expect, test } from "vitest";
import { Framer, Resampler } from "../../worklets/microphone.js";

function resample(from: number, hertz: number, seconds = 0.5): number[] {
  const resampler = new Resampler(from, 16_000);
  const out: number[] = [];
  for (let at = 0; at < from * seconds; at += 128) {
    const block = Float32Array.from({ length: 128 }, (_, k) => Math.sin((2 * Math.PI * hertz * (at + k)) / from));
    resampler.push(block, (sample) => out.push(sample));
  }
  return out;
}

/** Root mean square once the filter has settled. */
const rms = (samples: number[]): number => {
  const settled = samples.slice(200);
  return Math.sqrt(settled.reduce((sum, sample) => sum + sample * sample, 0) / settled.length);
};
const db = (ratio: number): number => 20 * Math.log10(ratio);

describe.each([48_000, 44_100, 96_000, 32_000, 16_000, 8_000])("from %i Hz", (from) => {
  test("the number of samples is right", () => {
    const blocks = Math.ceil((from * 0.5) / 128);
    expect(Math.abs(resample(from, 440).length - (blocks * 128 * 16_000) / from)).toBeLessThan(3);
  });

  test.each([100, 1000, 3000])("%i Hz comes through unchanged", (hertz) => {
    expect(Math.abs(db(rms(resample(from, hertz)) * Math.SQRT2))).toBeLessThan(0.2);
  });
});

test.each([9_500, 12_000, 20_000])("%i Hz leaves no alias", (hertz) => {
  expect(db(rms(resample(48_000, hertz)) * Math.SQRT2)).toBeLessThan(-45);
});

test("a tone is a tone: nothing is lost between the blocks", () => {
  const out = resample(44_100, 1000).slice(200, 1800);
  const [sine, cosine] = [Math.sin, Math.cos].map((wave) => out.reduce((sum, sample, k) => sum + sample * wave((2 * Math.PI * 1000 * k) / 16_000), 0) / 800);
  const residue = out.map((sample, k) => sample - sine! * Math.sin((2 * Math.PI * k) / 16) - cosine! * Math.cos((2 * Math.PI * k) / 16));
  expect(db(Math.sqrt(residue.reduce((sum, r) => sum + r * r, 0) / residue.length))).toBeLessThan(-50);
});

test("frames have 320 samples of 16 bits, and too loud is as loud as it goes", () => {
  const frames: Int16Array[] = [];
  const framer = new Framer((frame) => frames.push(frame));
  for (let k = 0; k < 700; k++) framer.push(k === 0 ? 1.5 : k === 1 ? -1.5 : 0.5);
  expect(frames.map((frame) => frame.length)).toEqual([320, 320]);
  expect([...frames[0]!.slice(0, 3)]).toEqual([32767, -32767, 16384]);
});
