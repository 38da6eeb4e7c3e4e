import { describe, expect, it } from "vitest";
import { mouthPaths } from "../src/face/mouth.ts";
import { approach, mix, REST, VISEMES, visemeShape, type MouthShape } from "../src/face/visemes.ts";

const ids = VISEMES.map((name, id) => ({ name, id }));
const keys = Object.keys(REST) as (keyof MouthShape)[];

/** Smallest and largest y of all points of an outline (control points included). */
function height(path: string): { top: number; bottom: number } {
  const ys = [...path.matchAll(/(-?[\d.]+) (-?[\d.]+)/g)].map((m) => Number(m[2]));
  return { top: Math.min(...ys), bottom: Math.max(...ys) };
}

describe("viseme shapes", () => {
  it("are the Oculus 15 in their order", () => {
    expect(VISEMES.join(" ")).toBe("sil PP FF TH DD kk CH SS nn RR aa E I O U");
  });

  it.each(ids)("$name stays within the ranges", ({ id }) => {
    const shape = visemeShape(id);
    for (const key of keys) {
      expect(shape[key]).toBeGreaterThanOrEqual(key === "wide" ? -1 : 0);
      expect(shape[key]).toBeLessThanOrEqual(1);
    }
  });

  it("differ from each other", () => {
    expect(new Set(ids.map(({ id }) => JSON.stringify(visemeShape(id)))).size).toBe(15);
  });

  it("tell the sounds apart as faces do", () => {
    const [sil, pp, ff, , , , , , , , aa, e, i, o, u] = ids.map(({ id }) => visemeShape(id)) as [MouthShape, ...MouthShape[]];
    expect(pp?.open).toBe(0);
    expect(pp?.press).toBe(1);
    expect(ff?.tuck).toBe(1);
    expect(sil).toEqual(REST);
    expect(aa!.open).toBeGreaterThan(o!.open);
    expect(o!.open).toBeGreaterThan(u!.open);
    expect(i!.wide).toBeGreaterThan(e!.wide);
    expect(u!.round).toBeGreaterThan(o!.round);
  });

  it("grow with their weight from the mouth at rest", () => {
    for (const { id } of ids) {
      expect(visemeShape(id, 0)).toEqual(REST);
      const half = visemeShape(id, 0.5);
      for (const key of keys) expect(half[key]).toBeCloseTo(visemeShape(id)[key] / 2, 12);
      expect(visemeShape(id, 7)).toEqual(visemeShape(id, 1));
    }
  });

  it.each([-1, 15, 1.5, Number.NaN])("refuses %d and says what it takes", (id) => {
    expect(() => visemeShape(id)).toThrow(/from 0 to 14/);
  });
});

describe("interpolation", () => {
  const aa = visemeShape(10);
  const u = visemeShape(14);

  it("begins at one shape and ends at the other", () => {
    expect(mix(aa, u, 0)).toEqual(aa);
    for (const key of keys) expect(mix(aa, u, 1)[key]).toBeCloseTo(u[key], 12);
  });

  it("never overshoots and always comes closer", () => {
    const wrong: string[] = [];
    for (const from of ids) {
      for (const to of ids) {
        let now = visemeShape(from.id);
        const target = visemeShape(to.id);
        for (let frame = 0; frame < 20; frame++) {
          const next = approach(now, target, 1 / 60);
          for (const key of keys) {
            const before = target[key] - now[key];
            const after = target[key] - next[key];
            if (Math.abs(after) > Math.abs(before) + 1e-12 || after * before < -1e-12) wrong.push(`${from.name} to ${to.name}: ${key}`);
          }
          now = next;
        }
      }
    }
    expect(wrong).toEqual([]);
  });

  it("does not depend on the frame rate", () => {
    let fine = REST;
    for (let i = 0; i < 30; i++) fine = approach(fine, aa, 0.002);
    const coarse = approach(REST, aa, 0.06);
    for (const key of keys) expect(fine[key]).toBeCloseTo(coarse[key], 9);
  });

  it("is nearly there within 100 ms", () => {
    expect(approach(REST, aa, 0.1).open).toBeGreaterThan(0.94 * aa.open);
    expect(approach(aa, visemeShape(1), 0.1).press).toBeGreaterThan(0.94);
  });

  it("stands still when no time passes", () => {
    expect(approach(aa, u, 0)).toEqual(aa);
    expect(approach(aa, u, -1)).toEqual(aa);
  });
});

describe("outlines", () => {
  it.each(ids)("$name is drawn with finite numbers at every smile", ({ id }) => {
    for (const smile of [-1, 0, 0.5, 1]) {
      const paths = mouthPaths(visemeShape(id), smile);
      for (const value of Object.values(paths)) expect(String(value)).not.toMatch(/NaN|Infinity|undefined/);
    }
  });

  it("opens inside the lips", () => {
    for (const { id } of ids) {
      const paths = mouthPaths(visemeShape(id), 0.4);
      expect(height(paths.lips).bottom).toBeGreaterThanOrEqual(height(paths.inside).bottom - 6);
      expect(paths.halfWidth).toBeGreaterThan(10);
    }
  });

  it("drops the jaw with the opening", () => {
    expect(mouthPaths(REST, 0).drop).toBe(0);
    expect(mouthPaths(visemeShape(10), 0).drop).toBeGreaterThan(mouthPaths(visemeShape(12), 0).drop);
  });

  it("is narrower for U than at rest, wider for I", () => {
    const width = (id: number): number => mouthPaths(visemeShape(id), 0).halfWidth;
    expect(width(14)).toBeLessThan(width(0) * 0.75);
    expect(width(12)).toBeGreaterThan(width(0));
  });

  it("lifts its corners with a smile", () => {
    expect(mouthPaths(REST, 1).cornerY).toBeLessThan(mouthPaths(REST, 0).cornerY);
    expect(mouthPaths(REST, -1).cornerY).toBeGreaterThan(mouthPaths(REST, 0).cornerY);
  });
});
