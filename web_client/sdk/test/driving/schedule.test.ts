import fc from "fast-check";
import { expect, test } from "vitest";
import { Schedule, type Cue } from "../../src/driving/schedule.js";

const cue = (t: number, value = String(t), gen = 1): Cue<string> => ({ t, gen, value });
const values = (cues: readonly Cue<string>[]): string[] => cues.map(({ value }) => value);

test("cues are due when their sample is heard, once and in order", () => {
  const schedule = new Schedule<string>();
  schedule.add([cue(100), cue(200), cue(300)]);
  expect(values(schedule.due(99, true))).toEqual([]);
  expect(values(schedule.due(200, true))).toEqual(["100", "200"]);
  expect(values(schedule.due(200, true))).toEqual([]);
  expect(schedule.next).toBe(300);
});

test("what is told anew takes the place of what was to come from there on", () => {
  const schedule = new Schedule<string>();
  schedule.add([cue(100), cue(200), cue(300)]);
  schedule.replace(200, [cue(250), cue(260)]);
  expect(values(schedule.due(1000, true))).toEqual(["100", "250", "260"]);
});

test("states that are late are passed over, but for the last; events never are", () => {
  const late = 80 * 48 + 1;
  const schedule = new Schedule<string>();
  schedule.add([cue(0), cue(4), cue(late)]);
  expect(values(schedule.due(late + 5, true))).toEqual([String(late)]);
  expect(schedule.skipped).toBe(2);
  schedule.add([cue(0), cue(10)]);
  expect(values(schedule.due(1e9, true))).toEqual(["10"]);
  schedule.add([cue(0), cue(10)]);
  expect(values(schedule.due(1e9, false))).toEqual(["0", "10"]);
});

test("an interrupt forgets older generations, a hold what comes behind it", () => {
  const schedule = new Schedule<string>();
  schedule.add([cue(100, "old", 1), cue(200, "new", 2), cue(300, "newer", 2)]);
  schedule.purge(2);
  schedule.cut(300);
  expect(values(schedule.due(1000, false))).toEqual(["new"]);
});

test("a flood is cut off and counted", () => {
  const schedule = new Schedule<string>();
  schedule.add(Array.from({ length: 25_000 }, (_, t) => cue(t)));
  expect(schedule.size).toBe(10_000);
  expect(schedule.skipped).toBe(15_000);
});

test("whatever is told, nothing fires early, twice, out of order, or after it was cut", () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant("replace" as const), t: fc.nat(1000), cues: fc.array(fc.nat(300), { maxLength: 5 }) }),
    fc.record({ kind: fc.constant("cut" as const), t: fc.nat(1000) }),
    fc.record({ kind: fc.constant("purge" as const), gen: fc.nat(5) }),
    fc.record({ kind: fc.constant("hear" as const), by: fc.nat(200) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const schedule = new Schedule<number>();
      let heard = 0;
      let gen = 0;
      let id = 0;
      let valid = new Map<number, number>();
      for (const s of steps) {
        switch (s.kind) {
          case "replace": {
            const cues = s.cues.map((dt) => ({ t: s.t + dt, gen, value: id++ }));
            valid = new Map([...[...valid].filter(([, t]) => t < s.t), ...cues.map(({ t, value }) => [value, t] as const)]);
            schedule.replace(s.t, cues);
            break;
          }
          case "cut":
            valid = new Map([...valid].filter(([, t]) => t < s.t));
            schedule.cut(s.t);
            break;
          case "purge":
            if (s.gen > gen) valid = new Map();
            gen = Math.max(gen, s.gen);
            schedule.purge(gen);
            break;
          case "hear": {
            heard += s.by;
            const fired = schedule.due(heard, false);
            expect(fired.map(({ t }) => t)).toEqual(fired.map(({ t }) => t).toSorted((a, b) => a - b));
            for (const { t, value } of fired) {
              expect(t).toBeLessThanOrEqual(heard);
              expect(valid.delete(value)).toBe(true);
            }
            expect([...valid.values()].every((t) => t > heard)).toBe(true);
          }
        }
      }
    }),
  );
});
