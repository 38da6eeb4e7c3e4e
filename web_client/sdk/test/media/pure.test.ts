import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { FrameMap } from "../../src/media/frame_map.js";
import { Gate } from "../../src/media/gate.js";
import { loudness } from "../../src/media/level.js";
import { PlayoutReports } from "../../src/media/playout.js";
import { RtpClock } from "../../src/media/rtp_clock.js";
import { Upsampler } from "../../src/media/upsampler.js";

describe("loudness", () => {
  const sine = (peak: number) => Float32Array.from({ length: 1000 }, (_, k) => peak * Math.sin((2 * Math.PI * k) / 100));

  test("is 0 for silence and below -55 dBFS, 1 from -10 dBFS on, linear in dB between", () => {
    expect(loudness(new Float32Array(100))).toBe(0);
    expect(loudness(sine(Math.SQRT2 * 10 ** (-60 / 20)))).toBe(0);
    expect(loudness(sine(Math.SQRT2 * 10 ** (-32.5 / 20)))).toBeCloseTo(0.5, 3);
    expect(loudness(sine(1))).toBe(1);
  });
});

describe("frame map", () => {
  test("runs from each mark to the next", () => {
    const map = new FrameMap();
    expect(map.at(5)).toBeNull();
    map.add({ frame: 1000, t: 480 });
    map.add({ frame: 2000, t: 9000 });
    expect(map.at(999)).toBeNull();
    expect(map.at(1000)).toBe(480);
    expect(map.at(1999.5)).toBe(1479.5);
    expect(map.at(2000)).toBe(9000);
  });

  test("forgets old marks, not new ones", () => {
    const map = new FrameMap();
    for (let n = 0; n < 1000; n++) map.add({ frame: n * 10, t: n * 100 });
    expect(map.at(9995)).toBe(99905);
    expect(map.at(5)).toBeNull();
  });
});

describe("RTP clock", () => {
  test("knows nothing before the server has told its clock", () => {
    expect(new RtpClock().heard({ rtpTimestamp: 5, timestamp: 0 }, 0)).toBeNull();
    const clock = new RtpClock();
    clock.anchor(0, 48_000, 7);
    expect(clock.heard({ rtpTimestamp: 480, timestamp: 0, source: 7 }, 0)).toBe(48_480);
    expect(clock.heard({ rtpTimestamp: 480, timestamp: 0, source: 8 }, 0)).toBeNull(); // another stream's times begin anywhere
    clock.reset();
    expect(clock.heard({ rtpTimestamp: 480, timestamp: 0, source: 7 }, 0)).toBeNull();
  });

  test("is the decoded time, plus its age of at most 60 ms, minus the way to the ear", () => {
    const clock = new RtpClock();
    clock.anchor(1000, 0);
    clock.playoutDelayMs = 30;
    expect(clock.heard({ rtpTimestamp: 1000 + 48_000, timestamp: 100 }, 120)).toBe(48_000 + 20 * 48 - 30 * 48);
    expect(clock.heard({ rtpTimestamp: 1000 + 48_000, timestamp: 100 }, 9000)).toBe(48_000 + 60 * 48 - 30 * 48);
    expect(clock.heard({ rtpTimestamp: 1000, timestamp: 100 }, 100)).toBe(0);
  });

  test("goes on through the wrap of RTP time, for days", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 32 - 1 }), fc.integer({ min: 0, max: 2 ** 40 }), (rtp, t) => {
        const clock = new RtpClock();
        clock.anchor(rtp, t);
        const hour = 3600 * 48_000;
        for (let n = 0; n <= 72; n += 3) {
          expect(clock.heard({ rtpTimestamp: (rtp + n * hour) % 2 ** 32, timestamp: 0 }, 0)).toBe(t + n * hour);
        }
      }),
      { numRuns: 30 },
    );
  });
});

describe("play-out reports", () => {
  test("are made while an answer is heard, once more at its end, and then no more", () => {
    const reports = new PlayoutReports();
    expect(reports.tick(100)).toBeUndefined();
    reports.begin(1, 1000);
    expect(reports.tick(null)).toBeUndefined();
    expect(reports.tick(999)).toBeUndefined();
    expect(reports.tick(1500.4)).toEqual({ gen: 1, t_heard: 1500 });
    reports.end(1, 2000);
    expect(reports.tick(1999)).toEqual({ gen: 1, t_heard: 1999 });
    expect(reports.tick(2500)).toEqual({ gen: 1, t_heard: 2500 });
    expect(reports.tick(3000)).toBeUndefined();
  });

  test("tell of the answer that is heard, not of the one that is sent", () => {
    const reports = new PlayoutReports();
    reports.begin(1, 1000);
    reports.begin(2, 5000);
    expect(reports.tick(3000)).toEqual({ gen: 1, t_heard: 3000 });
    expect(reports.tick(5000)).toEqual({ gen: 2, t_heard: 5000 });
  });

  test("end with an interrupt, which is reported once", () => {
    const reports = new PlayoutReports();
    reports.begin(1, 1000);
    expect(reports.interrupt(2, 1700)).toEqual({ gen: 1, t_heard: 1700 });
    expect(reports.interrupt(2, 1700)).toBeUndefined();
    expect(reports.tick(1800)).toBeUndefined();
    reports.begin(3, 2000);
    expect(reports.interrupt(2, 2500)).toBeUndefined();
    expect(reports.tick(2500)).toEqual({ gen: 3, t_heard: 2500 });
  });
});

describe("gate", () => {
  test("opens when the new answer is at the ear, not before", () => {
    const gate = new Gate();
    expect(gate.open(0, null)).toBe(true);
    gate.shut(2, 1000);
    expect(gate.open(5000, 90_000)).toBe(false);
    gate.begin(1, 0, 1010);
    expect(gate.open(5000, 90_000)).toBe(false);
    gate.begin(2, 100_000, 5000);
    expect(gate.open(5010, 99_000)).toBe(false);
    expect(gate.open(5020, 99_600)).toBe(true);
    expect(gate.open(5021, 0)).toBe(true);
  });

  test("without a clock waits until the old sound has gone by", () => {
    const gate = new Gate();
    gate.shut(2, 1000);
    gate.begin(2, 100_000, 1100);
    expect(gate.open(1290, null)).toBe(false);
    expect(gate.open(1300, null)).toBe(true);
  });

  test("with a clock that stands still opens all the same", () => {
    const gate = new Gate();
    gate.shut(2, 1000);
    gate.begin(2, 100_000, 1100);
    expect(gate.open(1690, 5)).toBe(false);
    expect(gate.open(1700, 5)).toBe(true);
  });

  test("a hold lasts until the answer that goes on is at the ear", () => {
    const gate = new Gate();
    gate.begin(1, 0, 0);
    expect(gate.open(10, 500)).toBe(true);
    gate.hold(1000);
    expect(gate.open(9000, 90_000)).toBe(false);
    gate.begin(1, 100_000, 9000);
    expect(gate.open(9010, 99_000)).toBe(false);
    expect(gate.open(9020, 99_600)).toBe(true);
  });

  test("a hold ends with an interrupt and another answer", () => {
    const gate = new Gate();
    gate.hold(1000);
    gate.shut(2, 1400);
    gate.begin(1, 50_000, 1500);
    expect(gate.open(1600, 60_000)).toBe(false);
    gate.begin(2, 100_000, 2000);
    expect(gate.open(2010, 99_600)).toBe(true);
  });

  test("an interrupt that was overtaken by the newer answer does not shut it out", () => {
    const gate = new Gate();
    gate.begin(3, 100_000, 1000);
    gate.shut(2, 1010);
    expect(gate.open(1020, 100_100)).toBe(true);
    gate.shut(4, 1030);
    expect(gate.open(9000, 900_000)).toBe(false);
  });
});

describe("upsampler", () => {
  const tone = (hertz: number, samples: number) => Int16Array.from({ length: samples }, (_, k) => 20_000 * Math.sin((2 * Math.PI * hertz * k) / 24_000));

  test.each([200, 1000, 5000, 9000])("%i Hz comes through unchanged", (hertz) => {
    const out = new Upsampler().push(0, tone(hertz, 2400)).slice(100, 4700);
    // The delay: 8 samples of 24 kHz.
    const at = (k: number) => (20_000 / 32_768) * Math.sin((2 * Math.PI * hertz * (k + 100 - 16)) / 48_000);
    const error = Math.sqrt(out.reduce((sum, sample, k) => sum + (sample - at(k)) ** 2, 0) / out.length);
    expect(20 * Math.log10(error)).toBeLessThan(-45);
  });

  test("does not care how sound is cut into chunks", () => {
    const pcm = tone(700, 960);
    const whole = new Upsampler().push(0, pcm);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 300 }), { maxLength: 10 }), (sizes) => {
        const upsampler = new Upsampler();
        const out: number[] = [];
        let at = 0;
        for (const size of [...sizes, 960]) {
          out.push(...upsampler.push(2 * at, pcm.subarray(at, at + size)));
          at = Math.min(960, at + size);
        }
        expect(out).toEqual([...whole]);
      }),
    );
  });

  test("begins anew after a hole", () => {
    const upsampler = new Upsampler();
    upsampler.push(0, tone(700, 100));
    expect([...upsampler.push(9600, new Int16Array(50))].every((sample) => sample === 0)).toBe(true);
  });
});
