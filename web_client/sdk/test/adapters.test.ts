import { describe, expect, test } from "vitest";
import { ARKIT, driveArkit, driveLive2D, driveTalkingHead, driveVrm, MouthWeights } from "../src/adapters/index.js";
import { VISEMES } from "../src/driving/visemes.js";
import { Emitter } from "../src/emitter.js";

interface Events {
  viseme: { id: number; weight: number };
  emotion: { name: string; intensity: number; ttl: number };
}

const FRAME = 1 / 60;
const source = (): Emitter<Events> => new Emitter<Events>();
const show = (face: Emitter<Events>, name: (typeof VISEMES)[number], weight = 1): void => face.emit("viseme", { id: VISEMES.indexOf(name), weight });
function frames(seconds: number, step: () => void): void {
  for (let t = 0; t < seconds; t += FRAME) step();
}

describe("weights of a mouth", () => {
  test("flow from shape to shape, closing within a few frames", () => {
    const mouth = new MouthWeights();
    mouth.set({ id: 10, weight: 1 });
    frames(0.3, () => mouth.step(FRAME));
    expect(mouth.weights[10]).toBeGreaterThan(0.95);
    mouth.set({ id: 1, weight: 1 });
    frames(0.08, () => mouth.step(FRAME));
    expect(mouth.weights[1]).toBeGreaterThan(0.85);
    expect(mouth.weights[10]).toBeLessThan(0.3);
  });

  test("are the same at any frame rate", () => {
    const [slow, fast] = [new MouthWeights(), new MouthWeights()];
    for (const mouth of [slow, fast]) mouth.set({ id: 10, weight: 0.8 });
    for (let k = 0; k < 5; k++) slow.step(0.02);
    for (let k = 0; k < 50; k++) fast.step(0.002);
    expect(slow.weights[10]).toBeCloseTo(fast.weights[10]!, 5);
  });

  test("do not jump after a pause of the page, nor go mad over odd times", () => {
    const mouth = new MouthWeights();
    mouth.set({ id: 10, weight: 1 });
    for (const seconds of [-5, 0, 3600]) mouth.step(seconds);
    expect(mouth.weights.every((weight) => weight >= 0 && weight <= 1)).toBe(true);
  });
});

describe("VRM", () => {
  function vrm() {
    const values: Record<string, number> = {};
    const face = source();
    const driven = driveVrm(face, { setValue: (name, weight) => void (values[name] = weight) });
    return { face, driven, values };
  }

  test("opens at aa, rounds at O and U, and shuts at p", () => {
    const { face, driven, values } = vrm();
    for (const [shape, part] of [["aa", "aa"], ["O", "oh"], ["U", "ou"], ["E", "ee"], ["I", "ih"]] as const) {
      show(face, shape);
      frames(0.4, () => driven.update(FRAME));
      expect(Object.entries(values).sort((a, b) => b[1] - a[1])[0]![0]).toBe(part);
    }
    show(face, "PP");
    frames(0.4, () => driven.update(FRAME));
    expect(Math.max(...["aa", "ih", "ou", "ee", "oh"].map((name) => values[name]!))).toBeLessThan(0.01);
  });

  test("takes on a mood, and lets it pass", () => {
    const { face, driven, values } = vrm();
    face.emit("emotion", { name: "laughing", intensity: 1, ttl: 2000 });
    frames(1.5, () => driven.update(FRAME));
    expect(values["happy"]).toBeGreaterThan(0.9);
    frames(3, () => driven.update(FRAME));
    expect(values["happy"]).toBeLessThan(0.05);
    face.emit("emotion", { name: "constructor", intensity: 1, ttl: 2000 });
    frames(1, () => driven.update(FRAME));
    expect(Math.max(...["happy", "sad", "angry", "relaxed", "surprised"].map((name) => values[name]!))).toBeLessThan(0.05);
  });

  test("is at rest after the end", () => {
    const { face, driven, values } = vrm();
    show(face, "aa");
    frames(0.3, () => driven.update(FRAME));
    driven.stop();
    expect(Object.values(values).every((value) => value === 0)).toBe(true);
  });
});

test("Live2D: open and wide, round, and shut", () => {
  const values: Record<string, number> = {};
  const face = source();
  let now = 0;
  const driven = driveLive2D(face, () => now);
  const model = { setParameterValueById: (id: string, value: number): void => void (values[id] = value) };
  const settle = (): void => frames(0.4, () => ((now += FRAME * 1000), driven.update(model)));
  show(face, "aa");
  settle();
  expect(values["ParamMouthOpenY"]).toBeGreaterThan(0.9);
  show(face, "I");
  settle();
  expect(values["ParamMouthForm"]).toBeGreaterThan(0.6);
  show(face, "U");
  settle();
  expect(values["ParamMouthForm"]).toBeLessThan(-0.8);
  show(face, "PP");
  settle();
  expect(values["ParamMouthOpenY"]).toBeLessThan(0.01);
});

describe("ARKit", () => {
  test("has 52 names, each once", () => {
    expect(new Set(ARKIT).size).toBe(52);
  });

  test("opens the jaw at aa, puckers at U, presses the lips at p, and stays within 0..1", () => {
    const face = source();
    const driven = driveArkit(face);
    const settled = (name: (typeof VISEMES)[number]): Record<string, number> => {
      show(face, name);
      frames(0.5, () => driven.frame(FRAME));
      return { ...driven.frame(FRAME) };
    };
    expect(settled("aa")["jawOpen"]).toBeGreaterThan(0.5);
    expect(settled("U")["mouthPucker"]).toBeGreaterThan(0.6);
    const shut = settled("PP");
    expect(shut["mouthPressLeft"]).toBeGreaterThan(0.5);
    expect(shut["jawOpen"]).toBeLessThan(0.01);
    for (const name of VISEMES) expect(Object.values(settled(name)).every((weight) => weight >= 0 && weight <= 1)).toBe(true);
  });
});

test("TalkingHead: the morph target of the shape moves, and is given back at the end", () => {
  const mtAvatar = Object.fromEntries(VISEMES.map((name) => [`viseme_${name}`, { realtime: null as number | null, needsUpdate: false }]));
  const face = source();
  const driven = driveTalkingHead(face, { mtAvatar });
  show(face, "O", 0.9);
  frames(0.4, () => driven.update(FRAME));
  expect(mtAvatar["viseme_O"]!.realtime).toBeGreaterThan(0.85);
  expect(mtAvatar["viseme_aa"]!.realtime).toBe(0);
  expect(mtAvatar["viseme_O"]!.needsUpdate).toBe(true);
  driven.stop();
  expect(mtAvatar["viseme_O"]!.realtime).toBeNull();
});
