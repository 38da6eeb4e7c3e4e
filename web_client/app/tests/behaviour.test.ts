import { describe, expect, it } from "vitest";
import { Behaviour, type Mood, type Pose, type Senses } from "../src/face/behaviour.ts";
import { Spring } from "../src/face/motion.ts";
import { Pace } from "../src/face/pace.ts";

const FRAME = 1 / 60;
const sense = (mood: Mood, more: Partial<Senses> = {}): Senses => ({ mood, input: 0, output: 0, look: null, calm: false, ...more });
const live = (behaviour: Behaviour, seconds: number, senses: Senses | ((t: number) => Senses)): Pose[] =>
  Array.from({ length: Math.round(seconds / FRAME) }, (_, i) => behaviour.step(typeof senses === "function" ? senses(i * FRAME) : senses, FRAME));
const mean = (poses: Pose[], key: keyof Pose): number => poses.reduce((sum, pose) => sum + pose[key], 0) / poses.length;
const spread = (poses: Pose[], key: keyof Pose): number => Math.max(...poses.map((p) => p[key])) - Math.min(...poses.map((p) => p[key]));
/** How often the lids fall. */
const blinks = (poses: Pose[]): number => poses.filter((pose, i) => pose.lids < 0.3 && (poses[i - 1]?.lids ?? 0) >= 0.3).length;

describe("behaviour", () => {
  it("is the same for the same seed", () => {
    expect(live(new Behaviour(5), 4, sense("idle"))).toEqual(live(new Behaviour(5), 4, sense("idle")));
  });

  it("blinks some ten to thirty times a minute", () => {
    const count = blinks(live(new Behaviour(), 60, sense("listening")).slice(60));
    expect(count).toBeGreaterThanOrEqual(10);
    expect(count).toBeLessThanOrEqual(30);
  });

  it("keeps its eyes shut while asleep and opens them when it wakes", () => {
    const behaviour = new Behaviour();
    expect(Math.max(...live(behaviour, 3, sense("asleep")).slice(60).map((p) => p.lids))).toBeLessThan(0.05);
    expect(Math.max(...live(behaviour, 1, sense("idle")).map((p) => p.lids))).toBeGreaterThan(0.85);
  });

  it("breathes", () => {
    expect(spread(live(new Behaviour(), 5, sense("idle")), "breath")).toBeGreaterThan(1.9);
  });

  it("looks up and away while it thinks, at the viewer while it listens", () => {
    const thinking = live(new Behaviour(), 6, sense("thinking")).slice(30);
    expect(mean(thinking, "gazeY")).toBeLessThan(-0.35);
    const listening = live(new Behaviour(), 20, sense("listening")).slice(30);
    expect(Math.abs(mean(listening, "gazeX"))).toBeLessThan(0.15);
  });

  it("leans in and lifts its brows when it hears someone", () => {
    const quiet = live(new Behaviour(), 4, sense("listening")).slice(-60);
    const loud = live(new Behaviour(), 4, sense("listening", { input: 0.8 })).slice(-60);
    expect(mean(loud, "lean")).toBeGreaterThan(mean(quiet, "lean") + 0.15);
    expect(mean(loud, "browLeft")).toBeGreaterThan(mean(quiet, "browLeft") + 0.15);
  });

  it("nods when a phrase ends", () => {
    const behaviour = new Behaviour();
    const during = live(behaviour, 2, sense("listening", { input: 0.7 })).slice(-30);
    const after = live(behaviour, 0.8, sense("listening"));
    expect(Math.max(...after.map((p) => p.pitch)) - mean(during, "pitch")).toBeGreaterThan(0.25);
  });

  it("moves its head with the stress of its own voice", () => {
    const still = live(new Behaviour(3), 4, sense("speaking", { output: 0.6 })).slice(60);
    const stressed = live(new Behaviour(3), 4, (t) => sense("speaking", { output: 0.6 + 0.3 * Math.sin(t * 5) })).slice(60);
    expect(spread(stressed, "pitch")).toBeGreaterThan(spread(still, "pitch") + 0.1);
  });

  it("follows what draws the eye", () => {
    const pose = live(new Behaviour(), 0.5, sense("idle", { look: { x: 1, y: -0.5 } })).at(-1);
    expect(pose?.gazeX).toBeCloseTo(0.8, 1);
    expect(pose?.gazeY).toBeCloseTo(-0.4, 1);
  });

  it("is still for those who ask for less motion, and blinks all the same", () => {
    const poses = live(new Behaviour(), 30, sense("idle", { calm: true })).slice(180);
    for (const key of ["yaw", "pitch", "roll", "lean", "breath", "gazeX"] as const) expect(spread(poses, key)).toBeLessThan(0.001);
    expect(blinks(poses)).toBeGreaterThan(1);
  });

  it("survives long pauses and odd levels", () => {
    const behaviour = new Behaviour();
    for (const pose of [behaviour.step(sense("speaking", { output: 1 }), 0.1), behaviour.step(sense("sorry"), 0), ...live(behaviour, 60, sense("speaking", { output: 1 }))]) {
      for (const value of Object.values(pose)) expect(Number.isFinite(value)).toBe(true);
    }
  });
});

describe("a spring", () => {
  it("goes half the way in its half time, without overshooting", () => {
    const spring = new Spring(0, 0.2);
    let last = 0;
    for (let i = 0; i < 12; i++) last = spring.step(1, 0.2 / 12);
    expect(last).toBeCloseTo(0.5, 2);
    for (let i = 0; i < 200; i++) expect(spring.step(1, FRAME)).toBeLessThanOrEqual(1 + 1e-9);
  });

  it("takes the same path at any frame rate", () => {
    const fine = new Spring(0, 0.2);
    const coarse = new Spring(0, 0.2);
    for (let i = 0; i < 40; i++) fine.step(1, 0.005);
    expect(coarse.step(1, 0.2)).toBeCloseTo(fine.value, 9);
  });
});

describe("pace", () => {
  /** Frames drawn in a second, when each drawn frame makes the next one late. */
  const drawn = (pace: Pace, from: number, lively: boolean, gap: number): number => {
    let count = 0;
    let now = from;
    while (now < from + 1) {
      const due = pace.due(now, lively);
      if (due) count++;
      now += due ? gap : FRAME;
    }
    return count;
  };

  it("draws lively motion at the full rate and breath at a third of it", () => {
    const pace = new Pace();
    expect(drawn(pace, 1, true, FRAME)).toBeGreaterThanOrEqual(58);
    const calm = drawn(pace, 3, false, FRAME);
    expect(calm).toBeGreaterThanOrEqual(18);
    expect(calm).toBeLessThanOrEqual(23);
  });

  it("draws eyes and mouth alone in most frames of a machine that is spared", () => {
    const pace = new Pace(true);
    const frames = { whole: 0, features: 0 };
    for (let now = 1; now < 2; now += FRAME) {
      const frame = pace.due(now, true);
      if (frame !== null) frames[frame]++;
    }
    expect(frames.whole).toBeGreaterThanOrEqual(7);
    expect(frames.whole).toBeLessThanOrEqual(10);
    expect(frames.features).toBeGreaterThan(frames.whole);
  });

  it("draws no more than some 60 a second on a faster screen", () => {
    const pace = new Pace();
    let count = 0;
    for (let now = 1; now < 2; now += 1 / 144) if (pace.due(now, true)) count++;
    expect(count).toBeLessThanOrEqual(73);
  });

  it("spares a machine that is late after each drawn frame, and recovers", () => {
    const pace = new Pace();
    expect(drawn(pace, 1, true, 0.03)).toBeGreaterThanOrEqual(25);
    for (const second of [3, 5, 7]) drawn(pace, second, true, 0.03);
    expect(drawn(pace, 9, true, 0.03)).toBeLessThanOrEqual(24);
    for (let second = 11; second < 33; second += 2) drawn(pace, second, true, FRAME);
    expect(drawn(pace, 35, true, FRAME)).toBeGreaterThanOrEqual(58);
  });
});
